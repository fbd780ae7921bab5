"""Arrows from the points' initial places to where they sample, as data for drawing.

Positions are (x, y) in low-res pixels, x to the right and y downwards, pixel centres at one half.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from dysample.analysis.offsets import as_array, record_scale
from dysample.types import SamplingRecord


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
