"""What a model enlarges, what can be there, and what it costs as it is: all of it counted, nothing timed."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dysample.analysis.cost import Cost
from dysample.analysis.trial.counted import count_parameters, macs_of, made_without_numbers
from dysample.models.swap import Audit, Site, audit
from dysample.models.swap.flow import tensors_in
from dysample.ops.registry import OPERATORS


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
