"""Plan which operator goes to which site, carry the plan out, and compare outputs before any training."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dysample.measure.macs import Cost
from dysample.ops.dysample import DySample
from dysample.ops.registry import build, canonical_name, operator_spec
from dysample.swap import Audit, SwapRow, swap_upsamplers
from dysample.swap.copies import copied
from dysample.swap.inputs import all_tensors

UNIT = "of the largest output"
_METHOD = "largest difference of an output, divided by the largest absolute value of the original's"


@dataclass(frozen=True, slots=True)
class Placement:
    """One operator at one site.

    Attributes:
        site: Name of the site, as in an audit.
        operator: Name of the operator, as for `build`.
    """

    site: str
    operator: str


Plan = tuple[Placement, ...]


def planned(audited: Audit, to: str, exceptions: Iterable[tuple[str, str]] = ()) -> Plan:
    """Plan one operator for all sites that are swapped by default, with exceptions.

    Args:
        audited: The sites.
        to: Name of the operator.
        exceptions: Pairs of a site's name or number and its operator; an empty name leaves the site alone.

    Raises:
        ValueError: An operator or a site is unknown.
    """
    chosen = {site.name: canonical_name(to) for site in audited.sites if site.choice == "swap"}
    names = {key: site.name for site in audited.sites for key in (site.name, str(site.order))}
    for key, operator in exceptions:
        if key not in names:
            known = ", ".join(site.name for site in audited.sites) or "none"
            raise ValueError(f"no site is called {key!r}; there are {known}, or their numbers")
        chosen[names[key]] = canonical_name(operator) if operator else ""
    return tuple(Placement(site.name, chosen[site.name]) for site in audited.sites if chosen.get(site.name))


def swap_by_plan(
    model: nn.Module, example_inputs: object, plan: Sequence[Placement]
) -> tuple[nn.Module, tuple[SwapRow, ...]]:
    """Copy a model with the operators of a plan, by one swap for each operator.

    Args:
        model: Any module; it is not touched.
        example_inputs: Arguments of the model, as for `audit`.
        plan: The placements.

    Returns:
        The copy, and the result at each site of the plan.

    Raises:
        ValueError: An operator cannot be at its site.
    """
    rows: dict[str, SwapRow] = {}
    for operator in dict.fromkeys(placement.operator for placement in plan):
        names = [placement.site for placement in plan if placement.operator == operator]
        model, report = swap_upsamplers(model, example_inputs, operator, where=names)
        for row in report.rows:
            if row.site.name in names:
                rows[row.site.name] = row
                if not row.operator:
                    raise ValueError(f"{row.site.name} cannot be swapped: {row.reason}")
    return model, tuple(rows[placement.site] for placement in plan)


@dataclass(frozen=True, slots=True)
class Start:
    """Differences of outputs before any training, relative to the largest value of the reference.

    Attributes:
        fresh: The swapped model as initialised, from the original.
        zero_offsets: A model swapped only where the plan has DySample, with all offsets zero, from the
            original.
        exact: Whether each of these sites is one upsampler in the place of an interpolation of the kind
            that it starts from, by the whole scale and without aligned corners; then `zero_offsets` is
            rounding. An enlargement by 4 takes two upsamplers, and two interpolations by 2 are not one by 4.
        interpolated: The model with zero offsets, from one with plain interpolation in place of its
            upsamplers; always rounding.
    """

    fresh: Cost
    zero_offsets: Cost
    exact: bool
    interpolated: Cost


def start_of(model: nn.Module, swapped: nn.Module, example_inputs: object, plan: Plan) -> Start:
    """Compare the outputs of the original and the swapped model for the same input.

    Args:
        model: The original in eval mode; it is not touched.
        swapped: The copy that `swap_by_plan` returned; it is not touched.
        example_inputs: The only argument of the models.
        plan: The placements in the copy.

    Raises:
        ValueError: An operator of the plan cannot be at its site.
    """
    original = outputs(model, example_inputs)
    fresh = difference(outputs(swapped, example_inputs), original)
    sampling = tuple(placement for placement in plan if operator_spec(placement.operator).factory is DySample)
    if not sampling:
        none = Cost(None, UNIT, "no operator of the DySample family is among them")
        return Start(fresh, none, False, none)
    # Swap the original again, since `swapped` may hold other operators too.
    still, rows = swap_by_plan(model, example_inputs, sampling)
    unmoved = outputs(zero_offsets(still), example_inputs)
    plain = outputs(_interpolating(still), example_inputs)
    exact = all(map(_is_exact, rows))
    return Start(fresh, difference(unmoved, original), exact, difference(unmoved, plain))


def outputs(model: nn.Module, example_inputs: object) -> tuple[Tensor, ...]:
    """Return all floating-point tensors in a model's output, however nested."""
    call: Any = model
    with torch.no_grad():
        return tuple(tensor for tensor in all_tensors(call(example_inputs)) if tensor.is_floating_point())


def difference(results: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Cost:
    """Return the largest difference, each tensor's relative to its reference's largest absolute value."""
    if [result.shape for result in results] != [reference.shape for reference in references]:
        return Cost(None, UNIT, "the number or the shapes of the outputs depend on their values")
    relative = [
        ((result - reference).abs().max() / reference.abs().max().clamp_min(1e-12)).item()
        for result, reference in zip(results, references, strict=True)
        if reference.numel()
    ]
    if not relative:
        return Cost(None, UNIT, "the model gives no floating-point tensors")
    return Cost(max(relative), UNIT, _METHOD)


def zero_offsets(model: nn.Module) -> nn.Module:
    """Put all DySample operators of a model exactly on their initial grids, in place; return the model."""
    for module in model.modules():
        if isinstance(module, DySample):
            nn.init.zeros_(module.offset.weight)
    return model


def _interpolating(model: nn.Module) -> nn.Module:
    """Copy a model with every DySample replaced by the plain interpolation that it starts from."""
    plain = copied(model)
    for parent in list(plain.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, DySample):
                setattr(parent, name, build(child.initial, child.channels, scale=child.scale))
    return plain


def _is_exact(row: SwapRow) -> bool:
    """Return whether the new upsampler starts as exactly the interpolation that it replaced."""
    site, whole = row.site, row.site.scale or 1
    sides = zip(site.input[2:], site.output[2:], strict=True)
    multiple = all(after == whole * before for before, after in sides)
    interpolates = site.mode in ("nearest", "nearest-exact", "bilinear")
    return row.scales == (whole,) and multiple and interpolates and not site.align_corners
