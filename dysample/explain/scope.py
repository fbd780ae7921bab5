"""The dynamic scope in numbers (Sec. 3.2, Eq. 5): how far each point was allowed to move.

A scope is what the raw offset is multiplied by, in low-res pixels, one value for x and one for y.
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


@dataclass(frozen=True, slots=True)
class ScopeSummary:
    """The scopes of one group, or of all groups together; x and y are counted alike.

    Attributes:
        minimum: Smallest scope.
        mean: Mean scope.
        maximum: Largest scope.
        histogram: From 0 to the operator's limit.
    """

    minimum: float
    mean: float
    maximum: float
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class ScopeStatistics:
    """The scopes of one upsampling step.

    Attributes:
        limit: What no scope can exceed.
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
        limit: What the operator's scope cannot exceed: `2 * operator.scope_factor`.
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
    # In the scope's own dtype, in which it was multiplied by the limit.
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


# The dynamic scope as a picture: one value for every output point (Sec. 3.2, Eq. 5).
#
# A scope is what the raw offset is multiplied by, in low-res pixels, one value for x and one for y.


Axis = Literal["x", "y"]
AXES: tuple[Axis, ...] = get_args(Axis)


@dataclass(frozen=True, slots=True)
class ScopeMap:
    """The scopes that were chosen, for every output point.

    Attributes:
        limit: What no scope can exceed.
        values: Mean of a point's chosen scopes; with one group and one axis, the scope itself.
        minimum: Smallest single scope.
        mean: Mean scope.
        maximum: Largest single scope.
        histogram: Of the single scopes, from 0 to the limit.
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
    """Choose scopes of one image, and lay them out as a map.

    Args:
        record: What an operator planned for one image.
        limit: What the operator's scope cannot exceed: `2 * operator.scope_factor`.
        group: Index of a group; None averages over all.
        axis: Direction; None averages over both.
        bins: Number of bins of the histogram.

    Raises:
        ValueError: There is no such group or axis, or `scope_statistics` refuses the record.
    """
    groups = len(scope_statistics(record, limit=limit, bins=bins).groups)
    if group is not None and not 0 <= group < groups:
        raise ValueError(f"group must be from 0 to {groups - 1}, got {group}")
    if axis is not None and axis not in AXES:
        raise ValueError(f"axis must be one of {', '.join(AXES)}, got {axis!r}")
    chosen = torch.as_tensor(record.scope).detach()[0].double()
    chosen = chosen if group is None else chosen[group : group + 1]
    chosen = chosen if axis is None else chosen[:, [AXES.index(axis)]]
    return _mapped(chosen, limit, bins)


def _mapped(chosen: Tensor, limit: float, bins: int) -> ScopeMap:
    return ScopeMap(
        limit=limit,
        values=as_array(chosen.mean(dim=(0, 1))),
        minimum=float(chosen.min()),
        mean=float(chosen.mean()),
        maximum=float(chosen.max()),
        histogram=histogram(chosen, bins, 0.0, limit),
    )


# Random offsets of chosen strength, and the ways to keep offsets small (Sec. 3.2, Offset Scope).
#
# Offsets are (x, y) in low-res pixels.


Squash = Literal["static", "dynamic", "tanh"]
Distribution = Literal["uniform", "normal"]
SQUASHES: tuple[Squash, ...] = get_args(Squash)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Random offsets, by the numbers that make them. Equal ones give equal offsets.

    Attributes:
        scale: Enlargement s.
        scope: Scope factor.
        strength: What the raw offsets are multiplied by before the scope.
        distribution: Raw offsets before that: "uniform" in [-1, 1], or "normal" with a standard
            deviation of one half, of which one in twenty lies beyond [-1, 1].
        squash: How a raw offset becomes an offset, see `modulate`.
        initial: Grid that the points start from.
        groups: Groups of channels with offsets of their own.
        seed: Start of the random numbers. The raw offsets do not depend on the squash; the control
            of the dynamic scope is normal with a standard deviation of one.
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
        raw: What a network predicts, without limits.
        scope: Scope factor.
        squash: "static" multiplies by the scope (Eq. 4); "dynamic" by 2 * scope * sigmoid(control)
            (Eq. 5); "tanh" is scope * tanh(raw), the strict limit of the paper's remark.
        control: What a network predicts for the dynamic scope, which alone needs it.

    Returns:
        The offsets, and the scope that they were multiplied by or cannot exceed.

    Raises:
        ValueError: There is no such squash, the scope is negative or not finite, or the dynamic one
            has no control.
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
    """Random sampling points for a map of `height` x `width`.

    Raises:
        ValueError: A number of the disturbance, or the map's size, is out of its range.
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


def amplified(record: SamplingRecord, factor: float) -> SamplingRecord:
    """The same points with all offsets `factor` times as long: a network's own, stronger or weaker."""
    return replace(record, offset=factor * record.offset)


def _check_disturbance(disturbance: Disturbance) -> None:
    if not isfinite(disturbance.strength) or disturbance.strength < 0:
        raise ValueError(f"strength must be a finite number of at least 0, got {disturbance.strength!r}")
    kinds = get_args(Distribution)
    if disturbance.distribution not in kinds:
        raise ValueError(f"distribution must be one of {', '.join(kinds)}, got {disturbance.distribution!r}")
    if disturbance.groups < 1:
        raise ValueError(f"groups must be at least 1, got {disturbance.groups}")
