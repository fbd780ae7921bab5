"""Point sampling on a GPU with Triton: in both memory layouts, forward and backward.

Triton is imported at the first read, so that programs without a GPU do not wait for it.
"""

import importlib.util
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.kernels.native import layout, packed

# Triton's own switch, read when it is first imported: it then computes in NumPy on the CPU.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
INSTALLED = importlib.util.find_spec("triton") is not None
LARGEST_IMAGE = 2**31  # numbers in all channels of an image, counted in 32 bits
LONGEST_SIDE = 2**22  # of a map: float32 still resolves quarters of a pixel
REACH = 1  # a pixel's own points and its neighbours': nearly all that read it
PROGRAMS = 2048  # enough for the largest GPUs; small maps split their channels to reach it
FOLLOWS_LAYOUT: bool = True


@dataclass(frozen=True, slots=True)
class Tile:
    """Pixels and channels that a program handles at a time; powers of two."""

    rows: int
    columns: int
    channels: int


@dataclass(frozen=True, slots=True)
class Division:
    """Division of a kernel's work among programs.

    Attributes:
        kernel: Name of the kernel.
        tile: Pixels and channels that a program handles at a time.
        parts: Programs that share the channels of a group.
        programs: Number of programs.
    """

    kernel: str
    tile: Tile
    parts: int
    programs: int


# Most pixels and channels of a tile by kernel and layout: as many as the registers hold without spilling
# and, where that leaves a choice, few enough for four programs to share a processor of the GPU.
LARGEST = {
    ("read", torch.contiguous_format): (128, 8),
    ("read", torch.channels_last): (16, 64),
    ("map_gradient", torch.contiguous_format): (128, 16),
    ("map_gradient", torch.channels_last): (16, 64),
    ("point_gradient", torch.contiguous_format): (128, 4),
    ("point_gradient", torch.channels_last): (8, 64),
}


