"""Offsets as arrays: how far each sampling point moved, and in which direction.

Offsets are (x, y) in low-res pixels, x to the right and y downwards. Arrays are ordered (group, row,
column) of the output grid; by cell they are ordered (group, row, column) of the low-res map, then
(sub-row, sub-column) within its pixel.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from dysample.types import SamplingRecord


@dataclass(frozen=True, slots=True)
class OffsetField:
    """The offsets of one image, float32.

    Attributes:
        scale: Enlargement s.
        vectors: Displacement (x, y) of every point in low-res pixels, scope included.
        lengths: Their lengths in low-res pixels.
        directions: Their angles in radians, -pi to pi: 0 is right, pi / 2 is down. NaN where a
            point did not move.
        scopes: What was multiplied onto the raw offset, (x, y); the same everywhere if it is static.
    """

    scale: int
    vectors: Float32[np.ndarray, "g H W 2"]
    lengths: Float32[np.ndarray, "g H W"]
    directions: Float32[np.ndarray, "g H W"]
    scopes: Float32[np.ndarray, "g H W 2"]

    @property
    def by_cell(self) -> Float32[np.ndarray, "g h w s s 2"]:
        """The vectors, indexed [group, row, column, sub-row, sub-column, axis]."""
        groups, rows, columns, _ = self.vectors.shape
        s = self.scale
        return self.vectors.reshape(groups, rows // s, s, columns // s, s, 2).swapaxes(2, 3)


def offset_field(record: SamplingRecord, *, height: int, width: int) -> OffsetField:
    """The offsets of one image, of every group.

    Args:
        record: What an operator planned for one image.
        height: Rows of the low-res map.
        width: Columns of the low-res map.

    Raises:
        ValueError: The record does not belong to one such map; see `record_scale`.
    """
    scale = record_scale(record, height=height, width=width)
    offset = record.offset[0].detach()
    scopes = torch.as_tensor(record.scope, device=offset.device).detach().expand_as(offset[None])[0]
    x, y = offset.unbind(1)
    lengths = torch.hypot(x, y)
    directions = torch.where(lengths > 0, torch.atan2(y, x), torch.nan)
    return OffsetField(
        scale=scale,
        vectors=as_array(offset.movedim(1, -1)),
        lengths=as_array(lengths),
        directions=as_array(directions),
        scopes=as_array(scopes.movedim(1, -1)),
    )


def one_image(record: SamplingRecord, index: int) -> SamplingRecord:
    """The record of one image of a batch.

    Raises:
        ValueError: The batch has no image of that index.
    """
    if not 0 <= index < record.offset.shape[0]:
        raise ValueError(f"index must be from 0 to {record.offset.shape[0] - 1}, got {index}")
    kept = slice(index, index + 1)
    scope = record.scope[kept] if isinstance(record.scope, Tensor) else record.scope
    return SamplingRecord(initial=record.initial, offset=record.offset[kept], scope=scope)


def record_scale(record: SamplingRecord, *, height: int, width: int) -> int:
    """The enlargement of a record that belongs to one image's map of `height` x `width`.

    Raises:
        ValueError: The record holds several images, does not have s * height rows and s * width
            columns, or contains an offset that is not a finite number.
    """
    check_one_image(record)
    rows, columns = record.offset.shape[3:]
    scale = rows // max(height, 1)
    if height < 1 or width < 1 or scale < 1 or (rows, columns) != (scale * height, scale * width):
        raise ValueError(f"{rows} x {columns} points are no whole multiple of a {height} x {width} map")
    if not torch.isfinite(record.offset).all():
        raise ValueError("offsets must be finite numbers, and some are infinite or not a number")
    return scale


def check_one_image(record: SamplingRecord) -> None:
    """Refuse the record of a batch.

    Raises:
        ValueError: The record holds several images.
    """
    if record.offset.shape[0] != 1:
        raise ValueError(
            f"the record must hold one image, got {record.offset.shape[0]}: choose one with one_image()"
        )


def as_array(values: Tensor) -> Float32[np.ndarray, "..."]:
    """A tensor of any device and dtype as a float32 array, in C order."""
    return np.ascontiguousarray(values.detach().to("cpu", torch.float32).numpy())


# What became of sampling points: left their cell, changed places, were held at the border.
#
# All positions are (x, y) in low-res pixels, and as they were decided: before `sample` moves the ones
# that are outside. All comparisons are strict, so a point on a line has not crossed it.


@dataclass(frozen=True, slots=True)
class PairCounts:
    """How many neighbouring pairs of output points something is true for.

    Attributes:
        horizontal: Pairs (left, right) that it is true for.
        vertical: Pairs (upper, lower) that it is true for.
        horizontal_pairs: All pairs (left, right).
        vertical_pairs: All pairs (upper, lower).
    """

    horizontal: int
    vertical: int
    horizontal_pairs: int
    vertical_pairs: int

    @property
    def count(self) -> int:
        """Pairs of both kinds that it is true for."""
        return self.horizontal + self.vertical

    @property
    def share(self) -> float | None:
        """That count over all pairs, 0 to 1; None for a single point, which has no neighbour."""
        pairs = self.horizontal_pairs + self.vertical_pairs
        return self.count / pairs if pairs else None


def left_own_cell(points: Float[Tensor, "*n 2 H W"], *, scale: int) -> Bool[Tensor, "*n H W"]:
    """The points outside their own cell, the low-res pixel that their output pixel is a part of.

    That is the square (p // s, q // s) for output row p and column q, with its edges. Both initial
    grids start every point inside it.

    Args:
        points: Sampling positions.
        scale: Enlargement s.
    """
    x, y = points.unbind(-3)
    left = torch.arange(x.shape[-1], device=x.device) // scale
    top = torch.arange(y.shape[-2], device=y.device).unsqueeze(-1) // scale
    return (x < left) | (x > left + 1) | (y < top) | (y > top + 1)


def clamped(points: Float[Tensor, "*n 2 H W"], *, height: int, width: int) -> Bool[Tensor, "*n H W"]:
    """The points that `sample` moves: less than half a pixel inside the map's border, or outside.

    They are read at the nearest place in [0.5, width - 0.5] x [0.5, height - 0.5], the rectangle
    between the outermost pixels' centres. The bilinear grid starts its outermost points there, so
    some are clamped without any offset.

    Args:
        points: Sampling positions.
        height: Rows of the low-res map.
        width: Columns of the low-res map.
    """
    x, y = points.unbind(-3)
    return (x < 0.5) | (x > width - 0.5) | (y < 0.5) | (y > height - 0.5)


def beyond_scope(record: SamplingRecord) -> Bool[Tensor, "b g H W"]:
    """The points whose offset is greater than the scope along x or y: a raw offset beyond [-1, 1].

    The scope multiplies and does not limit (Sec. 3.2, Remark), so there can be such points.
    """
    return (record.offset.abs() > record.scope).any(dim=2)


def swapped_horizontally(points: Float[Tensor, "*n 2 H W"]) -> Bool[Tensor, "*n H W-1"]:
    """For each pair of points side by side: whether the right one reads further left."""
    x = points.select(-3, 0)
    return x[..., 1:] < x[..., :-1]


def swapped_vertically(points: Float[Tensor, "*n 2 H W"]) -> Bool[Tensor, "*n H-1 W"]:
    """For each pair of points one above the other: whether the lower one reads further up."""
    y = points.select(-3, 1)
    return y[..., 1:, :] < y[..., :-1, :]


def count_swaps(points: Float[Tensor, "*n 2 H W"]) -> PairCounts:
    """The neighbouring points whose order is swapped (Figure 4), within cells and between them."""
    return count_pairs(swapped_horizontally(points), swapped_vertically(points))


def count_pairs(horizontal: Bool[Tensor, "..."], vertical: Bool[Tensor, "..."]) -> PairCounts:
    """Count the true ones among the pairs side by side, and among those one above the other."""
    return PairCounts(
        horizontal=int(horizontal.count_nonzero()),
        vertical=int(vertical.count_nonzero()),
        horizontal_pairs=horizontal.numel(),
        vertical_pairs=vertical.numel(),
    )


# Arrows from the points' initial places to where they sample, as data for drawing.
#
# Positions are (x, y) in low-res pixels, x to the right and y downwards, pixel centres at one half.


@dataclass(frozen=True, slots=True)
class CellWindow:
    """A rectangle of low-res pixels.

    Attributes:
        row: First row.
        column: First column.
        rows: How many rows.
        columns: How many columns.
    """

    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Arrows:
    """Arrows from initial to sampling positions, by (row, column) of the output grid.

    Attributes:
        starts: Initial positions (x, y) in low-res pixels.
        ends: Sampling positions (x, y) in low-res pixels, not yet moved at the map's border.
        pixels: The (row, column) of the output pixel that each arrow belongs to.
    """

    starts: Float32[np.ndarray, "n 2"]
    ends: Float32[np.ndarray, "n 2"]
    pixels: Int64[np.ndarray, "n 2"]


def arrows(
    record: SamplingRecord,
    *,
    height: int,
    width: int,
    group: int,
    window: CellWindow | None = None,
    every: int = 1,
) -> Arrows:
    """The arrows of one group, row by row of the output grid.

    Args:
        record: What an operator planned for one image.
        height: Rows of the low-res map.
        width: Columns of the low-res map.
        group: Index of the group.
        window: Cells whose points are wanted, all s x s of each; by default the whole map.
        every: Take every n-th row and every n-th column of the output points, from the window's
            first. A multiple of the scale shows the same corner of each cell; a number without a
            common divisor with it shows all corners in turn.

    Raises:
        ValueError: The record does not belong to one such map, there is no such group, the window
            is not inside the map, or `every` is less than one.
    """
    scale = record_scale(record, height=height, width=width)
    window = window or CellWindow(row=0, column=0, rows=height, columns=width)
    _check_choice(record, height, width, group, window, every)
    rows = slice(window.row * scale, (window.row + window.rows) * scale, every)
    columns = slice(window.column * scale, (window.column + window.columns) * scale, every)
    starts = record.initial[0, 0, :, rows, columns]
    ends = starts + record.offset[0, group, :, rows, columns]
    numbers = np.mgrid[rows, columns].astype(np.int64)
    return Arrows(
        starts=as_array(starts.flatten(1).T),
        ends=as_array(ends.flatten(1).T),
        pixels=numbers.reshape(2, -1).T,
    )


def window_around(row: int, column: int, *, size: int, height: int, width: int) -> CellWindow:
    """A window of `size` x `size` cells with a cell as near to its middle as the map's border allows.

    On a map with fewer rows or columns than `size`, it has all of them.

    Raises:
        ValueError: The cell is not on the map, or `size` is less than one.
    """
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"the cell must be on the {height} x {width} map, got row {row}, column {column}")
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    rows, columns = min(size, height), min(size, width)
    return CellWindow(
        row=min(max(row - rows // 2, 0), height - rows),
        column=min(max(column - columns // 2, 0), width - columns),
        rows=rows,
        columns=columns,
    )


def _check_choice(
    record: SamplingRecord, height: int, width: int, group: int, window: CellWindow, every: int
) -> None:
    if not 0 <= group < record.offset.shape[1]:
        raise ValueError(f"group must be from 0 to {record.offset.shape[1] - 1}, got {group}")
    down = 0 <= window.row < window.row + window.rows <= height
    across = 0 <= window.column < window.column + window.columns <= width
    if not (down and across):
        raise ValueError(f"the window must lie inside the {height} x {width} map, got {window}")
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}")
