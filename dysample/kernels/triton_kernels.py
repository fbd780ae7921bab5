"""Triton kernels for point sampling on a GPU, started by `dysample.kernels.triton`.

`height` and `width` are the sides of the low-res map, `rows` and `columns` those of the points; `grouped` is
the number of channels in a group. Offsets within an image fit 32 bits. All arithmetic uses the type of the
points.

Maps are stored channels last (`last`) or planar. A program handles a tile of `tile_rows` x `tile_columns`
pixels, and `tile_channels` channels at a time, all from one group of one image. Its values have the order
of memory: [pixels, channels] if `last`, else [channels, pixels].
"""

import triton
import triton.language as tl

# pyright: basic
# Triton's language has no Python types: the functions below are compiled for a GPU.

# New values of these do not trigger a recompilation. Only `grouped` is specialised, to allow vector loads: in
# planar maps it is better for neighbouring threads to read neighbouring points, which share cache lines.
_ANY = ["groups", "height", "width", "rows", "columns", "image_step", "group_step", "axis_step", "parts"]


@triton.jit(do_not_specialize=_ANY)
def read(
    x, points, output,
    groups, grouped, height, width, rows, columns, image_step, group_step, axis_step, parts,
    last: tl.constexpr, tile_rows: tl.constexpr, tile_columns: tl.constexpr, tile_channels: tl.constexpr,
):  # fmt: skip
    """Read a map at points. The pixels of a tile are points."""
    tiles = tl.cdiv(rows, tile_rows) * tl.cdiv(columns, tile_columns)
    tile, part, group, image = program_of(tiles, parts, groups)
    row, column, inside = pixels_of(tile, rows, columns, tile_rows, tile_columns)
    point = row * columns + column
    dtype: tl.constexpr = points.dtype.element_ty
    points += image * image_step + group * group_step
    across, _ = place_of(points, point, inside, width)
    down, _ = place_of(points + axis_step, point, inside, height)
    left, right, of_left, of_right = between(across, width)
    top, bottom, of_top, of_bottom = between(down, height)
    area, channels = height * width, groups * grouped
    x += image * channels * area
    output += image * channels * rows * columns
    begin, end = channels_of(part, parts, group, grouped, tile_channels)
    for start in range(begin, end, tile_channels):
        channel = start + tl.arange(0, tile_channels)
        mask = for_pixels(inside, last) & for_channels(channel < end, last)
        x_00 = load(x, top * width + left, channel, mask, area, channels, dtype, last)
        x_01 = load(x, top * width + right, channel, mask, area, channels, dtype, last)
        x_10 = load(x, bottom * width + left, channel, mask, area, channels, dtype, last)
        x_11 = load(x, bottom * width + right, channel, mask, area, channels, dtype, last)
        value = x_00 * for_pixels(of_top * of_left, last)
        value += x_01 * for_pixels(of_top * of_right, last)
        value += x_10 * for_pixels(of_bottom * of_left, last)
        value += x_11 * for_pixels(of_bottom * of_right, last)
        here = address(output, point, channel, rows * columns, channels, last)
        tl.store(here, value.to(output.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=[*_ANY, "reach", "tall", "wide"])
def map_gradient(
    slope, points, of_x,
    groups, grouped, height, width, rows, columns, image_step, group_step, axis_step, parts,
    reach, tall, wide,
    last: tl.constexpr, tile_rows: tl.constexpr, tile_columns: tl.constexpr, tile_channels: tl.constexpr,
):  # fmt: skip
    """Compute the part of a map's gradient that comes from near points. The pixels of a tile are the map's.

    The own pixel of a point is the one that contains it when all points are spread evenly over the map. Every
    pixel visits the points, at most tall x wide, whose own pixel is up to `reach` rows and columns away, and
    adds its share of their slope, in a fixed order. No other program writes to that pixel.
    """
    tiles = tl.cdiv(height, tile_rows) * tl.cdiv(width, tile_columns)
    tile, part, group, image = program_of(tiles, parts, groups)
    row, column, inside = pixels_of(tile, height, width, tile_rows, tile_columns)
    first_row = tl.cdiv(tl.maximum(row - reach, 0) * rows, height)
    first_column = tl.cdiv(tl.maximum(column - reach, 0) * columns, width)
    end_row = tl.cdiv(tl.minimum(row + reach + 1, height) * rows, height)
    end_column = tl.cdiv(tl.minimum(column + reach + 1, width) * columns, width)
    dtype: tl.constexpr = points.dtype.element_ty
    points += image * image_step + group * group_step
    area, channels = rows * columns, groups * grouped
    slope += image * channels * area
    of_x += image * channels * height * width
    begin, end = channels_of(part, parts, group, grouped, tile_channels)
    for start in range(begin, end, tile_channels):
        channel = start + tl.arange(0, tile_channels)
        exists = for_channels(channel < end, last)
        here = address(of_x, row * width + column, channel, height * width, channels, last)
        total = tl.zeros(here.shape, dtype)
        for i in range(tall):
            for j in range(wide):
                near = inside & (first_row + i < end_row) & (first_column + j < end_column)
                point = (first_row + i) * columns + first_column + j
                across, _ = place_of(points, point, near, width)
                down, _ = place_of(points + axis_step, point, near, height)
                share = share_of(across, column) * share_of(down, row)
                mask = for_pixels(near & (share > 0), last) & exists
                value = load(slope, point, channel, mask, area, channels, dtype, last)
                total += value * for_pixels(share, last)
        tl.store(here, total.to(of_x.dtype.element_ty), mask=for_pixels(inside, last) & exists)


@triton.jit
def _is_far(row, column, own_row, own_column, reach):
    """Return whether `map_gradient` of a pixel skips the points with this own pixel."""
    return (tl.abs(row - own_row) > reach) | (tl.abs(column - own_column) > reach)


@triton.jit
def _add(
    of_x, pixel, channel, value, of_vertical, of_horizontal, far, exists, area, channels, last: tl.constexpr
):
    """Add the shares of far pixels to their gradients, atomically, since several points may do so at once."""
    here = address(of_x, pixel, channel, area, channels, last)
    share = of_vertical * of_horizontal
    mask = for_pixels(far & (share > 0), last) & exists
    tl.atomic_add(here, value * for_pixels(share, last), mask=mask, sem="relaxed")


@triton.jit(do_not_specialize=[*_ANY, "reach"])
def point_gradient(
    slope, x, points, of_x, of_points,
    groups, grouped, height, width, rows, columns, image_step, group_step, axis_step, parts,
    reach,
    last: tl.constexpr, tile_rows: tl.constexpr, tile_columns: tl.constexpr, tile_channels: tl.constexpr,
):  # fmt: skip
    """Compute the gradient of points, and add what `map_gradient` left out. The pixels of a tile are points.

    Each part of a group's channels has its own gradient of the points; the caller sums them.
    """
    tiles = tl.cdiv(rows, tile_rows) * tl.cdiv(columns, tile_columns)
    tile, part, group, image = program_of(tiles, parts, groups)
    row, column, inside = pixels_of(tile, rows, columns, tile_rows, tile_columns)
    point = row * columns + column
    dtype: tl.constexpr = points.dtype.element_ty
    points += image * image_step + group * group_step
    across, moves_across = place_of(points, point, inside, width)
    down, moves_down = place_of(points + axis_step, point, inside, height)
    left, right, of_left, of_right = between(across, width)
    top, bottom, of_top, of_bottom = between(down, height)
    own_row, own_column = row * height // rows, column * width // columns
    far_00 = inside & _is_far(top, left, own_row, own_column, reach)
    far_01 = inside & (of_right > 0) & _is_far(top, right, own_row, own_column, reach)
    far_10 = inside & (of_bottom > 0) & _is_far(bottom, left, own_row, own_column, reach)
    far_11 = inside & (of_bottom * of_right > 0) & _is_far(bottom, right, own_row, own_column, reach)
    some_far = tl.max((far_00 | far_01 | far_10 | far_11).to(tl.int32), axis=0)
    area, channels = height * width, groups * grouped
    x += image * channels * area
    of_x += image * channels * area
    slope += image * channels * rows * columns
    horizontal = tl.zeros(point.shape, dtype)
    vertical = tl.zeros(point.shape, dtype)
    begin, end = channels_of(part, parts, group, grouped, tile_channels)
    for start in range(begin, end, tile_channels):
        channel = start + tl.arange(0, tile_channels)
        exists = for_channels(channel < end, last)
        mask = for_pixels(inside, last) & exists
        value = load(slope, point, channel, mask, rows * columns, channels, dtype, last)
        x_00 = load(x, top * width + left, channel, mask, area, channels, dtype, last)
        x_01 = load(x, top * width + right, channel, mask, area, channels, dtype, last)
        x_10 = load(x, bottom * width + left, channel, mask, area, channels, dtype, last)
        x_11 = load(x, bottom * width + right, channel, mask, area, channels, dtype, last)
        slopes = (x_01 - x_00) * for_pixels(of_top, last) + (x_11 - x_10) * for_pixels(of_bottom, last)
        horizontal += tl.sum(value * slopes, axis=1 if last else 0)
        slopes = (x_10 - x_00) * for_pixels(of_left, last) + (x_11 - x_01) * for_pixels(of_right, last)
        vertical += tl.sum(value * slopes, axis=1 if last else 0)
        if some_far != 0:
            pixel = top * width + left
            _add(of_x, pixel, channel, value, of_top, of_left, far_00, exists, area, channels, last)
            pixel = top * width + right
            _add(of_x, pixel, channel, value, of_top, of_right, far_01, exists, area, channels, last)
            pixel = bottom * width + left
            _add(of_x, pixel, channel, value, of_bottom, of_left, far_10, exists, area, channels, last)
            pixel = bottom * width + right
            _add(of_x, pixel, channel, value, of_bottom, of_right, far_11, exists, area, channels, last)
    of_points += ((image * groups + group) * parts + part) * 2 * rows * columns + point
    tl.store(of_points, tl.where(moves_across, horizontal, 0.0), mask=inside)
    tl.store(of_points + rows * columns, tl.where(moves_down, vertical, 0.0), mask=inside)


# --- Helpers of all kernels ---


@triton.jit
def program_of(tiles, parts, groups):
    """Return the tile, part of the channels, group and image of a program."""
    program = tl.program_id(0)
    plane = program // (tiles * parts)
    return program % tiles, program // tiles % parts, plane % groups, (plane // groups).to(tl.int64)


@triton.jit
def pixels_of(tile, height, width, tile_rows: tl.constexpr, tile_columns: tl.constexpr):
    """Return row and column of the pixels of a tile, and whether each is inside the image."""
    across = tl.cdiv(width, tile_columns)
    index = tl.arange(0, tile_rows * tile_columns)
    row = tile // across * tile_rows + index // tile_columns
    column = tile % across * tile_columns + index % tile_columns
    return row, column, (row < height) & (column < width)


@triton.jit
def channels_of(part, parts, group, grouped, tile_channels: tl.constexpr):
    """Return the first channel of a part of a group, and the end of the part (exclusive)."""
    size = tl.cdiv(grouped, parts * tile_channels) * tile_channels
    return group * grouped + part * size, group * grouped + tl.minimum(grouped, (part + 1) * size)


@triton.jit
def for_pixels(values, last: tl.constexpr):
    """Broadcast one value per pixel over channels."""
    return values[:, None] if last else values[None, :]


@triton.jit
def for_channels(values, last: tl.constexpr):
    """Broadcast one value per channel over pixels."""
    return values[None, :] if last else values[:, None]


@triton.jit
def address(maps, pixel, channel, area, channels, last: tl.constexpr):
    """Return the addresses of pixels and channels of an image."""
    pixel_step = channels if last else 1
    channel_step = 1 if last else area
    return maps + (for_pixels(pixel * pixel_step, last) + for_channels(channel * channel_step, last))


@triton.jit
def load(maps, pixel, channel, mask, area, channels, dtype: tl.constexpr, last: tl.constexpr):
    """Load pixels and channels of an image as `dtype`; zero where the mask is false."""
    return tl.load(address(maps, pixel, channel, area, channels, last), mask=mask, other=0.0).to(dtype)


@triton.jit
def place_of(points, point, inside, size):
    """Return a clamped coordinate relative to the first pixel centre, and whether no clamping was needed.

    NaN compares as false and goes to the border, so that no address is out of bounds.
    """
    place = tl.load(points + point, mask=inside, other=0.5) - 0.5
    return tl.minimum(tl.where(place > 0, place, 0.0), size - 1), (place > 0) & (place < size - 1)


@triton.jit
def between(place, size):
    """Return the pixels before and after a place, and their weights in the value read there."""
    before = tl.floor(place)
    pixel = before.to(tl.int32)
    return pixel, tl.minimum(pixel + 1, size - 1), 1 - (place - before), place - before


@triton.jit
def share_of(place, pixel):
    """Return the weight of a pixel in the value read at a place, along one axis."""
    return tl.maximum(1 - tl.abs(place - pixel), 0.0)
