"""Which input pixels, with which weights, made one output pixel, for any operator.

Positions are (x, y) in low-res pixels, pixel centres at one half. Rows, columns, channels and groups are
counted from 0.
"""

import math
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from dysample.ops.upsampler import GuidedUpsampler
from dysample.types import KernelRecord, SamplingRecord

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Footprint:
    """Input pixels of one output pixel, and their weights; detached, on the CPU.

    There is one row for each group of channels that is read at its own points, and a single row for
    operators that treat all channels alike. Zeros read outside the map are left out.

    Attributes:
        at: Row and column of the output pixel.
        rows: Low-res rows of the n input pixels.
        columns: Their low-res columns.
        weights: Their weights; zero for pixels that only other groups read.
    """

    at: tuple[int, int]
    rows: Int[Tensor, "g n"]
    columns: Int[Tensor, "g n"]
    weights: Float[Tensor, "g n"]

    def apply(self, x: Float[Tensor, "1 c h w"]) -> Float[Tensor, " c"]:
        """Return the weighted sum over a map: the operator's value at this output pixel, by channel."""
        by_group = x[0].detach().cpu().unflatten(0, (self.weights.shape[0], -1))
        sums = [
            group[:, rows, columns].to(weights.dtype) @ weights
            for group, rows, columns, weights in zip(
                by_group, self.rows, self.columns, self.weights, strict=True
            )
        ]
        return torch.cat(sums)


class _Planner(Protocol):
    def plan(self, *inputs: Tensor | None) -> SamplingRecord | KernelRecord: ...


def footprint(
    op: nn.Module,
    x: Float[Tensor, "b c h w"],
    guide: Float[Tensor, "b g H W"] | None = None,
    *,
    at: tuple[int, int],
) -> Footprint:
    """Return which input pixels an operator weighs for one output pixel, and their weights.

    Args:
        op: An operator of `OPERATORS` that has a footprint.
        x: One low-res map, a batch of one.
        guide: The high-res guide; operators that need none ignore it.
        at: Row and column of the output pixel.

    Raises:
        ValueError: The operator has no footprint or rejects its input, `x` is not one map, or the output
            has no pixel `at`.
    """
    with torch.no_grad():
        record = decision(op, x, guide)
    if record is None:
        raise ValueError(f"{type(op).__name__} mixes channels as well as pixels and has no footprint")
    return footprint_of(record, x, at=at)


def decision(
    op: nn.Module, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None = None
) -> SamplingRecord | KernelRecord | None:
    """Return the plan of an operator of `OPERATORS`, or None if it mixes channels and so has none.

    Args:
        op: The operator.
        x: The low-res map.
        guide: The high-res guide; operators that need none ignore it.

    Raises:
        ValueError: The operator rejects its input.
    """
    if not hasattr(op, "plan"):
        return None
    planner = cast(_Planner, op)
    return planner.plan(x, guide) if isinstance(op, GuidedUpsampler) else planner.plan(x)


def footprint_of(
    record: SamplingRecord | KernelRecord, x: Float[Tensor, "b c h w"], *, at: tuple[int, int]
) -> Footprint:
    """Return the footprint of one output pixel from an operator's plan for `x`.

    Raises:
        ValueError: The plan is for several maps, or the output has no pixel `at`.
    """
    decided = record.points if isinstance(record, SamplingRecord) else record.weights
    if decided.shape[0] != 1:
        raise ValueError(f"a footprint is that of one map, got a batch of {decided.shape[0]}")
    _check_at(record, at)
    here = decided.detach()[0, ..., at[0], at[1]].cpu()
    if isinstance(record, SamplingRecord):
        return _of_points(here, at, x.shape[2], x.shape[3])
    return _of_kernel(here, at, record.scale, x.shape[2], x.shape[3])


def _check_at(record: SamplingRecord | KernelRecord, at: tuple[int, int]) -> None:
    decided = record.offset if isinstance(record, SamplingRecord) else record.weights
    rows, columns = decided.shape[-2:]
    if not (0 <= at[0] < rows and 0 <= at[1] < columns):
        raise ValueError(f"at must be a (row, column) of the {rows} x {columns} output, got {at}")


def _of_points(points: Float[Tensor, "g 2"], at: tuple[int, int], height: int, width: int) -> Footprint:
    """Weigh the four pixels around every group's point, each by the area opposite to it."""
    column = points[:, 0].clamp(0.5, width - 0.5) - 0.5
    row = points[:, 1].clamp(0.5, height - 0.5) - 0.5
    left, top = column.floor(), row.floor()
    right_share, bottom_share = column - left, row - top
    rows = torch.stack([top, top, top + 1, top + 1], dim=1).clamp(max=height - 1).long()
    columns = torch.stack([left, left + 1, left, left + 1], dim=1).clamp(max=width - 1).long()
    vertical = torch.stack([1 - bottom_share, 1 - bottom_share, bottom_share, bottom_share], dim=1)
    horizontal = torch.stack([1 - right_share, right_share, 1 - right_share, right_share], dim=1)
    weights = vertical * horizontal
    read = (weights != 0).any(0)  # a point on a pixel centre reads only that pixel
    return Footprint(at, rows[:, read], columns[:, read], weights[:, read])


