"""Reading at points on a GPU by Triton's compiler: in both memory layouts, forward and backward.

Triton is imported when it first has something to read, so that nobody else waits for it.
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

# How the work of the Triton kernels is divided among programs.


PROGRAMS = 2048  # keep the largest GPUs busy; smaller maps divide their channels among more programs


@dataclass(frozen=True, slots=True)
class Tile:
    """What a program works on at a time; powers of two."""

    rows: int
    columns: int
    channels: int


@dataclass(frozen=True, slots=True)
class Division:
    """How the work of a kernel is divided.

    Attributes:
        kernel: Its name.
        tile: What a program works on at a time.
        parts: Programs that divide the channels of a group among them.
        programs: All programs.
    """

    kernel: str
    tile: Tile
    parts: int
    programs: int


# The most pixels and channels by kernel and layout: what the registers hold without spilling, and
# where that leaves a choice, what lets at least four programs share a processor of the GPU.
LARGEST = {
    ("read", torch.contiguous_format): (128, 8),
    ("read", torch.channels_last): (16, 64),
    ("map_gradient", torch.contiguous_format): (128, 16),
    ("map_gradient", torch.channels_last): (16, 64),
    ("point_gradient", torch.contiguous_format): (128, 4),
    ("point_gradient", torch.channels_last): (8, 64),
}


def tile(kernel: str, form: torch.memory_format, channels: int, width: int, dtype: torch.dtype) -> Tile:
    """The tile of a kernel, from a table: trying tiles out would take longer than most maps are worth.

    Args:
        kernel: "read", "map_gradient" or "point_gradient".
        form: Memory layout of the map.
        channels: Those of a group.
        width: Columns of the pixels that are divided into tiles.
        dtype: What is computed in.
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
    """Divide pixels into tiles, and where these are few, also the channels of a group.

    Args:
        kernel: "read", "map_gradient" or "point_gradient".
        x: The low-res map, in the layout to compute in.
        points: Where it is read.
        pixels: Rows and columns to divide: those of the map or of the points.
    """
    groups = points.shape[1]
    grouped = x.shape[1] // groups
    chosen = tile(kernel, layout(x), grouped, pixels[1], points.dtype)
    tiles = x.shape[0] * groups * -(-pixels[0] // chosen.rows) * -(-pixels[1] // chosen.columns)
    parts = max(1, min(PROGRAMS // max(1, tiles), -(-grouped // chosen.channels)))
    return Division(kernel, chosen, parts, tiles * parts)


def _power_of_two(number: int) -> int:
    """The smallest that is not below a number."""
    return 1 << max(0, number - 1).bit_length()


# Triton's own switch: it then computes in NumPy, on the CPU. It reads it when it is first imported.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
INSTALLED = importlib.util.find_spec("triton") is not None
LARGEST_IMAGE = 2**31  # numbers in all channels of an image, counted in 32 bits
LONGEST_SIDE = 2**22  # of a map: float32 still tells quarters of a pixel apart
REACH = 1  # own pixel and its neighbours: where nearly all points are read
FOLLOWS_LAYOUT: bool = True


def why_not() -> str | None:
    """Why this implementation cannot be used in this process, or None if it can."""
    if not INSTALLED:
        return "Triton is not installed"
    if not INTERPRETED and not torch.cuda.is_available():
        return "it is for GPUs, and PyTorch finds none"
    return _why_not_started()


def _why_not_started() -> str | None:
    # Compiled code asks nothing: what compiles it for a GPU is Triton as well.
    compiling = torch.compiler.is_compiling()  # pyright: ignore[reportPrivateImportUsage]
    return None if compiling or INTERPRETED else why_not_to_start()


@cache
def why_not_to_start() -> str | None:
    """Why Triton can start no kernels, or None: it first makes a bridge to the driver, by a C compiler."""
    try:
        from triton.runtime import driver

        active: Any = driver.active
        _ = active.utils
    except (AssertionError, ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        return f"Triton cannot start kernels: {error}"
    return None


def why_not_for(x: Float[Tensor, "b c h w"], points: Float[Tensor, "#b g 2 H W"]) -> str | None:
    """Why this implementation cannot read a map at points, or None if it can."""
    device = x.device.type
    if device != "cuda" and not (INTERPRETED and device == "cpu"):
        return f"it is for GPUs, and the map is on device type {device!r}"
    if points.device != x.device:
        return f"the map is on {x.device}, and the points are on {points.device}"
    (height, width), (rows, columns) = x.shape[2:], points.shape[3:]
    # Products of a map's side and the points along it are counted in 32 bits as well.
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
        points: (x, y) in low-res pixels, float32 or wider, which is what is computed in.

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
    """The gradients of `read` with respect to the map and the points.

    Of the map, every pixel gathers its own from the points around it, always in the same order. Points
    that read further away add theirs as it comes, in an order that may differ from run to run. Where
    PyTorch is told to be deterministic, every pixel gathers from all points, which takes long.

    Args:
        slope: Gradient of the output.
        x: As for `read`; its gradient has its dtype and memory layout.
        points: As for `read`.
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
    """Start a kernel with what it reads and writes, all sizes, and the numbers that it alone is told."""
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
