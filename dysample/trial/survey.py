"""What a model enlarges, what can be there, and what it costs as it is: all of it counted, nothing timed."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dysample.measure.complexity import META
from dysample.measure.macs import UNIT, Cost, count_macs
from dysample.ops.registry import OPERATORS
from dysample.swap import Audit, Site, SwapRow, audit
from dysample.swap.flow import tensors_in
from dysample.swap.swap import operator_for, replacement_for
from dysample.trial.plan import Placement, Plan, swap_by_plan


@dataclass(frozen=True, slots=True)
class Option:
    """An operator that can be at a site.

    Attributes:
        operator: Its name in `OPERATORS`.
        parameters: That it brings there.
    """

    operator: str
    parameters: int


@dataclass(frozen=True, slots=True)
class SurveyedSite:
    """A site and what can be there.

    Attributes:
        site: The site.
        options: Operators, in the table's order; none where it is never swapped.
    """

    site: Site
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """A model as it is.

    Attributes:
        input: Shape of the picture that it was run with.
        levels: Shapes of the maps that its encoder gives, in their order; empty where it has no module
            of that name which gives maps.
        sites: What it enlarges, in the order of the first calls.
        several_sizes: Whether it took pictures of another size too, which tells scales that depend on it.
        parameters: All that training adjusts.
        macs: Of one run.
    """

    input: tuple[int, ...]
    levels: tuple[tuple[int, ...], ...]
    sites: tuple[SurveyedSite, ...]
    several_sizes: bool
    parameters: int
    macs: Cost


def survey(model: nn.Module, example_inputs: object) -> Survey:
    """Look at a model as it is.

    Args:
        model: In eval mode.
        example_inputs: The one argument that it is called with.

    Raises:
        ValueError: The model is scripted or compiled.
    """
    found = audit(model, example_inputs)
    picture = next(tensors_in(example_inputs))
    return Survey(
        input=tuple(picture.shape),
        levels=_levels(model, picture),
        sites=tuple(SurveyedSite(site, _options(site, model)) for site in found.sites),
        several_sizes=len(found.sizes) > 1,
        parameters=count_parameters(model),
        macs=macs_of(model, example_inputs),
    )


def audit_of(found: Survey) -> Audit:
    """The sites alone, as `audit` gives them."""
    return Audit(tuple(each.site for each in found.sites), ())


def _levels(model: nn.Module, picture: Tensor) -> tuple[tuple[int, ...], ...]:
    encoder: Any = getattr(model, "encoder", None)
    if not isinstance(encoder, nn.Module):
        return ()
    try:
        with torch.no_grad():
            given = list(tensors_in(encoder(picture)))
    except Exception:  # whatever it raises, it is no encoder of pictures
        return ()
    maps = [tuple(each.shape) for each in given if each.ndim == 4 and min(each.shape[1:]) > 0]
    return tuple(each for each in maps if each != tuple(picture.shape))


def _options(site: Site, model: nn.Module) -> tuple[Option, ...]:
    if site.choice == "never":
        return ()
    owner, found = model.get_submodule(site.path), list[Option]()
    for name, spec in OPERATORS.items():
        if spec.needs_guide:
            continue
        try:
            made = made_without_numbers(site, name, owner)
        except ValueError:
            continue
        found.append(Option(name, count_parameters(made)))
    return tuple(found)


# What a model costs after a swap, site by site and as a whole: all of it counted, nothing timed.


@dataclass(frozen=True, slots=True)
class PlacedSite:
    """What a swap put at a site.

    Attributes:
        site: Its name.
        operator: Name of the operator, with the options that it got there.
        scales: Of the upsamplers that are there, one after the other.
        parameters: That came.
        removed: Parameters of the module that was there.
        macs: Of what is there now.
    """

    site: str
    operator: str
    scales: tuple[int, ...]
    parameters: int
    removed: int
    macs: Cost


@dataclass(frozen=True, slots=True)
class SwapCosts:
    """A model after a swap.

    Attributes:
        placed: What was put where.
        parameters: All that training adjusts, of the whole model.
        macs: Of one run of the whole model.
    """

    placed: tuple[PlacedSite, ...]
    parameters: int
    macs: Cost


def swap_costs(model: nn.Module, example_inputs: object, plan: Plan) -> SwapCosts:
    """Look at a model after a swap.

    Args:
        model: In eval mode; not touched.
        example_inputs: The one argument that it is called with.
        plan: What goes where.

    Raises:
        ValueError: An operator of the plan cannot be at its site.
    """
    if next(tensors_in(example_inputs)).is_meta:
        with META:  # what is made on the way as well
            swapped, rows = swap_by_plan(model, example_inputs, plan)
    else:
        swapped, rows = swap_by_plan(model, example_inputs, plan)
    placed = tuple(_placed(row, each, model) for row, each in zip(rows, plan, strict=True))
    return SwapCosts(placed, count_parameters(swapped), macs_of(swapped, example_inputs))


def _placed(row: SwapRow, placement: Placement, model: nn.Module) -> PlacedSite:
    site = row.site
    if site.times > 1:
        macs = Cost(None, UNIT, f"it is called {site.times} times, with maps that may differ")
    else:
        made = made_without_numbers(site, placement.operator, model.get_submodule(site.path)).eval()
        macs = count_macs(made, torch.empty(site.input, device=META))
    return PlacedSite(site.name, row.operator, row.scales, row.parameters, row.removed, macs)


# Counting in models: on the device "meta", where nothing is computed and shapes alone go through them.


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
        return replacement_for(site, operator_for(site, operator), owner)
