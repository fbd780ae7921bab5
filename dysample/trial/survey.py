"""Survey a model's sites and what they and a swap cost: everything is counted, nothing is timed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dysample.measure.complexity import META
from dysample.measure.macs import UNIT, Cost, count_macs
from dysample.ops.registry import OPERATORS
from dysample.swap import Audit, Site, SwapRow, audit
from dysample.swap.copies import copied, lazy_parts
from dysample.swap.inputs import tensors_in
from dysample.swap.swap import count_parameters, operator_for, replacement_for
from dysample.trial.plan import Placement, Plan, swap_by_plan


@dataclass(frozen=True, slots=True)
class Option:
    """An operator that can be at a site.

    Attributes:
        operator: Its name in `OPERATORS`.
        parameters: Number of parameters that it adds.
    """

    operator: str
    parameters: int


@dataclass(frozen=True, slots=True)
class SurveyedSite:
    """A site and its options.

    Attributes:
        site: The site.
        options: Operators that can be there, in the order of `OPERATORS`; none if it is never swapped.
    """

    site: Site
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """A model before a swap.

    Attributes:
        input: Shape of the picture that it ran with.
        levels: Shapes of the maps that its encoder returns, in order; empty if it has no module `encoder`
            that returns maps.
        sites: Its sites, in the order of their first calls.
        several_sizes: Whether it also accepted pictures of another size, which shows scales that depend
            on the size.
        parameters: Number of parameters.
        macs: Multiply-accumulates of one run.
    """

    input: tuple[int, ...]
    levels: tuple[tuple[int, ...], ...]
    sites: tuple[SurveyedSite, ...]
    several_sizes: bool
    parameters: int
    macs: Cost


def survey(model: nn.Module, example_inputs: object) -> Survey:
    """Survey a model before a swap.

    Args:
        model: The model in eval mode.
        example_inputs: Its only argument.

    Raises:
        ValueError: The model is scripted or compiled, or some of its weights have no shape yet.
    """
    if lazy := lazy_parts(model):
        raise ValueError(
            f"the weights of {', '.join(lazy)} have no shape before the model has run: run it once before"
        )
    audited = audit(model, example_inputs)
    picture = next(tensors_in(example_inputs))
    return Survey(
        input=tuple(picture.shape),
        levels=_levels(model, picture),
        sites=tuple(SurveyedSite(site, _options(site, model)) for site in audited.sites),
        several_sizes=len(audited.sizes) > 1,
        parameters=count_parameters(model),
        macs=_macs_of(model, example_inputs),
    )


def _levels(model: nn.Module, picture: Tensor) -> tuple[tuple[int, ...], ...]:
    encoder: Any = getattr(model, "encoder", None)
    if not isinstance(encoder, nn.Module):
        return ()
    try:
        with torch.no_grad():
            tensors = list(tensors_in(encoder(picture)))
    except Exception:  # any exception means that it is not an encoder of pictures
        return ()
    shapes = [tuple(tensor.shape) for tensor in tensors if tensor.ndim == 4 and min(tensor.shape[1:]) > 0]
    return tuple(shape for shape in shapes if shape != tuple(picture.shape))


def _options(site: Site, model: nn.Module) -> tuple[Option, ...]:
    if site.choice == "never":
        return ()
    owner, options = model.get_submodule(site.path), list[Option]()
    for name, spec in OPERATORS.items():
        if spec.needs_guide:
            continue
        try:
            module = _meta_replacement(site, name, owner)
        except ValueError:
            continue
        options.append(Option(name, count_parameters(module)))
    return tuple(options)


def _meta_replacement(site: Site, operator: str, owner: nn.Module) -> nn.Module:
    """Build what a swap puts at a site on the device "meta"; `owner` is the module that enlarges there.

    Raises:
        ValueError: The operator cannot be there.
    """
    with META:
        return replacement_for(site, operator_for(site, operator), owner)


def _macs_of(model: nn.Module, example_inputs: object) -> Cost:
    """Count the multiply-accumulates of one run; without a number, but with the reason, if that fails."""
    count: Callable[..., Cost] = count_macs
    try:
        return count(model, example_inputs)
    except (RuntimeError, NotImplementedError) as error:
        return Cost(None, UNIT, f"the count stopped: {str(error).splitlines()[0]}")


def audit_of(surveyed: Survey) -> Audit:
    """Return the sites alone, as an audit without sizes."""
    return Audit(tuple(row.site for row in surveyed.sites), ())


@dataclass(frozen=True, slots=True)
class PlacedSite:
    """A site after a swap.

    Attributes:
        site: Name of the site.
        operator: Name of the new operator, with its options.
        scales: Scales of the new upsamplers, in order.
        parameters: Number of their parameters.
        removed: Number of parameters of the module that they replaced.
        macs: Multiply-accumulates of the new upsamplers.
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
        placed: The swapped sites.
        parameters: Number of parameters of the whole model.
        macs: Multiply-accumulates of one run of the whole model.
    """

    placed: tuple[PlacedSite, ...]
    parameters: int
    macs: Cost


def swap_costs(model: nn.Module, example_inputs: object, plan: Plan) -> SwapCosts:
    """Count what a model costs after a swap.

    Args:
        model: The original in eval mode; it is not touched.
        example_inputs: Its only argument.
        plan: The placements.

    Raises:
        ValueError: An operator of the plan cannot be at its site.
    """
    if next(tensors_in(example_inputs)).is_meta:
        with META:  # new modules too
            swapped, rows = swap_by_plan(model, example_inputs, plan)
    else:
        swapped, rows = swap_by_plan(model, example_inputs, plan)
    placed = tuple(_placed(row, placement, model) for row, placement in zip(rows, plan, strict=True))
    return SwapCosts(placed, count_parameters(swapped), _macs_of(swapped, example_inputs))


def _placed(row: SwapRow, placement: Placement, model: nn.Module) -> PlacedSite:
    site = row.site
    if site.times > 1:
        macs = Cost(None, UNIT, f"it is called {site.times} times, with maps that may differ")
    else:
        module = _meta_replacement(site, placement.operator, model.get_submodule(site.path)).eval()
        macs = count_macs(module, torch.empty(site.input, device=META))
    return PlacedSite(site.name, row.operator, row.scales, row.parameters, row.removed, macs)


def for_counting(model: nn.Module, example_inputs: object) -> tuple[nn.Module, object]:
    """Copy a model and its inputs to the device "meta", where only shapes are computed.

    If the model cannot run without numbers, return the model and the inputs themselves.
    """
    pictures = [tensor.to(META) for tensor in tensors_in(example_inputs)]
    inputs: object = pictures if isinstance(example_inputs, list) else pictures[0]
    shapes = copied(model).to(META)
    try:
        with torch.no_grad():
            shapes(inputs)
    except Exception:  # models that need values, or do not accept this input, raise anything
        return model, example_inputs
    return shapes, inputs
