"""Statistics of offsets: lengths, scopes, histograms, and how many points moved out of place.

Lengths and scopes are in low-res pixels, shares are fractions of points or pairs, 0 to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from dysample.explain.offsets import (
    PairCounts,
    beyond_scope,
    clamped,
    count_pairs,
    left_own_cell,
    record_scale,
    swapped_horizontally,
    swapped_vertically,
)
from dysample.types import SamplingRecord


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in bins of equal width that cover all values.

    Attributes:
        counts: Number of values in each bin. A value on an edge belongs to the bin above it, on the last
            edge to the last bin.
        edges: Edges of the bins, ascending.
    """

    counts: Int64[np.ndarray, " n"]
    edges: Float64[np.ndarray, " n+1"]


def histogram(values: Tensor, bins: int, low: float, high: float) -> Histogram:
    """Count values between `low` and `high`; values that rounding put outside count in the outermost bins."""
    inside = values.detach().to("cpu", torch.float64).flatten().clamp(low, high).numpy()
    counts, edges = np.histogram(inside, bins=bins, range=(low, high))
    return Histogram(counts=counts.astype(np.int64), edges=edges.astype(np.float64))


def check_bins(bins: int) -> None:
    """Raise an error if a histogram would have no bins.

    Raises:
        ValueError: `bins` is less than one.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")


@dataclass(frozen=True, slots=True)
class PointStatistics:
    """Statistics of the points of one group, or of all groups together.

    Attributes:
        points: Number of points.
        left_cell: Share of points outside their own cell, see `left_own_cell`.
        swaps: Neighbouring pairs in swapped order, see `count_swaps`.
        clamped: Share of points that `sample` moves at the border, see `clamped`.
        clamped_unmoved: The same share with all offsets zero.
        beyond_scope: Share of points whose offset along x or y exceeds its scope.
        mean_length: Mean length of the offsets.
        median_length: Median length of the offsets.
        max_length: Greatest length of the offsets.
        min_scope: Smallest scope; equal to mean and largest if the scope is static.
        mean_scope: Mean scope.
        max_scope: Largest scope.
        x: Histogram of the offsets' x.
        y: Histogram of the offsets' y.
        length: Histogram of the offsets' lengths.
    """

    points: int
    left_cell: float
    swaps: PairCounts
    clamped: float
    clamped_unmoved: float
    beyond_scope: float
    mean_length: float
    median_length: float
    max_length: float
    min_scope: float
    mean_scope: float
    max_scope: float
    x: Histogram
    y: Histogram
    length: Histogram


@dataclass(frozen=True, slots=True)
class OffsetStatistics:
    """Statistics of one upsampling step; the histograms of all groups have the same bins.

    Attributes:
        overall: All groups together.
        groups: Each group.
    """

    overall: PointStatistics
    groups: tuple[PointStatistics, ...]


def offset_statistics(record: SamplingRecord, *, height: int, width: int, bins: int = 50) -> OffsetStatistics:
    """Describe the sampling points of one image.

    The histograms of x and y are symmetric about zero, that of the lengths starts at zero; all extend to the
    largest offset, the largest scope and the marginal value 1 / (2s).

    Args:
        record: What an operator planned for one image.
        height: Rows of the low-res map.
        width: Columns of the low-res map.
        bins: Number of bins of each histogram.

    Raises:
        ValueError: The record does not belong to one map of this size, see `record_scale`, or `bins` is
            less than one.
    """
    record_scale(record, height=height, width=width)
    check_bins(bins)
    with torch.no_grad():
        facts = _facts(record, height, width)
        groups = range(record.offset.shape[1])
        return OffsetStatistics(
            overall=_describe(facts, slice(None), bins),
            groups=tuple(_describe(facts, slice(group, group + 1), bins) for group in groups),
        )


@dataclass(frozen=True, slots=True)
class _Facts:
    """Properties of every point, computed once for all groups, and the limits of the histograms."""

    offset: Float[Tensor, "g 2 H W"]
    lengths: Float[Tensor, "g H W"]
    scope: Float[Tensor, "g 2 H W"]
    left: Bool[Tensor, "g H W"]
    held: Bool[Tensor, "g H W"]
    beyond: Bool[Tensor, "g H W"]
    across: Bool[Tensor, "g H W-1"]
    down: Bool[Tensor, "g H-1 W"]
    clamped_unmoved: float
    reach: float
    longest: float


def _facts(record: SamplingRecord, height: int, width: int) -> _Facts:
    points, offset, scale = record.points[0], record.offset[0], record.offset.shape[3] // height
    lengths = torch.hypot(offset[:, 0], offset[:, 1])
    scope = torch.as_tensor(record.scope, dtype=torch.float64, device=offset.device)
    least = max(float(scope.max()), 1 / (2 * scale))
    return _Facts(
        offset=offset,
        lengths=lengths,
        scope=scope.expand(record.offset.shape)[0],
        left=left_own_cell(points, scale=scale),
        held=clamped(points, height=height, width=width),
        beyond=beyond_scope(record)[0],
        across=swapped_horizontally(points),
        down=swapped_vertically(points),
        clamped_unmoved=_share(clamped(record.initial, height=height, width=width)),
        reach=max(float(offset.abs().max()), least),
        longest=max(float(lengths.max()), least),
    )


def _describe(facts: _Facts, groups: slice, bins: int) -> PointStatistics:
    lengths, scope, offset = facts.lengths[groups], facts.scope[groups], facts.offset[groups]
    return PointStatistics(
        points=lengths.numel(),
        left_cell=_share(facts.left[groups]),
        swaps=count_pairs(facts.across[groups], facts.down[groups]),
        clamped=_share(facts.held[groups]),
        clamped_unmoved=facts.clamped_unmoved,
        beyond_scope=_share(facts.beyond[groups]),
        mean_length=float(lengths.double().mean()),
        median_length=float(np.median(lengths.cpu().numpy())),
        max_length=float(lengths.max()),
        min_scope=float(scope.min()),
        mean_scope=float(scope.mean()),
        max_scope=float(scope.max()),
        x=histogram(offset[:, 0], bins, -facts.reach, facts.reach),
        y=histogram(offset[:, 1], bins, -facts.reach, facts.reach),
        length=histogram(lengths, bins, 0.0, facts.longest),
    )


def _share(chosen: Tensor) -> float:
    return int(chosen.count_nonzero()) / chosen.numel()


@dataclass(frozen=True, slots=True)
class OffsetRow:
    """One row of the table of steps and groups.

    Attributes:
        step: Name of the upsampling step.
        group: Index of the group; None for all groups together.
        statistics: The numbers.
    """

    step: str
    group: int | None
    statistics: PointStatistics


def offset_table(steps: Mapping[str, OffsetStatistics]) -> tuple[OffsetRow, ...]:
    """Return one row for each step as a whole and, if there are several, each of its groups.

    Args:
        steps: Statistics of every step, by its name.
    """
    rows: list[OffsetRow] = []
    for step, statistics in steps.items():
        rows.append(OffsetRow(step=step, group=None, statistics=statistics.overall))
        groups = statistics.groups if len(statistics.groups) > 1 else ()
        rows.extend(OffsetRow(step=step, group=k, statistics=group) for k, group in enumerate(groups))
    return tuple(rows)
