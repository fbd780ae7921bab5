"""What became of sampling points: left their cell, changed places, were held at the border.

All positions are (x, y) in low-res pixels, and as they were decided: before `sample` moves the ones
that are outside. All comparisons are strict, so a point on a line has not crossed it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dysample.types import SamplingRecord


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
