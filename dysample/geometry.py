"""Point sampling: the initial grids, and bilinear reading of a map at arbitrary points.

Positions are (x, y) in low-res pixels with pixel centres at one half, so the centre of the top
left pixel is (0.5, 0.5) and a map of width w covers [0, w].
"""

from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.kernels.choice import Implementation, read
from dysample.tracing import is_observed, is_traced

InitialGrid = Literal["bilinear", "nearest"]


def initial_positions(
    height: int, width: int, *, scale: int, like: Tensor, initial: InitialGrid = "bilinear"
) -> Float[Tensor, "1 1 2 H W"]:
    """Return the positions of the output points before any offset (Sec. 3.2, Figure 3).

    Args:
        height: Rows of the low-res map.
        width: Columns of the low-res map.
        scale: Enlargement s; the result has s * height rows and s * width columns.
        like: Tensor whose device and dtype to use; a dtype narrower than float32 becomes float32.
        initial: ``"bilinear"`` spreads the s x s points of a pixel evenly over it, so that zero
            offsets mean bilinear interpolation; ``"nearest"`` puts them all on its centre, so that
            zero offsets mean nearest-neighbour interpolation.

    Returns:
        (x, y) in low-res pixels.

    Raises:
        ValueError: `scale` is not an integer of at least 1, or `initial` is unknown.
    """
    check_scale(scale)
    check_initial(initial)
    x = _axis_positions(width, scale, initial, like)
    y = _axis_positions(height, scale, initial, like)
    rows, columns = y.shape[0], x.shape[0]
    grid = torch.stack([x.view(1, -1).expand(rows, columns), y.view(-1, 1).expand(rows, columns)])
    return grid[None, None]


def cached_positions(
    height: int, width: int, *, scale: int, like: Tensor, initial: InitialGrid
) -> Float[Tensor, "1 1 2 H W"]:
    """Return `initial_positions` from a cache, so do not write to the result.

    Computing the positions takes longer than reading a small map. Only what plain calls make is kept: a
    tensor made while torch records or transforms operations would be of no use to the calls that follow.
    """
    if is_traced() or is_observed() or type(like) is not Tensor or (like.is_cuda and _is_captured()):
        return initial_positions(height, width, scale=scale, like=like, initial=initial)
    # Kept for each stream: another one could read the positions before they are written.
    stream = torch.cuda.current_stream(like.device) if like.is_cuda else None
    return _shared_positions(height, width, scale, initial, like.device, coordinate_dtype(like.dtype), stream)


def _is_captured() -> bool:
    """Return whether operations are recorded in a CUDA graph, which computes nothing until it is replayed."""
    return torch.cuda.is_current_stream_capturing()


@lru_cache(maxsize=16)
def _shared_positions(
    height: int,
    width: int,
    scale: int,
    initial: InitialGrid,
    device: torch.device,
    dtype: torch.dtype,
    stream: torch.cuda.Stream | None,
) -> Float[Tensor, "1 1 2 H W"]:
    # Made out of reach of inference mode, whose tensors cannot be used in training, and of function modes.
    with torch.inference_mode(False), torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]
        like = torch.empty((), device=device, dtype=dtype)
        return initial_positions(height, width, scale=scale, like=like, initial=initial)


def _axis_positions(size: int, scale: int, initial: InitialGrid, like: Tensor) -> Float[Tensor, " n"]:
    output = torch.arange(size * scale, device=like.device, dtype=coordinate_dtype(like.dtype))
    bilinear = (output + 0.5) / scale
    # The bilinear positions lie inside their pixel, so a rounding error cannot push floor() into the next.
    return torch.floor(bilinear) + 0.5 if initial == "nearest" else bilinear


def coordinate_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype to compute positions in: float32 or wider.

    Half types cannot tell pixels apart: bfloat16 holds no half-integers above 128, so a grid in it is off
    by up to a pixel.
    """
    return torch.promote_types(dtype, torch.float32)


def sample(
    x: Float[Tensor, "b c h w"],
    points: Float[Tensor, "#b g 2 H W"],
    *,
    implementation: Implementation | None = None,
) -> Float[Tensor, "b c H W"]:
    """Read a map bilinearly at arbitrary points (Eq. 1).

    Channels are split into g contiguous groups; group k is read at `points[:, k]`. Points outside
    the map are moved to the centres of its border pixels, so nothing is extrapolated.

    Args:
        x: The low-res map.
        points: (x, y) in low-res pixels, float32 or wider; a batch of one applies to all of `x`.
        implementation: "plain" for PyTorch's own functions, "native" for the compiled kernels on the
            CPU, "triton" for the GPU kernels, "auto" for the fastest that supports the inputs; None
            follows the environment variable DYSAMPLE_KERNEL. They differ only in speed and rounding.

    Returns:
        The sampled map, in the dtype of `x`.

    Raises:
        ValueError: `x` is not a batch of non-empty maps, the points do not fit its batch, its
            channels cannot be split into g equal groups, or the implementation cannot read it.
    """
    check_map(x)
    _check_points(x, points)
    # Half types cannot tell the positions of a large map apart.
    wide = coordinate_dtype(torch.promote_types(x.dtype, points.dtype))
    return read(x, points.to(wide).expand(x.shape[0], -1, -1, -1, -1), implementation)


def _check_points(x: Tensor, points: Tensor) -> None:
    if points.ndim != 5 or points.shape[2] != 2:
        raise ValueError(
            f"points must have shape (batch, groups, 2, rows, columns), got {tuple(points.shape)}"
        )
    if points.shape[0] != x.shape[0] and points.shape[0] != 1:
        raise ValueError(f"points must have a batch of {x.shape[0]}, as the map, or 1; got {points.shape[0]}")
    if points.shape[1] == 0 or x.shape[1] % points.shape[1]:
        raise ValueError(f"channels must be a multiple of groups={points.shape[1]}, got {x.shape[1]}")


def check_scale(scale: int, least: int = 1) -> None:
    """Raise an error if `scale` is not an integer enlargement.

    Raises:
        ValueError: `scale` is not an integer of at least `least`.
    """
    if type(scale) is not int or scale < least:
        raise ValueError(f"scale must be an integer of at least {least}, got {scale!r}")


def check_initial(initial: InitialGrid) -> None:
    """Raise an error if `initial` names no initial grid.

    Raises:
        ValueError: `initial` is neither "bilinear" nor "nearest".
    """
    if initial not in ("bilinear", "nearest"):
        raise ValueError(f"initial must be 'bilinear' or 'nearest', got {initial!r}")


def check_map(x: Tensor, channels: int | None = None) -> None:
    """Raise an error if `x` is not a batch of non-empty feature maps, or has other channels.

    Args:
        x: The tensor to check.
        channels: Number of channels that it must have; None for any.

    Raises:
        ValueError: `x` does not have four dimensions, has no rows or columns, or other channels.
    """
    if x.ndim != 4:
        raise ValueError(f"input must have shape (batch, channels, height, width), got {tuple(x.shape)}")
    if x.shape[2] == 0 or x.shape[3] == 0:
        raise ValueError(f"input must have at least one row and one column, got {tuple(x.shape)}")
    if channels is not None and x.shape[1] != channels:
        raise ValueError(f"input must have channels={channels}, got {x.shape[1]}")
