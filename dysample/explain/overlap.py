"""How far sampling points can reach, and how much their reaches overlap (Figures 3 and 4).

With raw offsets in [-1, 1], the reach of a point is the square that extends `scope` to each side of its
initial position. Lengths are in low-res pixels, areas in low-res pixels squared. Shares are exact, for an
infinite grid.
"""

from dataclasses import dataclass
from math import fsum, isfinite

import numpy as np
import torch
from jaxtyping import Float64, Int64

from dysample.geometry import InitialGrid, check_initial, check_scale, initial_positions


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of the plane that a given number of reaches cover at once.

    Attributes:
        reaches: Number of reaches.
        share: Fraction of the plane that exactly this many reaches cover.
    """

    reaches: int
    share: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """The overlap of the reaches for one scope.

    Neighbours "in the cell" lie within one low-res pixel, neighbours "across" on two sides of an edge, or
    diagonally of a corner, between pixels.

    Attributes:
        marginal: Largest scope without overlap, see `marginal_scope`.
        reach_area: Area of one reach.
        beside_in_cell: Area common to two reaches side by side, or one above the other.
        beside_across: The same for points in adjacent cells.
        diagonal_in_cell: Area common to two reaches that are diagonal neighbours.
        diagonal_across: The same for points in diagonally adjacent cells.
        coverage: Share of the plane that lies in no reach, in one, and so on; the shares sum to 1.
        covered: Share of the plane that lies in at least one reach.
        overlapped: Share of the plane that lies in more than one reach.
        shared: Share of a reach that lies in other reaches too; None for a scope of zero, where a reach
            has no area.
    """

    marginal: float
    reach_area: float
    beside_in_cell: float
    beside_across: float
    diagonal_in_cell: float
    diagonal_across: float
    coverage: tuple[Coverage, ...]
    covered: float
    overlapped: float
    shared: float | None


@dataclass(frozen=True, slots=True)
class Reaches:
    """The reaches of one cell and the cells around it, for drawing.

    The middle cell is the square [0, 1] x [0, 1]. Reaches are ordered by row and column of the cell, then
    by row and column within it.

    Attributes:
        centres: Initial positions (x, y).
        rectangles: Left, top, right and bottom of each reach.
        cells: (row, column) of the cell of each reach; (0, 0) is the middle one.
        places: (sub-row, sub-column) of each point within its cell.
    """

    centres: Float64[np.ndarray, "n 2"]
    rectangles: Float64[np.ndarray, "n 4"]
    cells: Int64[np.ndarray, "n 2"]
    places: Int64[np.ndarray, "n 2"]


def marginal_scope(scale: int, *, initial: InitialGrid = "bilinear") -> float:
    """Return the largest scope at which no two reaches overlap (Sec. 3.2).

    Bilinear points are 1 / s apart, so their reaches touch at 1 / (2s). The points of a nearest cell share
    one position and overlap at every scope, so it is 0, except for s = 1, where both grids are the same.

    Raises:
        ValueError: The scale or the grid is invalid.
    """
    check_scale(scale)
    check_initial(initial)
    return 0.0 if initial == "nearest" and scale > 1 else 1 / (2 * scale)


def overlap(*, scale: int, scope: float, initial: InitialGrid = "bilinear") -> Overlap:
    """Measure how much the reaches of neighbouring points overlap.

    Args:
        scale: Enlargement s, at least 2: with 1, a cell has no neighbours inside.
        scope: Scope factor.
        initial: Grid that the points start from.

    Raises:
        ValueError: The scale, the scope or the grid is invalid.
    """
    check_scale(scale, least=2)
    check_scope(scope)
    spread = initial == "bilinear"
    inside = _common(scope, 1 / scale if spread else 0.0)
    across = _common(scope, 1 / scale if spread else 1.0)
    coverage = _coverage(scale, scope, initial)
    several = [entry for entry in coverage if entry.reaches > 1]
    total = fsum(entry.reaches * entry.share for entry in coverage)
    return Overlap(
        marginal=marginal_scope(scale, initial=initial),
        reach_area=(2 * scope) ** 2,
        beside_in_cell=2 * scope * inside,
        beside_across=2 * scope * across,
        diagonal_in_cell=inside**2,
        diagonal_across=across**2,
        coverage=coverage,
        covered=fsum(entry.share for entry in coverage if entry.reaches > 0),
        overlapped=fsum(entry.share for entry in several),
        shared=fsum(entry.reaches * entry.share for entry in several) / total if total else None,
    )


def _common(scope: float, distance: float) -> float:
    """Return the length common to two intervals that extend `scope` to both sides, `distance` apart."""
    return max(0.0, 2 * scope - distance)


def _coverage(scale: int, scope: float, initial: InitialGrid) -> tuple[Coverage, ...]:
    """Count reaches along x and along y; a position lies in the product of the two numbers.

    Of intervals of length u that start one unit apart, floor(u) cover every position, and one more covers a
    fraction u - floor(u) of the positions. The s x s reaches of a nearest cell coincide and count as one.
    """
    points, together = (scale, 1) if initial == "bilinear" else (1, scale * scale)
    length = 2 * scope * points
    fewer, more = int(length), length - int(length)
    axis = ((fewer, 1 - more), (fewer + 1, more))
    shares: dict[int, float] = {}
    for rows, of_rows in axis:
        for columns, of_columns in axis:
            count = rows * columns * together
            shares[count] = shares.get(count, 0.0) + of_rows * of_columns
    return tuple(Coverage(reaches=count, share=share) for count, share in sorted(shares.items()) if share > 0)


def cell_reaches(
    *, scale: int, scope: float, initial: InitialGrid = "bilinear", neighbours: int = 1
) -> Reaches:
    """Return the reaches of one cell and of `neighbours` cells to each side.

    Args:
        scale: Enlargement s.
        scope: Scope factor.
        initial: Grid that the points start from.
        neighbours: Cells to each side; 0 for the middle cell alone.

    Raises:
        ValueError: The scale, the scope or the grid is invalid, or `neighbours` is negative.
    """
    check_scope(scope)
    if neighbours < 0:
        raise ValueError(f"neighbours must not be negative, got {neighbours}")
    side, like = 2 * neighbours + 1, torch.zeros((), dtype=torch.float64)
    grid = initial_positions(side, side, scale=scale, like=like, initial=initial)[0, 0].numpy() - neighbours
    # (axis, cell row, sub-row, cell column, sub-column) to (cell row, cell column, sub-row, sub-column, axis)
    by_cell = grid.reshape(2, side, scale, side, scale).transpose(1, 3, 2, 4, 0)
    centres = np.ascontiguousarray(by_cell.reshape(-1, 2))
    numbers = np.indices((side, side, scale, scale), dtype=np.int64).reshape(4, -1).T
    return Reaches(
        centres=centres,
        rectangles=np.concatenate([centres - scope, centres + scope], axis=1),
        cells=numbers[:, :2] - neighbours,
        places=numbers[:, 2:],
    )


def common_areas(reaches: Reaches) -> Float64[np.ndarray, "n n"]:
    """Return the area common to every pair of reaches; on the diagonal, a reach's own area."""
    low, high = np.split(reaches.rectangles, 2, axis=1)
    sides = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    return sides.clip(min=0).prod(axis=2)


def check_scope(scope: float) -> None:
    """Raise an error if `scope` is not a valid scope factor.

    Raises:
        ValueError: `scope` is negative or not finite.
    """
    if not (isfinite(scope) and scope >= 0):
        raise ValueError(f"scope must be a finite number of at least 0, got {scope!r}")
