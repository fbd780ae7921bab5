"""The dynamic scope in numbers and as a map (Sec. 3.2, Eq. 5), and random offsets under any scope.

A scope is the factor that multiplies the raw offset, in low-res pixels, one value for x and one for y.
Offsets are (x, y) in low-res pixels.
"""

from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from dysample.explain.features import check_size
from dysample.explain.offsets import as_array, check_one_image
from dysample.explain.overlap import check_scope
from dysample.explain.statistics import Histogram, check_bins, histogram
from dysample.geometry import InitialGrid, initial_positions
from dysample.types import SamplingRecord

Axis = Literal["x", "y"]
AXES: tuple[Axis, ...] = get_args(Axis)
Squash = Literal["static", "dynamic", "tanh"]
Distribution = Literal["uniform", "normal"]
SQUASHES: tuple[Squash, ...] = get_args(Squash)


@dataclass(frozen=True, slots=True)
class ScopeSummary:
    """The scopes of one group, or of all groups together; x and y count alike.

    Attributes:
        minimum: Smallest scope.
        mean: Mean scope.
        maximum: Largest scope.
        histogram: Histogram from 0 to the operator's limit.
    """

    minimum: float
    mean: float
    maximum: float
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class ScopeStatistics:
    """The scopes of one upsampling step.

    Attributes:
        limit: Upper limit of the scope.
        overall: All groups together.
        groups: Each group.
    """

    limit: float
    overall: ScopeSummary
    groups: tuple[ScopeSummary, ...]


def scope_statistics(record: SamplingRecord, *, limit: float, bins: int = 50) -> ScopeStatistics:
    """Describe the dynamic scope of one image.

    Args:
        record: What an operator planned for one image.
        limit: Upper limit of the operator's scope, `2 * operator.scope_factor`.
        bins: Number of bins of each histogram.

    Raises:
        ValueError: The record holds several images, its scope is static, a scope is not between 0
            and the limit, or `bins` is less than one.
    """
    check_bins(bins)
    check_one_image(record)
    if not isinstance(record.scope, Tensor):
        raise ValueError(f"the scope is static, {record.scope} everywhere: there is nothing to describe")
    scope = record.scope.detach()
    # Compare in the dtype in which the operator multiplied the sigmoid by the limit.
    if not ((scope >= 0) & (scope <= scope.new_tensor(limit))).all():
        least, most = float(scope.min()), float(scope.max())
        raise ValueError(f"scopes must be between 0 and limit={limit}, got {least:.4g} to {most:.4g}")
    groups = tuple(_summary(scope[:, k], limit, bins) for k in range(scope.shape[1]))
    return ScopeStatistics(limit=limit, overall=_summary(scope, limit, bins), groups=groups)


def _summary(scope: Tensor, limit: float, bins: int) -> ScopeSummary:
    return ScopeSummary(
        minimum=float(scope.min()),
        mean=float(scope.double().mean()),
        maximum=float(scope.max()),
        histogram=histogram(scope, bins, 0.0, limit),
    )


@dataclass(frozen=True, slots=True)
class ScopeMap:
    """Selected scopes of every output point.

    Attributes:
        limit: Upper limit of the scope.
        values: Mean of the selected scopes of each point; with one group and one axis, the scope itself.
        minimum: Smallest single scope.
        mean: Mean scope.
        maximum: Largest single scope.
        histogram: Histogram of the single scopes, from 0 to the limit.
    """

    limit: float
    values: Float32[np.ndarray, "H W"]
    minimum: float
    mean: float
    maximum: float
    histogram: Histogram


def scope_map(
    record: SamplingRecord,
    *,
    limit: float,
    group: int | None = None,
    axis: Axis | None = None,
    bins: int = 50,
) -> ScopeMap:
    """Select scopes of one image by group and axis, and lay them out as a map.

    Args:
        record: What an operator planned for one image.
        limit: Upper limit of the operator's scope, `2 * operator.scope_factor`.
        group: Index of a group; None averages over all.
        axis: Direction; None averages over both.
        bins: Number of bins of the histogram.

    Raises:
        ValueError: The group or the axis does not exist, or `scope_statistics` rejects the record.
    """
    groups = len(scope_statistics(record, limit=limit, bins=bins).groups)
    if group is not None and not 0 <= group < groups:
        raise ValueError(f"group must be from 0 to {groups - 1}, got {group}")
    if axis is not None and axis not in AXES:
        raise ValueError(f"axis must be one of {', '.join(AXES)}, got {axis!r}")
    chosen = torch.as_tensor(record.scope).detach()[0].double()
    chosen = chosen if group is None else chosen[group : group + 1]
    chosen = chosen if axis is None else chosen[:, [AXES.index(axis)]]
    summary = _summary(chosen, limit, bins)
    return ScopeMap(
        limit=limit,
        values=as_array(chosen.mean(dim=(0, 1))),
        minimum=summary.minimum,
        mean=summary.mean,
        maximum=summary.maximum,
        histogram=summary.histogram,
    )