def _of_kernel(
    weights: Float[Tensor, "k k"], at: tuple[int, int], scale: int, height: int, width: int
) -> Footprint:
    """Return the part inside the map of the neighbourhood that the output pixel's kernel covers."""
    reach = torch.arange(weights.shape[0]) - weights.shape[0] // 2
    rows, columns = torch.meshgrid(at[0] // scale + reach, at[1] // scale + reach, indexing="ij")
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return Footprint(at, rows[inside][None], columns[inside][None], weights[inside][None])


@dataclass(frozen=True, slots=True)
class Move:
    """Where a sampling point starts, and how it moves (Eqs. 3-5).

    Attributes:
        initial: Position before any offset.
        offset: Displacement (x, y), scope included.
        scope: Factor that multiplied the raw offset, for x and for y.
        dynamic: Whether the scope was predicted for this point (Eq. 5) or is the same everywhere (Eq. 4).
        position: Initial position plus offset.
        read: Where the map is read: `position`, clamped to between the outermost pixel centres.
        corners: Bilinear weights of the pixels to the upper left, upper right, lower left and lower right
            of `read`.
    """

    initial: Pair
    offset: Pair
    scope: Pair
    dynamic: bool
    position: Pair
    read: Pair
    corners: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """The low-res pixels of nonzero weight that one channel of an output pixel is summed from.

    Attributes:
        at: Row and column of the output pixel.
        channel: Channel of the map.
        group: Group that the channel belongs to.
        rows: Rows of the low-res pixels.
        columns: Columns of the low-res pixels.
        weights: Their weights.
        move: How the sampling point moved; None for kernels, which stay around their own low-res pixel.
    """

    at: tuple[int, int]
    channel: int
    group: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    weights: tuple[float, ...]
    move: Move | None

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return math.fsum(self.weights)


def reading(
    record: SamplingRecord | KernelRecord,
    x: Float[Tensor, "1 c h w"],
    *,
    at: tuple[int, int],
    channel: int,
) -> Reading:
    """Return which pixels one channel of an output pixel is summed from.

    Args:
        record: What an operator planned for `x`.
        x: The low-res map.
        at: Row and column of the output pixel.
        channel: Channel of the map; it determines the group.

    Raises:
        ValueError: The output has no such pixel, or the map no such channel.
    """
    _check_at(record, at)
    if not 0 <= channel < x.shape[1]:
        raise ValueError(f"channel must be from 0 to {x.shape[1] - 1}, got {channel}")
    group = channel // (x.shape[1] // group_count(record))
    move = None
    if isinstance(record, SamplingRecord):
        here = one_pixel(record, at)
        move = _move(here, group, x.shape[2], x.shape[3])
        made_of = footprint_of(here, x, at=(0, 0))
    else:
        made_of = footprint_of(record, x, at=at)
    used = made_of.weights[group] != 0
    return Reading(
        at=at,
        channel=channel,
        group=group,
        rows=tuple(made_of.rows[group, used].tolist()),
        columns=tuple(made_of.columns[group, used].tolist()),
        weights=tuple(made_of.weights[group, used].tolist()),
        move=move,
    )


def group_count(record: SamplingRecord | KernelRecord) -> int:
    """Return the number of channel groups that are read at their own points; 1 for kernels."""
    return record.offset.shape[1] if isinstance(record, SamplingRecord) else 1


def members(record: SamplingRecord | KernelRecord, x: Tensor, group: int) -> slice:
    """Return the channels of a group."""
    count = x.shape[1] // group_count(record)
    return slice(group * count, (group + 1) * count)


def one_pixel(record: SamplingRecord, at: tuple[int, int]) -> SamplingRecord:
    """Return the record of a single output pixel. Positions are absolute, so they stay valid."""
    here = (..., slice(at[0], at[0] + 1), slice(at[1], at[1] + 1))
    scope = record.scope[here] if isinstance(record.scope, Tensor) else record.scope
    return SamplingRecord(initial=record.initial[here], offset=record.offset[here], scope=scope)


def _move(here: SamplingRecord, group: int, height: int, width: int) -> Move:
    initial = _pair(here.initial[0, 0])
    offset = _pair(here.offset[0, group])
    dynamic = isinstance(here.scope, Tensor)
    scope = _pair(here.scope[0, group]) if isinstance(here.scope, Tensor) else (here.scope, here.scope)
    position = _pair(here.points[0, group])
    read = tuple(
        min(max(value, 0.5), size - 0.5) for value, size in zip(position, (width, height), strict=True)
    )
    a, b = ((value - 0.5) % 1 for value in read)
    corners = ((1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b)
    return Move(initial, offset, scope, dynamic, position, (read[0], read[1]), corners)


def _pair(values: Float[Tensor, "2 1 1"]) -> Pair:
    x, y = values.detach().flatten().tolist()
    return x, y
