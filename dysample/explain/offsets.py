"""Offsets of sampling points: as arrays, as arrows to draw, and what they do to the points.

Positions and offsets are (x, y) in low-res pixels, x to the right and y downwards, pixel centres at one
half. Positions are those planned, before `sample` moves points at the border. Arrays are ordered (group,
row, column) of the output grid; by cell they are ordered (group, row, column) of the low-res map, then
(sub-row, sub-column) within its pixel. Comparisons are strict: a point on a line has not crossed it.
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
        directions: Their angles in radians, -pi to pi: 0 is right, pi / 2 is down. NaN for points that
            did not move.
        scopes: Factors (x, y) that multiplied the raw offset; the same everywhere for a static scope.
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
    """Return the offsets of one image, for every group.

    Args:
        record: What an operator planned for one image.
        height: Rows of the low-res map.
        width: Columns of the low-res map.

    Raises:
        ValueError: The record does not belong to one map of this size; see `record_scale`.
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
    """Return the record of one image of a batch.

    Raises:
        ValueError: The batch has no image of that index.
    """
    if not 0 <= index < record.offset.shape[0]:
        raise ValueError(f"index must be from 0 to {record.offset.shape[0] - 1}, got {index}")
    kept = slice(index, index + 1)
    scope = record.scope[kept] if isinstance(record.scope, Tensor) else record.scope
    return SamplingRecord(initial=record.initial, offset=record.offset[kept], scope=scope)


