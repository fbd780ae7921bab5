"""Counting in models: on the device "meta", where nothing is computed and shapes alone go through them."""

import copy
from collections.abc import Callable

import torch
from torch import nn

from dysample.analysis.complexity.counting import META
from dysample.analysis.complexity.macs import UNIT, count_macs
from dysample.analysis.cost import Cost
from dysample.models.swap import Site
from dysample.models.swap.flow import tensors_in
from dysample.models.swap.placing import made_for, operator_at


def for_counting(model: nn.Module, example_inputs: object) -> tuple[nn.Module, object]:
    """A copy of a model and its inputs without numbers, of which shapes alone are computed.

    The model itself where it needs numbers to run.
    """
    pictures = [tensor.to(META) for tensor in tensors_in(example_inputs)]
    inputs: object = pictures if isinstance(example_inputs, list) else pictures[0]
    shapes = copy.deepcopy(model).to(META)
    try:
        with torch.no_grad():
            shapes(inputs)
    except Exception:  # whatever a model raises that looks at numbers, or does not take this input
        return model, example_inputs
    return shapes, inputs


def count_parameters(model: nn.Module) -> int:
    """All numbers that training adjusts."""
    return sum(weight.numel() for weight in model.parameters())


def macs_of(model: nn.Module, example_inputs: object) -> Cost:
    """Multiply-accumulates of one run; no number, with the reason, where they cannot be counted."""
    count: Callable[..., Cost] = count_macs
    try:
        return count(model, example_inputs)
    except (RuntimeError, NotImplementedError) as error:
        return Cost(None, UNIT, f"the count stopped: {str(error).splitlines()[0]}")


def made_without_numbers(site: Site, operator: str, owner: nn.Module) -> nn.Module:
    """What a swap puts at a site; `owner` is the module that enlarges there.

    Raises:
        ValueError: The operator cannot be there.
    """
    with META:
        return made_for(site, operator_at(site, operator), owner)
