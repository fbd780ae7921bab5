"""How the work of the Triton kernels is divided among programs."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.kernels.native import layout

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
