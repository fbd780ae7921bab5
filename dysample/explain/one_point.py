"""One output pixel in full: the pixels it is summed from, and the result (Figure 7).

Positions are (x, y) in low-res pixels, pixel centres at one half. Rows, columns, channels and groups are
counted from 0.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dysample.explain.footprint import Reading, footprint_of, members, one_pixel, reading
from dysample.explain.offsets import Arrows, CellWindow, as_array, window_around
from dysample.types import KernelRecord, SamplingRecord

_BORDER = 2  # cells at the border of the map that `liveliest_cell` skips, since points are clamped there
_LEAST_WINDOW = 5  # cells, as many as the largest kernel has


@dataclass(frozen=True, slots=True)
class OnePoint:
    """Result of a reading.

    Distances are Euclidean, over the channels of the group.

    Attributes:
        reading: The pixels and their weights.
        values: Value of the channel at each pixel.
        before: Value with nothing learned: read bilinearly at the initial position or, for kernels, at the
            centre of the output pixel.
        after: The weighted sum.
        output: The operator's own output.
        distances: Distance of each pixel from the output.
        distances_before: Distance of each pixel from the values with nothing learned.
    """

    reading: Reading
    values: tuple[float, ...]
    before: float
    after: float
    output: float
    distances: tuple[float, ...]
    distances_before: tuple[float, ...]


def one_point(
    record: SamplingRecord | KernelRecord,
    x: Float[Tensor, "1 c h w"],
    output: Float[Tensor, "1 c H W"],
    *,
    at: tuple[int, int],
    channel: int,
) -> OnePoint:
    """Compute one channel of an output pixel, in double precision.

    Args:
        record: What an operator planned for `x`.
        x: The low-res map.
        output: The operator's output for it.
        at: Row and column of the output pixel.
        channel: Channel of the map.

    Raises:
        ValueError: The output has no such pixel, or the map no such channel.
    """
    read = reading(record, x, at=at, channel=channel)
    channels = members(record, x, read.group)
    pixels = x[0, channels][:, list(read.rows), list(read.columns)].detach().cpu().double()
    after = pixels @ torch.tensor(read.weights, dtype=torch.float64)
    before = _unlearned(record, x, at)[channels]
    own = output[0, channels, at[0], at[1]].detach().cpu().double()
    index = channel - channels.start
    return OnePoint(
        reading=read,
        values=tuple(pixels[index].tolist()),
        before=float(before[index]),
        after=float(after[index]),
        output=float(own[index]),
        distances=tuple((pixels - own[:, None]).norm(dim=0).tolist()),
        distances_before=tuple((pixels - before[:, None]).norm(dim=0).tolist()),
    )


def most_changed_channel(
    record: SamplingRecord | KernelRecord,
    x: Float[Tensor, "1 c h w"],
    output: Float[Tensor, "1 c H W"],
    *,
    at: tuple[int, int],
    group: int,
) -> int:
    """Return the channel of a group whose output differs most from its value with nothing learned."""
    channels = members(record, x, group)
    change = output[0, channels, at[0], at[1]].detach().cpu() - _unlearned(record, x, at)[channels]
    return channels.start + int(change.abs().argmax())


def _unlearned(
    record: SamplingRecord | KernelRecord, x: Float[Tensor, "1 c h w"], at: tuple[int, int]
) -> Float[Tensor, " c"]:
    """Read all channels bilinearly at the initial position or, for kernels, the output pixel's centre."""
    if isinstance(record, SamplingRecord):
        initial = one_pixel(record, at).initial
    else:
        centre = [(index + 0.5) / record.scale for index in reversed(at)]
        initial = torch.tensor(centre, dtype=torch.float64).view(1, 1, 2, 1, 1)
    still = SamplingRecord(initial=initial, offset=torch.zeros_like(initial), scope=0.0)
    return footprint_of(still, x, at=(0, 0)).apply(x).double()


def liveliest_cell(
    record: SamplingRecord | KernelRecord | None, *, height: int, width: int
) -> tuple[int, int]:
    """Return row and column of the low-res pixel whose points move farthest on average, off the border.

    Return the middle of the map if nothing moves or there are no points.
    """
    inside = (slice(_BORDER, height - _BORDER), slice(_BORDER, width - _BORDER))
    if isinstance(record, SamplingRecord) and min(height, width) > 2 * _BORDER:
        scale = record.offset.shape[3] // height
        lengths = record.offset[0].detach().norm(dim=1).mean(0)
        by_cell = lengths.unflatten(1, (width, scale)).unflatten(0, (height, scale)).mean((1, 3))[inside]
        if by_cell.max() > 0:
            row, column = divmod(int(by_cell.argmax()), by_cell.shape[1])
            return row + _BORDER, column + _BORDER
    return height // 2, width // 2


def cell_arrows(record: SamplingRecord, cell: tuple[int, int], *, scale: int) -> tuple[Arrows, ...]:
    """Return the arrows of a cell's points, one set for each group.

    Args:
        record: What an operator planned for one image.
        cell: Row and column of the low-res pixel.
        scale: Enlargement s.
    """
    rows, columns = (slice(index * scale, (index + 1) * scale) for index in cell)
    pixels = np.mgrid[rows, columns].astype(np.int64).reshape(2, -1).T
    starts = record.initial[0, 0, :, rows, columns].flatten(1).T
    moves = record.offset[0, :, :, rows, columns].flatten(2).transpose(1, 2)
    return tuple(Arrows(as_array(starts), as_array(starts + move), pixels) for move in moves)


def shared_window(
    readings: Iterable[Reading],
    moved: Iterable[Arrows],
    cell: tuple[int, int],
    *,
    height: int,
    width: int,
) -> CellWindow:
    """Return the smallest window around a cell, of 5 x 5 low-res pixels or more, that shows all that is read.

    Args:
        readings: Readings whose low-res pixels to include.
        moved: Arrows whose ends to include, as far as they are on the map.
        cell: Row and column of a low-res pixel.
        height: Rows of the map.
        width: Columns of the map.

    Raises:
        ValueError: The cell is not on the map.
    """
    pixels = [pixel for read in readings for pixel in zip(read.rows, read.columns, strict=True)]
    for x, y in (end for arrows in moved for end in arrows.ends.tolist()):
        pixels.append((min(max(math.floor(y), 0), height - 1), min(max(math.floor(x), 0), width - 1)))
    reach = max((abs(a - b) for pixel in pixels for a, b in zip(pixel, cell, strict=True)), default=0)
    size = max(_LEAST_WINDOW, 2 * reach + 1)
    return window_around(cell[0], cell[1], size=size, height=height, width=width)