# --- Random offsets ---


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Parameters of random offsets (Sec. 3.2, Offset Scope). Equal parameters make equal offsets.

    Attributes:
        scale: Enlargement s.
        scope: Scope factor.
        strength: Factor that multiplies the raw offsets before the scope does.
        distribution: Raw offsets before that: "uniform" in [-1, 1], or "normal" with a standard
            deviation of one half, which puts one in twenty outside [-1, 1].
        squash: How a raw offset becomes an offset, see `modulate`.
        initial: Grid that the points start from.
        groups: Groups of channels with offsets of their own.
        seed: Random seed. The raw offsets do not depend on the squash; the control of the dynamic scope
            is normal with a standard deviation of one.
    """

    scale: int = 2
    scope: float = 0.25
    strength: float = 1.0
    distribution: Distribution = "uniform"
    squash: Squash = "static"
    initial: InitialGrid = "bilinear"
    groups: int = 1
    seed: int = 0


def modulate(
    raw: Float[Tensor, "b g 2 H W"],
    *,
    scope: float,
    squash: Squash,
    control: Float[Tensor, "b g 2 H W"] | None = None,
) -> tuple[Float[Tensor, "b g 2 H W"], float | Float[Tensor, "b g 2 H W"]]:
    """Turn raw offsets into offsets.

    Args:
        raw: Unlimited predictions of a network.
        scope: Scope factor.
        squash: "static" multiplies by the scope (Eq. 4); "dynamic" by 2 * scope * sigmoid(control)
            (Eq. 5); "tanh" is scope * tanh(raw), the strict limit of the paper's remark.
        control: Prediction of a network for the dynamic scope; needed only for it.

    Returns:
        The offsets, and the scope that multiplied or, for "tanh", limits them.

    Raises:
        ValueError: The squash is unknown, the scope is negative or not finite, or the dynamic scope has
            no control.
    """
    check_scope(scope)
    if squash not in SQUASHES:
        raise ValueError(f"squash must be one of {', '.join(SQUASHES)}, got {squash!r}")
    if squash == "tanh":
        return scope * torch.tanh(raw), scope
    if squash == "static":
        return scope * raw, scope
    if control is None:
        raise ValueError("the dynamic scope needs a control, the raw value that the sigmoid is taken of")
    factor = 2 * scope * torch.sigmoid(control)
    return factor * raw, factor


def random_record(disturbance: Disturbance, *, height: int, width: int) -> SamplingRecord:
    """Return random sampling points for a map of `height` x `width`.

    Raises:
        ValueError: A parameter of the disturbance, or the size of the map, is out of range.
    """
    check_size(height, width)
    _check_disturbance(disturbance)
    d = disturbance
    initial = initial_positions(height, width, scale=d.scale, like=torch.zeros(()), initial=d.initial)
    shape = (1, d.groups, *initial.shape[2:])
    generator = torch.Generator().manual_seed(d.seed)
    if d.distribution == "uniform":
        raw = torch.rand(shape, generator=generator) * 2 - 1
    else:
        raw = torch.randn(shape, generator=generator) / 2
    control = torch.randn(shape, generator=generator)
    offset, scope = modulate(d.strength * raw, scope=d.scope, squash=d.squash, control=control)
    return SamplingRecord(initial=initial, offset=offset, scope=scope)


def _check_disturbance(disturbance: Disturbance) -> None:
    if not isfinite(disturbance.strength) or disturbance.strength < 0:
        raise ValueError(f"strength must be a finite number of at least 0, got {disturbance.strength!r}")
    kinds = get_args(Distribution)
    if disturbance.distribution not in kinds:
        raise ValueError(f"distribution must be one of {', '.join(kinds)}, got {disturbance.distribution!r}")
    if disturbance.groups < 1:
        raise ValueError(f"groups must be at least 1, got {disturbance.groups}")


def amplified(record: SamplingRecord, factor: float) -> SamplingRecord:
    """Return a record with all offsets multiplied by `factor`."""
    return replace(record, offset=factor * record.offset)
