"""Which operator goes to which site, and a model with all of them."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dysample.measure.macs import Cost
from dysample.ops.dysample import DySample
from dysample.ops.registry import build, canonical_name, operator_spec
from dysample.swap import Audit, SwapRow, swap_upsamplers
from dysample.swap.flow import tensors_in


@dataclass(frozen=True, slots=True)
class Placement:
    """One operator at one site.

    Attributes:
        site: Name of the site, as `audit` gives it.
        operator: Name of the operator, as `build` takes it.
    """

    site: str
    operator: str


Plan = tuple[Placement, ...]


def planned(found: Audit, to: str, exceptions: Iterable[tuple[str, str]] = ()) -> Plan:
    """One operator at all sites that are swapped unasked, but for exceptions.

    Args:
        found: The sites.
        to: Name of the operator.
        exceptions: Name or number of a site with the operator that it gets; an empty one leaves it alone.

    Raises:
        ValueError: There is no such operator, or no such site.
    """
    chosen = {site.name: canonical_name(to) for site in found.sites if site.choice == "swap"}
    names = {key: site.name for site in found.sites for key in (site.name, str(site.order))}
    for site, operator in exceptions:
        if site not in names:
            there = ", ".join(each.name for each in found.sites) or "none"
            raise ValueError(f"no site is called {site!r}; there are {there}, or their numbers")
        chosen[names[site]] = canonical_name(operator) if operator else ""
    order = [site.name for site in found.sites if chosen.get(site.name)]
    return tuple(Placement(name, chosen[name]) for name in order)


def swap_by_plan(
    model: nn.Module, example_inputs: object, plan: Sequence[Placement]
) -> tuple[nn.Module, tuple[SwapRow, ...]]:
    """Copy a model with the operators of a plan, by one swap for each operator.

    Args:
        model: Not touched.
        example_inputs: What it is called with, see `audit`.
        plan: What goes where.

    Returns:
        The copy, and what is at each site of the plan.

    Raises:
        ValueError: An operator cannot be at its site.
    """
    rows: dict[str, SwapRow] = {}
    for operator in dict.fromkeys(each.operator for each in plan):
        names = [each.site for each in plan if each.operator == operator]
        model, report = swap_upsamplers(model, example_inputs, operator, where=names)
        for row in report.rows:
            if row.site.name in names:
                rows[row.site.name] = row
                if not row.operator:
                    raise ValueError(f"{row.site.name} cannot be swapped: {row.reason}")
    return model, tuple(rows[each.site] for each in plan)


# How far the output of a swapped model is from the original's before any training.


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
