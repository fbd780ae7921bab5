"""What a model costs after a swap, site by site and as a whole: all of it counted, nothing timed."""

from dataclasses import dataclass

import torch
from torch import nn

from dysample.analysis.complexity.counting import META
from dysample.analysis.complexity.macs import UNIT, count_macs
from dysample.analysis.cost import Cost
from dysample.analysis.trial.counted import count_parameters, macs_of, made_without_numbers
from dysample.analysis.trial.plan import Placement, Plan, swap_by_plan
from dysample.models.swap import SwapRow
from dysample.models.swap.flow import tensors_in


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