def tile(kernel: str, form: torch.memory_format, channels: int, width: int, dtype: torch.dtype) -> Tile:
    """Return the tile of a kernel, from a table, since tuning would take longer than reading most maps.

    Args:
        kernel: "read", "map_gradient" or "point_gradient".
        form: Memory layout of the map.
        channels: Channels of a group.
        width: Columns of the pixels that are divided into tiles.
        dtype: Type of the computation.
    """
    pixels, channels_at_most = LARGEST[kernel, form]
    if dtype == torch.float64:
        channels_at_most //= 2
    fitting = min(channels_at_most, _power_of_two(channels))
    if form == torch.channels_last:
        pixels = min(64, pixels * channels_at_most // fitting)
    columns = min(_power_of_two(width), 32 if form == torch.contiguous_format else 8, pixels)
    return Tile(pixels // columns, columns, fitting)


def divide(
    kernel: str, x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"], pixels: tuple[int, ...]
) -> Division:
    """Divide pixels into tiles, and the channels of a group into parts if there are few tiles.

    Args:
        kernel: "read", "map_gradient" or "point_gradient".
        x: The low-res map, in the layout of the computation.
        points: Where it is read.
        pixels: Rows and columns to divide, of the map or of the points.
    """
    groups = points.shape[1]
    grouped = x.shape[1] // groups
    chosen = tile(kernel, layout(x), grouped, pixels[1], points.dtype)
    tiles = x.shape[0] * groups * -(-pixels[0] // chosen.rows) * -(-pixels[1] // chosen.columns)
    parts = max(1, min(PROGRAMS // max(1, tiles), -(-grouped // chosen.channels)))
    return Division(kernel, chosen, parts, tiles * parts)


def _power_of_two(number: int) -> int:
    """Return the smallest power of two that is at least `number`."""
    return 1 << max(0, number - 1).bit_length()


def why_not() -> str | None:
    """Return why this implementation cannot be used in this process, or None if it can."""
    if not INSTALLED:
        return "Triton is not installed"
    if not INTERPRETED and not torch.cuda.is_available():
        return "it is for GPUs, and PyTorch finds none"
    return _why_not_started()


def _why_not_started() -> str | None:
    # No need to ask while compiling: torch.compile itself uses Triton on GPUs.
    compiling = torch.compiler.is_compiling()  # pyright: ignore[reportPrivateImportUsage]
    return None if compiling or INTERPRETED else why_not_to_start()


@cache
def why_not_to_start() -> str | None:
    """Return why Triton cannot start kernels, or None; it first compiles its bridge to the driver in C."""
    try:
        from triton.runtime import driver

        active: Any = driver.active
        _ = active.utils
    except (AssertionError, ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        return f"Triton cannot start kernels: {error}"
    return None


def why_not_for(x: Float[Tensor, "b c h w"], points: Float[Tensor, "#b g 2 H W"]) -> str | None:
    """Return why this implementation cannot read a map at points, or None if it can."""
    device = x.device.type
    if device != "cuda" and not (INTERPRETED and device == "cpu"):
        return f"it is for GPUs, and the map is on device type {device!r}"
    if points.device != x.device:
        return f"the map is on {x.device}, and the points are on {points.device}"
    (height, width), (rows, columns) = x.shape[2:], points.shape[3:]
    # The kernels also multiply a map's side by the points along it in 32 bits.
    if (
        x.shape[1] * max(height * width, rows * columns) >= LARGEST_IMAGE
        or max(height * rows, width * columns) >= LARGEST_IMAGE // 2
        or max(height, width) > LONGEST_SIDE
    ):
        return f"it is for images of fewer than {LARGEST_IMAGE} numbers and sides of at most {LONGEST_SIDE}"
    return _why_not_started() if INSTALLED else why_not()


def read(x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"]) -> Float[Tensor, "b c H W"]:
    """Read a map at points.

    Args:
        x: The low-res map, of any floating type.
        points: (x, y) in low-res pixels, float32 or wider; their dtype is that of the computation.

    Returns:
        The sampled map, in the dtype and the memory layout of `x`.
    """
    form = layout(x)
    x, points = x.contiguous(memory_format=form), packed(points)
    shape = (*x.shape[:2], *points.shape[3:])
    output = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=form)
    _run(divide("read", x, points, points.shape[3:]), (x, points, output), x, points)
    return output


def gradients(
    slope: Float[Tensor, "b c H W"], x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b g 2 H W"]]:
    """Return the gradients of `read` with respect to the map and the points.

    Every pixel of the map gathers its gradient from the points around it, always in the same order. Points
    that read further away add their share atomically, in an order that may differ from run to run. If
    PyTorch is set to be deterministic, every pixel gathers from all points, which is slow.

    Args:
        slope: Gradient of the output.
        x: The low-res map; its gradient has the same dtype and memory layout.
        points: (x, y) in low-res pixels, float32 or wider.
    """
    form = layout(x)
    slope = slope.contiguous(memory_format=form)
    x, points = x.contiguous(memory_format=form), packed(points)
    of_x = torch.empty_like(x, dtype=points.dtype, memory_format=form)
    (height, width), (rows, columns) = x.shape[2:], points.shape[3:]
    reach = max(height, width) if torch.are_deterministic_algorithms_enabled() else REACH
    tall = -(-min(2 * reach + 1, height) * rows // height)
    wide = -(-min(2 * reach + 1, width) * columns // width)
    division = divide("map_gradient", x, points, x.shape[2:])
    _run(division, (slope, points, of_x), x, points, reach, tall, wide)
    division = divide("point_gradient", x, points, points.shape[3:])
    shape = (*points.shape[:2], division.parts, *points.shape[2:])
    of_points = torch.empty(shape, dtype=points.dtype, device=points.device)
    _run(division, (slope, x, points, of_x, of_points), x, points, reach)
    return of_x.to(x.dtype), of_points[:, :, 0] if division.parts == 1 else of_points.sum(2)


def _run(division: Division, tensors: tuple[Tensor, ...], x: Tensor, points: Tensor, *numbers: int) -> None:
    """Start a kernel with its tensors, the sizes that all kernels take, and the numbers of its own."""
    from dysample.kernels import triton_kernels

    if division.programs == 0:
        return
    groups, chosen = points.shape[1], division.tile
    sizes = (groups, x.shape[1] // groups, *x.shape[2:], *points.shape[3:], *points.stride()[:3])
    kernel: Any = getattr(triton_kernels, division.kernel)
    with torch.cuda.device_of(x):
        kernel[(division.programs,)](
            *tensors,
            *sizes,
            division.parts,
            *numbers,
            last=layout(x) == torch.channels_last,
            tile_rows=chosen.rows,
            tile_columns=chosen.columns,
            tile_channels=chosen.channels,
        )
