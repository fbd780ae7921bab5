"""Which low-res pixels an output pixel is read from, and how its sampling point came there.

Positions are (x, y) in low-res pixels, pixel centres at one half. Rows, columns, channels and groups are
counted from 0.
"""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from dysample.analysis.footprint import footprint_of
from dysample.types import KernelRecord, SamplingRecord

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Move:
    """How a sampling point came to its place (Eqs. 3-5).

    Attributes:
        initial: Position before any offset.
        offset: Displacement (x, y), scope included.
        scope: What was multiplied onto the raw offset, for x and for y.
        dynamic: Whether that was predicted for this point (Eq. 5) or is the same everywhere (Eq. 4).
        position: Initial position plus offset.
        read: Where the map is read: `position`, held between the outermost pixels' centres.
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
    """The low-res pixels that one channel of an output pixel is summed from; those of weight zero left out.

    Attributes:
        at: Row and column of the output pixel.
        channel: Channel of the map.
        group: The group that it belongs to.
        rows: Of the low-res pixels.
        columns: Likewise.
        weights: What each is multiplied by.
        move: How the point came there; None for kernels, which stay around their own low-res pixel.
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
        """What the weights sum to."""
        return math.fsum(self.weights)


def group_count(record: SamplingRecord | KernelRecord) -> int:
    """How many groups of channels are read at places of their own; kernels serve all channels alike."""
    return record.offset.shape[1] if isinstance(record, SamplingRecord) else 1


def members(record: SamplingRecord | KernelRecord, x: Tensor, group: int) -> slice:
    """The channels of a group."""
    count = x.shape[1] // group_count(record)
    return slice(group * count, (group + 1) * count)


def reading(
    record: SamplingRecord | KernelRecord,
    x: Float[Tensor, "1 c h w"],
    *,
    at: tuple[int, int],
    channel: int,
) -> Reading:
    """Which pixels one channel of an output pixel is summed from.

    Args:
        record: What an operator planned for `x`.
        x: The low-res map.
        at: Row and column of the output pixel.
        channel: Channel of the map; its group follows from it.

    Raises:
        ValueError: The output has no such pixel, or the map no such channel.
    """
    _check(record, x, at, channel)
    group = channel // (x.shape[1] // group_count(record))
    move = None
    if isinstance(record, SamplingRecord):
        here = one_pixel(record, at)
        move = _move(here, group, x.shape[2], x.shape[3])
        found = footprint_of(here, x, at=(0, 0))
    else:
        found = footprint_of(record, x, at=at)
    used = found.weights[group] != 0
    return Reading(
        at=at,
        channel=channel,
        group=group,
        rows=tuple(found.rows[group, used].tolist()),
        columns=tuple(found.columns[group, used].tolist()),
        weights=tuple(found.weights[group, used].tolist()),
        move=move,
    )


def one_pixel(record: SamplingRecord, at: tuple[int, int]) -> SamplingRecord:
    """The record of a single output pixel: positions are absolute, so that it stands for itself."""
    here = (..., slice(at[0], at[0] + 1), slice(at[1], at[1] + 1))
    scope = record.scope[here] if isinstance(record.scope, Tensor) else record.scope
    return SamplingRecord(initial=record.initial[here], offset=record.offset[here], scope=scope)


def _check(record: SamplingRecord | KernelRecord, x: Tensor, at: tuple[int, int], channel: int) -> None:
    decided = record.offset if isinstance(record, SamplingRecord) else record.weights
    rows, columns = decided.shape[-2:]
    if not (0 <= at[0] < rows and 0 <= at[1] < columns):
        raise ValueError(f"at must be a (row, column) of the {rows} x {columns} output, got {at}")
    if not 0 <= channel < x.shape[1]:
        raise ValueError(f"channel must be from 0 to {x.shape[1] - 1}, got {channel}")


def _move(here: SamplingRecord, group: int, height: int, width: int) -> Move:
    initial = _pair(here.initial[0, 0])
    offset = _pair(here.offset[0, group])
    dynamic = isinstance(here.scope, Tensor)
    scope = _pair(here.scope[0, group]) if isinstance(here.scope, Tensor) else (here.scope, here.scope)
    position = _pair(here.points[0, group])
    read = tuple(
        min(max(place, 0.5), size - 0.5) for place, size in zip(position, (width, height), strict=True)
    )
    a, b = ((place - 0.5) % 1 for place in read)
    corners = ((1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b)
    return Move(initial, offset, scope, dynamic, position, (read[0], read[1]), corners)


def _pair(values: Float[Tensor, "2 1 1"]) -> Pair:
    x, y = values.detach().flatten().tolist()
    return x, y
