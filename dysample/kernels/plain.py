"""Point sampling with PyTorch's `grid_sample`, for every device and runtime."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

BILINEAR, BORDER = 0, 1  # numbers of the modes of grid_sample in aten
FOLLOWS_LAYOUT: bool = False


def why_not() -> str | None:
    """Return None: this implementation can be used in every process."""
    return None


def why_not_for(x: Float[Tensor, "b c h w"], points: Float[Tensor, "#b g 2 H W"]) -> str | None:
    """Return None: this implementation can read every map."""
    return None


def read(
    x: Float[Tensor, "b c h w"],
    points: Float[Tensor, "b g 2 H W"],
    padding: Literal["zeros", "border"] = "border",
) -> Float[Tensor, "b c H W"]:
    """Read a map at points, in steps that autograd and torch's other transforms can follow.

    Args:
        x: The low-res map.
        points: (x, y) in low-res pixels, float32 or wider.
        padding: What `grid_sample` reads outside the map, where only rounding can put a clamped point:
            "border" corrects that, "zeros" blends in that tiny share of the outside.

    Returns:
        The sampled map, in the dtype of `x`, stored channels first.
    """
    if x.device.type == "mps":
        padding = "zeros"  # all that MPS has before torch 2.13
    source = _source(x.to(points.dtype), points.shape[1])
    grid = _grid(points, *x.shape[2:])
    output = F.grid_sample(source, grid, padding_mode=padding, align_corners=False)
    return output.reshape(x.shape[0], x.shape[1], *points.shape[3:]).to(x.dtype)


def gather(x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"]) -> Float[Tensor, "b c H W"]:
    """Read a map at points in elementary operations, which also have derivatives in forward mode.

    Args:
        x: The low-res map.
        points: (x, y) in low-res pixels, float32 or wider.

    Returns:
        The sampled map, in the dtype of `x`, stored channels first.
    """
    groups, (height, width) = points.shape[1], x.shape[2:]
    pixels = x.to(points.dtype).unflatten(1, (groups, -1)).flatten(3)
    (left, right, across), (top, bottom, down) = (
        _neighbours(points[:, :, axis], size) for axis, size in enumerate((width, height))
    )

    def corner(row: Tensor, column: Tensor) -> Tensor:
        place = (row * width + column).flatten(2).unsqueeze(2).expand(-1, -1, pixels.shape[2], -1)
        return torch.gather(pixels, 3, place).unflatten(3, points.shape[3:])

    above = corner(top, left) * (1 - across) + corner(top, right) * across
    below = corner(bottom, left) * (1 - across) + corner(bottom, right) * across
    return (above * (1 - down) + below * down).flatten(1, 2).to(x.dtype)


def _neighbours(
    place: Float[Tensor, "b g H W"], size: int
) -> tuple[Int64[Tensor, "b g H W"], Int64[Tensor, "b g H W"], Float[Tensor, "b g 1 H W"]]:
    """Return the pixels before and after each place along one axis, and the share of the second."""
    inside = torch.where(place > 0.5, place, 0.5)
    inside = torch.where(inside < size - 0.5, inside, size - 0.5) - 0.5
    before = inside.floor()
    first = before.long()
    return first, (first + 1).clamp(max=size - 1), (inside - before).unsqueeze(2)


def gradients(
    slope: Float[Tensor, "b c H W"], x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b g 2 H W"]]:
    """Return the gradients of `read`, written out because an opaque operator has no autograd inside.

    Args:
        slope: Gradient of the output.
        x: The low-res map.
        points: (x, y) in low-res pixels, float32 or wider.

    Returns:
        The gradients of the map and of the points, in their dtypes.
    """
    groups, (height, width) = points.shape[1], x.shape[2:]
    of_source, of_grid = torch.ops.aten.grid_sampler_2d_backward(
        slope.to(points.dtype).reshape(-1, x.shape[1] // groups, *points.shape[3:]),
        _source(x.to(points.dtype), groups),
        _grid(points, height, width),
        BILINEAR,
        BORDER,
        False,
        [True, True],
    )
    slopes: list[Tensor] = []
    for axis, size in enumerate((width, height)):
        place = points[:, :, axis]
        along = of_grid[..., axis].reshape(place.shape) / (size / 2)
        slopes.append(torch.where((place > 0.5) & (place < size - 0.5), along, 0))
    return of_source.reshape(x.shape).to(x.dtype), torch.stack(slopes, dim=2)


def _source(x: Float[Tensor, "b c h w"], groups: int) -> Float[Tensor, "n d h w"]:
    """Return every group as a separate map in the layout of `x`; adjacent channels are read together."""
    batch, channels, height, width = x.shape
    if x.stride(1) != 1 or x.is_contiguous():
        return x.reshape(batch * groups, channels // groups, height, width)
    pixels = x.unflatten(1, (groups, channels // groups)).permute(0, 1, 3, 4, 2)
    return pixels.contiguous().flatten(0, 1).permute(0, 3, 1, 2)


def _grid(points: Float[Tensor, "b g 2 H W"], height: int, width: int) -> Float[Tensor, "n H W 2"]:
    """Return points for grid_sample: clamped to the map and scaled to [-1, 1].

    Points are centred before scaling, which loses the least precision. The grid is a view of two planes, so
    that no copy interleaves them.
    """
    column, row = clamped(points, height, width)
    planes = torch.stack([(column - width / 2) / (width / 2), (row - height / 2) / (height / 2)], dim=1)
    return planes.permute(0, 2, 3, 1)


def clamped(
    points: Float[Tensor, "b g 2 H W"], height: int, width: int
) -> tuple[Float[Tensor, "n H W"], Float[Tensor, "n H W"]]:
    """Return columns and rows of points, moved to the centres of the border pixels if they are outside.

    NaN goes to the border as well, since grid_sample would write its gradient to any address.
    """
    column, row = points.flatten(0, 1).unbind(1)
    column = torch.where(column > 0.5, column, 0.5).clamp(max=width - 0.5)
    row = torch.where(row > 0.5, row, 0.5).clamp(max=height - 0.5)
    return column, row
