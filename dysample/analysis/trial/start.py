"""How far the output of a swapped model is from the original's before any training."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dysample.analysis.cost import Cost
from dysample.analysis.trial.plan import Plan, swap_by_plan
from dysample.models.swap import SwapRow
from dysample.models.swap.flow import tensors_in
from dysample.ops.dysample import DySample
from dysample.ops.registry import build, operator_spec

UNIT = "of the largest output"
_METHOD = "largest difference of an output, divided by the largest absolute value of the original's"


@dataclass(frozen=True, slots=True)
class Start:
    """Differences of outputs, each relative to the largest value of the original's.

    Attributes:
        fresh: Of the swapped model as it is made.
        zero_offsets: Of a model that is swapped only where the plan has DySample, with all offsets zero.
        exact: Whether each of these sites is one upsampler in the place of an interpolation of the kind
            that it starts from, by the whole scale and without aligned corners; then `zero_offsets` is
            rounding. An enlargement by 4 is two of them, and two interpolations by 2 are not one by 4.
        interpolated: Of that model from one with plain interpolation at the same places, which is
            rounding always.
    """

    fresh: Cost
    zero_offsets: Cost
    exact: bool
    interpolated: Cost


def start_of(model: nn.Module, swapped: nn.Module, example_inputs: object, plan: Plan) -> Start:
    """Run the original and swapped models on the same input and compare what they give.

    Args:
        model: In eval mode; not touched.
        swapped: What `swap_by_plan` made of it; not touched.
        example_inputs: The one argument that they are called with.
        plan: What went where.

    Raises:
        ValueError: An operator of the plan cannot be at its site.
    """
    wanted = outputs(model, example_inputs)
    fresh = difference(outputs(swapped, example_inputs), wanted)
    sampling = tuple(each for each in plan if operator_spec(each.operator).factory is DySample)
    if not sampling:
        none = Cost(None, UNIT, "no operator of the DySample family is among them")
        return Start(fresh, none, False, none)
    # Made anew, for the original alone is without the other operators of the plan.
    still, rows = swap_by_plan(model, example_inputs, sampling)
    zero_offsets(still)
    found = outputs(still, example_inputs)
    plain = outputs(interpolating(still), example_inputs)
    exact = all(map(_is_exact, rows))
    return Start(fresh, difference(found, wanted), exact, difference(found, plain))


def _is_exact(row: SwapRow) -> bool:
    site, whole = row.site, row.site.scale or 1
    times = [after == whole * before for before, after in zip(site.input[2:], site.output[2:], strict=True)]
    interpolates = site.mode in ("nearest", "nearest-exact", "bilinear")
    return row.scales == (whole,) and all(times) and interpolates and not site.align_corners


def zero_offsets(model: nn.Module) -> None:
    """Let all DySample operators of a model sample on their grids exactly, in place."""
    for module in model.modules():
        if isinstance(module, DySample):
            nn.init.zeros_(module.offset.weight)


def interpolating(model: nn.Module) -> nn.Module:
    """A copy with the plain interpolation that each DySample starts from in its place."""
    made = copy.deepcopy(model)
    for parent in list(made.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, DySample):
                setattr(parent, name, build(child.initial, child.channels, scale=child.scale))
    return made


def outputs(model: nn.Module, example_inputs: object) -> tuple[Tensor, ...]:
    """All floating-point tensors that a model gives, whatever they lie in."""
    call: Any = model
    with torch.no_grad():
        return tuple(each for each in tensors_in(call(example_inputs)) if each.is_floating_point())


def difference(found: tuple[Tensor, ...], wanted: tuple[Tensor, ...]) -> Cost:
    """The largest difference, relative to the largest value of each tensor."""
    if [each.shape for each in found] != [each.shape for each in wanted]:
        return Cost(None, UNIT, "the number or the shapes of the outputs depend on their values")
    relative = [
        ((one - other).abs().max() / other.abs().max().clamp_min(1e-12)).item()
        for one, other in zip(found, wanted, strict=True)
        if other.numel()
    ]
    if not relative:
        return Cost(None, UNIT, "the model gives no floating-point tensors")
    return Cost(max(relative), UNIT, _METHOD)
