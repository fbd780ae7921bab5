"""Reading at points with PyTorch's own `grid_sample`: on every device and in every runtime."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

BILINEAR, BORDER = 0, 1  # as aten numbers the modes of grid_sample
FOLLOWS_LAYOUT: bool = False


def why_not() -> str | None:
    """Why this implementation cannot be used in this process: it always can."""
    return None


def why_not_for(x: Float[Tensor, "b c h w"], points: Float[Tensor, "#b g 2 H W"]) -> str | None:
    """Why this implementation cannot read a map at points: it always can."""
    return None


def read(x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"]) -> Float[Tensor, "b c H W"]:
    """Read a map at points; autograd and torch's other transformations see every step.

    Args:
        x: The low-res map.
        points: (x, y) in low-res pixels, float32 or wider.

    Returns:
        The sampled map, in the dtype of `x`, stored channels first.
    """
    # The points are inside but for rounding, which "border" takes off; "zeros" lets that much of the
    # outside in. MPS has nothing else before torch 2.13.
    padding = "zeros" if x.device.type == "mps" else "border"
    source = _source(x.to(points.dtype), points.shape[1])
    grid = _grid(points, *x.shape[2:])
    output = F.grid_sample(source, grid, padding_mode=padding, align_corners=False)
    return output.reshape(x.shape[0], x.shape[1], *points.shape[3:]).to(x.dtype)


def gradients(
    slope: Float[Tensor, "b c H W"], x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b g 2 H W"]]:
    """What autograd makes of `read`, written out: an opaque operator has no autograd inside.

    Args:
        slope: Gradient of the output.
        x: The low-res map.
        points: (x, y) in low-res pixels, float32 or wider.

    Returns:
        The gradients of the map and of the points, each in the dtype of what it belongs to.
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
    """Every group as a map of its own, stored as `x` is: reading neighbouring channels together is fast."""
    batch, channels, height, width = x.shape
    if x.stride(1) != 1 or x.is_contiguous():
        return x.reshape(batch * groups, channels // groups, height, width)
    pixels = x.unflatten(1, (groups, channels // groups)).permute(0, 1, 3, 4, 2)
    return pixels.contiguous().flatten(0, 1).permute(0, 3, 1, 2)


def _grid(points: Float[Tensor, "b g 2 H W"], height: int, width: int) -> Float[Tensor, "n H W 2"]:
    """Points as grid_sample wants them: inside the map, and in [-1, 1]; centred first, which loses least.

    What is not a number goes to the border as well: grid_sample would write its gradient anywhere.
    The grid is a view of two planes, so that nothing is interleaved.
    """
    column, row = points.flatten(0, 1).unbind(1)
    column = torch.where(column > 0.5, column, 0.5).clamp(max=width - 0.5)
    row = torch.where(row > 0.5, row, 0.5).clamp(max=height - 0.5)
    planes = torch.stack([(column - width / 2) / (width / 2), (row - height / 2) / (height / 2)], dim=1)
    return planes.permute(0, 2, 3, 1)
