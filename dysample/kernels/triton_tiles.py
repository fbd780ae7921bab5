# pyright: basic
# Triton's language has no types that Python knows: what follows is compiled for a GPU.
"""Reading at points on a GPU: what the kernels have in common.

Maps are stored channels last (`last`) or planar. A program works on a tile of pixels, `tile_rows` x
`tile_columns`, and on `tile_channels` channels at a time, all of one group of one image. What it holds of
them is ordered as memory is: [pixels, channels] if `last`, else [channels, pixels].
"""

import triton
import triton.language as tl


@triton.jit
def program_of(tiles, parts, groups):
    """A program's tile, part of the channels, group and image."""
    program = tl.program_id(0)
    plane = program // (tiles * parts)
    return program % tiles, program // tiles % parts, plane % groups, (plane // groups).to(tl.int64)


@triton.jit
def pixels_of(tile, height, width, tile_rows: tl.constexpr, tile_columns: tl.constexpr):
    """Row and column of a tile's pixels, and which of them are inside."""
    across = tl.cdiv(width, tile_columns)
    index = tl.arange(0, tile_rows * tile_columns)
    row = tile // across * tile_rows + index // tile_columns
    column = tile % across * tile_columns + index % tile_columns
    return row, column, (row < height) & (column < width)


@triton.jit
def channels_of(part, parts, group, grouped, tile_channels: tl.constexpr):
    """The first channel of a part of a group, and the first that is no longer its."""
    size = tl.cdiv(grouped, parts * tile_channels) * tile_channels
    return group * grouped + part * size, group * grouped + tl.minimum(grouped, (part + 1) * size)


@triton.jit
def for_pixels(values, last: tl.constexpr):
    """What is the same for all channels of a pixel, ordered as maps are."""
    return values[:, None] if last else values[None, :]


@triton.jit
def for_channels(values, last: tl.constexpr):
    """What is the same for all pixels of a channel, ordered as maps are."""
    return values[None, :] if last else values[:, None]


@triton.jit
def address(maps, pixel, channel, area, channels, last: tl.constexpr):
    """Where pixels and channels of an image are stored."""
    pixel_step = channels if last else 1
    channel_step = 1 if last else area
    return maps + (for_pixels(pixel * pixel_step, last) + for_channels(channel * channel_step, last))


@triton.jit
def load(maps, pixel, channel, mask, area, channels, dtype: tl.constexpr, last: tl.constexpr):
    """Pixels and channels of an image, in another type; zero where the mask is false."""
    return tl.load(address(maps, pixel, channel, area, channels, last), mask=mask, other=0.0).to(dtype)


@triton.jit
def place_of(points, point, inside, size):
    """A coordinate, from the first pixel's centre on, and whether it is between the outer centres.

    What is not a number compares as false and goes to the border, so that no address is wild.
    """
    place = tl.load(points + point, mask=inside, other=0.5) - 0.5
    return tl.minimum(tl.where(place > 0, place, 0.0), size - 1), (place > 0) & (place < size - 1)


@triton.jit
def between(place, size):
    """The pixels before and after a place, and the shares of both in what is read there."""
    before = tl.floor(place)
    pixel = before.to(tl.int32)
    return pixel, tl.minimum(pixel + 1, size - 1), 1 - (place - before), place - before


@triton.jit
def share_of(place, pixel):
    """The share of a pixel in what is read at a place, along one axis."""
    return tl.maximum(1 - tl.abs(place - pixel), 0.0)