def record_scale(record: SamplingRecord, *, height: int, width: int) -> int:
    """Return the enlargement of a record that belongs to one map of `height` x `width`.

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
    """Raise an error if a record is that of a batch.

    Raises:
        ValueError: The record holds several images.
    """
    if record.offset.shape[0] != 1:
        raise ValueError(
            f"the record must hold one image, got {record.offset.shape[0]}: choose one with one_image()"
        )


def as_array(values: Tensor) -> Float32[np.ndarray, "..."]:
    """Convert a tensor of any device and dtype to a float32 array in C order."""
    return np.ascontiguousarray(values.detach().to("cpu", torch.float32).numpy())


# --- Arrows ---


@dataclass(frozen=True, slots=True)
class CellWindow:
    """A rectangle of low-res pixels.

    Attributes:
        row: First row.
        column: First column.
        rows: Number of rows.
        columns: Number of columns.
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
        ends: Sampling positions (x, y) in low-res pixels, not clamped at the border of the map.
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
    """Return the arrows of one group, row by row of the output grid.

    Args:
        record: What an operator planned for one image.
        height: Rows of the low-res map.
        width: Columns of the low-res map.
        group: Index of the group.
        window: Cells whose points to include, all s x s of each; the whole map by default.
        every: Take every n-th row and column of the output points, starting with the window's first. A
            multiple of the scale takes the same point of each cell; a number that is coprime to the
            scale takes all of its points in turn.

    Raises:
        ValueError: The record does not belong to one map of this size, it has no such group, the window
            is not inside the map, or `every` is less than one.
    """
    scale = record_scale(record, height=height, width=width)
    window = window or CellWindow(row=0, column=0, rows=height, columns=width)
    _check_choice(record, height, width, group, window, every)
    rows = slice(window.row * scale, (window.row + window.rows) * scale, every)
    columns = slice(window.column * scale, (window.column + window.columns) * scale, every)
    starts = record.initial[0, 0, :, rows, columns]
    ends = starts + record.offset[0, group, :, rows, columns]
    pixels = np.mgrid[rows, columns].astype(np.int64)
    return Arrows(
        starts=as_array(starts.flatten(1).T),
        ends=as_array(ends.flatten(1).T),
        pixels=pixels.reshape(2, -1).T,
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


def window_around(row: int, column: int, *, size: int, height: int, width: int) -> CellWindow:
    """Return a window of `size` x `size` cells with a cell in its middle, or as close as the border allows.

    If the map has fewer rows or columns than `size`, the window has all of them.

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


# --- Movement ---


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Number of neighbouring pairs of output points for which something is true.

    Attributes:
        horizontal: Pairs (left, right) for which it is true.
        vertical: Pairs (upper, lower) for which it is true.
        horizontal_pairs: All pairs (left, right).
        vertical_pairs: All pairs (upper, lower).
    """

    horizontal: int
    vertical: int
    horizontal_pairs: int
    vertical_pairs: int

    @property
    def count(self) -> int:
        """Pairs of both kinds for which it is true."""
        return self.horizontal + self.vertical

    @property
    def share(self) -> float | None:
        """`count` as a share of all pairs, 0 to 1; None for a single point, which has no neighbour."""
        pairs = self.horizontal_pairs + self.vertical_pairs
        return self.count / pairs if pairs else None


def left_own_cell(points: Float[Tensor, "*n 2 H W"], *, scale: int) -> Bool[Tensor, "*n H W"]:
    """Mark the points outside their own cell, the low-res pixel that their output pixel is a part of.

    The cell of output row p and column q is the low-res pixel (p // s, q // s) including its edges. Both
    initial grids start every point inside it.

    Args:
        points: Sampling positions.
        scale: Enlargement s.
    """
    x, y = points.unbind(-3)
    left = torch.arange(x.shape[-1], device=x.device) // scale
    top = torch.arange(y.shape[-2], device=y.device).unsqueeze(-1) // scale
    return (x < left) | (x > left + 1) | (y < top) | (y > top + 1)


def clamped(points: Float[Tensor, "*n 2 H W"], *, height: int, width: int) -> Bool[Tensor, "*n H W"]:
    """Mark the points that `sample` moves: outside the map, or less than half a pixel inside its border.

    They are read at the nearest position in [0.5, width - 0.5] x [0.5, height - 0.5], the rectangle between
    the outermost pixel centres. The outermost points of the bilinear grid start outside of it, so some are
    clamped even without an offset.

    Args:
        points: Sampling positions.
        height: Rows of the low-res map.
        width: Columns of the low-res map.
    """
    x, y = points.unbind(-3)
    return (x < 0.5) | (x > width - 0.5) | (y < 0.5) | (y > height - 0.5)


def beyond_scope(record: SamplingRecord) -> Bool[Tensor, "b g H W"]:
    """Mark the points whose offset exceeds the scope along x or y: a raw offset outside [-1, 1].

    There can be such points, since the scope multiplies offsets but does not limit them (Sec. 3.2, Remark).
    """
    return (record.offset.abs() > record.scope).any(dim=2)


def swapped_horizontally(points: Float[Tensor, "*n 2 H W"]) -> Bool[Tensor, "*n H W-1"]:
    """Mark the pairs of points side by side of which the right one reads further left."""
    x = points.select(-3, 0)
    return x[..., 1:] < x[..., :-1]


def swapped_vertically(points: Float[Tensor, "*n 2 H W"]) -> Bool[Tensor, "*n H-1 W"]:
    """Mark the pairs of points one above the other of which the lower one reads further up."""
    y = points.select(-3, 1)
    return y[..., 1:, :] < y[..., :-1, :]


def count_swaps(points: Float[Tensor, "*n 2 H W"]) -> PairCounts:
    """Count the neighbouring points whose order is swapped (Figure 4), within cells and between them."""
    return count_pairs(swapped_horizontally(points), swapped_vertically(points))


def count_pairs(horizontal: Bool[Tensor, "..."], vertical: Bool[Tensor, "..."]) -> PairCounts:
    """Count the marked pairs side by side, and those one above the other."""
    return PairCounts(
        horizontal=int(horizontal.count_nonzero()),
        vertical=int(vertical.count_nonzero()),
        horizontal_pairs=horizontal.numel(),
        vertical_pairs=vertical.numel(),
    )
