"""Point sampling as formulas: where the points start, and how a map is read at them.

Positions are (x, y) in low-res pixels with pixel centres at one half, so the centre of the top
left pixel is (0.5, 0.5) and a map of width w covers [0, w].
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

InitialGrid = Literal["bilinear", "nearest"]


def coordinate_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type to compute positions in: at least float32, since half types cannot tell pixels apart.

    bfloat16 holds no half-integers above 128, so a grid in it is off by up to a pixel.
    """
    return torch.promote_types(dtype, torch.float32)


def initial_positions(
    height: int, width: int, *, scale: int, like: Tensor, initial: InitialGrid = "bilinear"
) -> Float[Tensor, "1 1 2 H W"]:
    """The positions of the output points before any offset (Sec. 3.2, Figure 3).

    Args:
        height: Rows of the low-res map.
        width: Columns of the low-res map.
        scale: Enlargement s; the result has s * height rows and s * width columns.
        like: Gives the device, and the dtype (raised to float32 if it is narrower).
        initial: ``"bilinear"`` spreads the s x s points of a pixel evenly over it, so that zero
            offsets give bilinear interpolation; ``"nearest"`` puts them all on its centre, so that
            zero offsets give nearest-neighbour interpolation.

    Returns:
        (x, y) in low-res pixels.

    Raises:
        ValueError: `scale` is not an integer of at least 1, or there is no such grid.
    """
    check_scale(scale)
    check_initial(initial)
    x = _axis_positions(width, scale, initial, like)
    y = _axis_positions(height, scale, initial, like)
    rows, columns = y.shape[0], x.shape[0]
    grid = torch.stack([x.view(1, -1).expand(rows, columns), y.view(-1, 1).expand(rows, columns)])
    return grid[None, None]


def _axis_positions(size: int, scale: int, initial: InitialGrid, like: Tensor) -> Float[Tensor, " n"]:
    output = torch.arange(size * scale, device=like.device, dtype=coordinate_dtype(like.dtype))
    bilinear = (output + 0.5) / scale
    # Rounded down from the points between, which rounding errors cannot carry into the next pixel.
    return torch.floor(bilinear) + 0.5 if initial == "nearest" else bilinear


def sample(x: Float[Tensor, "b c h w"], points: Float[Tensor, "#b g 2 H W"]) -> Float[Tensor, "b c H W"]:
    """Read a map bilinearly at points of any position (Eq. 1).

    Channels are split into g contiguous groups; group k is read at `points[:, k]`. Points outside
    the map are moved to its border pixels' centres, so nothing is extrapolated.

    Args:
        x: The low-res map.
        points: (x, y) in low-res pixels, float32 or wider; a batch of one serves all of `x`.

    Returns:
        The sampled map, in the dtype of `x`.

    Raises:
        ValueError: `x` is not a batch of non-empty maps, the points do not fit its batch, or its
            channels cannot be split into g equal groups.
    """
    check_map(x)
    _check_points(x, points)
    batch, channels, height, width = x.shape
    groups = points.shape[1]
    # Half-precision maps are read in the points' dtype: grid_sample wants one dtype for both, and
    # in half it reads out of bounds on large CPU maps.
    points = points.to(coordinate_dtype(torch.promote_types(x.dtype, points.dtype)))
    source = x.reshape(batch * groups, channels // groups, height, width).to(points.dtype)
    # The points are inside but for rounding, which "border" takes off; "zeros" lets that much of the
    # outside in. MPS has nothing else before torch 2.13.
    padding = "zeros" if x.device.type == "mps" else "border"
    grid = _normalised(points.expand(batch, -1, -1, -1, -1), height, width)
    output = F.grid_sample(source, grid, padding_mode=padding, align_corners=False)
    return output.reshape(batch, channels, *points.shape[3:]).to(x.dtype)


def _normalised(points: Float[Tensor, "b g 2 H W"], height: int, width: int) -> Float[Tensor, "n H W 2"]:
    """Points as grid_sample wants them: inside the map, and in [-1, 1]; centred first, which loses least."""
    column = points[:, :, 0].clamp(0.5, width - 0.5).flatten(0, 1)
    row = points[:, :, 1].clamp(0.5, height - 0.5).flatten(0, 1)
    return torch.stack([(column - width / 2) / (width / 2), (row - height / 2) / (height / 2)], dim=-1)


def check_scale(scale: int, least: int = 1) -> None:
    """Refuse a scale that no integer grid has.

    Raises:
        ValueError: `scale` is not an integer of at least `least`.
    """
    if type(scale) is not int or scale < least:
        raise ValueError(f"scale must be an integer of at least {least}, got {scale!r}")


def check_initial(initial: InitialGrid) -> None:
    """Refuse an initial grid that does not exist.

    Raises:
        ValueError: `initial` is neither "bilinear" nor "nearest".
    """
    if initial not in ("bilinear", "nearest"):
        raise ValueError(f"initial must be 'bilinear' or 'nearest', got {initial!r}")


def check_map(x: Tensor) -> None:
    """Refuse what is not a batch of feature maps.

    Raises:
        ValueError: `x` does not have four dimensions, or has no rows or columns.
    """
    if x.ndim != 4:
        raise ValueError(f"input must have shape (batch, channels, height, width), got {tuple(x.shape)}")
    if x.shape[2] == 0 or x.shape[3] == 0:
        raise ValueError(f"input must have at least one row and one column, got {tuple(x.shape)}")


def _check_points(x: Tensor, points: Tensor) -> None:
    if points.ndim != 5 or points.shape[2] != 2:
        raise ValueError(
            f"points must have shape (batch, groups, 2, rows, columns), got {tuple(points.shape)}"
        )
    if points.shape[0] != x.shape[0] and points.shape[0] != 1:
        raise ValueError(f"points must have a batch of {x.shape[0]}, as the map, or 1; got {points.shape[0]}")
    if points.shape[1] == 0 or x.shape[1] % points.shape[1]:
        raise ValueError(f"channels must be a multiple of groups={points.shape[1]}, got {x.shape[1]}")
