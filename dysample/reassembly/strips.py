"""The three products of kernel upsampling, one strip of rows at a time: fast on a CPU, with little memory.

The neighbourhoods of a whole map would take k x k times its memory. Only those of a few rows exist at a
time, in a buffer that is reused: allocating new memory would take longer than the arithmetic.
"""

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# Floats of neighbourhoods in a strip: few enough to stay in the second-level cache of a CPU.
_STRIP = 2**19


def gather(x: Tensor, weights: Tensor, scale: int) -> Tensor:
    """Compute the high-res map from the low-res one and the weights."""
    channels_last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    output = torch.empty(
        (x.shape[0], x.shape[1], *weights.shape[3:]),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last if channels_last else torch.contiguous_format,
    )
    near = _neighbourhoods(x, weights.shape[1])
    mixing, pixels = _by_pixel(weights.flatten(1, 2), scale), _by_pixel(output, scale)
    rows = _rows_at_a_time(near.shape)
    patches, kernels, sums = (_scratch(view, rows) for view in (near, mixing, pixels))
    for image, strip, count in _strips(near.shape, rows):
        left = _matrices(kernels[:count].copy_(mixing[image, strip]))
        right = _matrices(patches[:count].copy_(near[image, strip]))
        torch.bmm(left, right, out=_matrices(sums[:count]))  # autocast skips calls with `out`
        pixels[image, strip] = sums[:count]
    return output


def compare(high: Tensor, low: Tensor, size: int, scale: int) -> Tensor:
    """Compute the map of the weights' shape from the high-res map and the low-res one."""
    output = high.new_empty(high.shape[0], size * size, *high.shape[2:])
    near = _neighbourhoods(low, size)
    vectors, pixels = _by_pixel(high, scale), _by_pixel(output, scale)
    rows = _rows_at_a_time(near.shape)
    patches, queries, products = (_scratch(view, rows) for view in (near, vectors, pixels))
    for image, strip, count in _strips(near.shape, rows):
        left = _matrices(queries[:count].copy_(vectors[image, strip]))
        right = _matrices(patches[:count].copy_(near[image, strip]))
        torch.bmm(left, right.mT, out=_matrices(products[:count]))
        pixels[image, strip] = products[:count]
    return output.unflatten(1, (size, size))


def scatter(high: Tensor, weights: Tensor, scale: int) -> Tensor:
    """Compute the low-res map from the high-res one and the weights."""
    size, channels = weights.shape[1], high.shape[1]
    mixing, vectors = _by_pixel(weights.flatten(1, 2), scale), _by_pixel(high, scale)
    batch, height, width = vectors.shape[:3]
    near = (batch, height, width, size, size, channels)
    rows = _rows_at_a_time(near)
    kernels, spread = _scratch(mixing, rows), _scratch(vectors, rows)
    parts = spread.new_empty(rows, *near[2:])
    padded = spread.new_zeros(batch, height + size - 1, width + size - 1, channels)
    for image, strip, count in _strips(near, rows):
        left = _matrices(kernels[:count].copy_(mixing[image, strip]))
        right = _matrices(spread[:count].copy_(vectors[image, strip]))
        torch.bmm(left.mT, right, out=_matrices(parts[:count]))
        for i in range(size):
            below = slice(strip.start + i, strip.stop + i)
            for j in range(size):
                padded[image, below, j : j + width] += parts[:count, :, i, j]
    margin = size // 2
    inside = padded[:, margin : margin + height, margin : margin + width]
    return inside.permute(0, 3, 1, 2).to(high.dtype, memory_format=torch.contiguous_format)


def _neighbourhoods(x: Tensor, size: int) -> Tensor:
    """Return every pixel's neighbourhood, a view (b, h, w, k, k, c) of a padded channels-last copy of `x`."""
    margin = size // 2
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, margin, margin, margin, margin))
    return padded.unfold(1, size, 1).unfold(2, size, 1).permute(0, 1, 2, 4, 5, 3)


def _by_pixel(high: Tensor, scale: int) -> Tensor:
    """View a high-res map (b, n, H, W) as (b, h, w, s, s, n): by low-res pixel, then by place inside it."""
    return high.unflatten(3, (-1, scale)).unflatten(2, (-1, scale)).permute(0, 2, 4, 3, 5, 1)


def _rows_at_a_time(near: Sequence[int]) -> int:
    """Return the number of rows in a strip of neighbourhoods (b, h, w, k, k, c)."""
    return min(near[1], max(1, _STRIP // max(1, math.prod(near[2:]))))


def _strips(near: Sequence[int], rows: int) -> Iterator[tuple[int, slice, int]]:
    """Yield the image, the rows and the number of rows of every strip."""
    for image in range(near[0]):
        for top in range(0, near[1], rows):
            bottom = min(top + rows, near[1])
            yield image, slice(top, bottom), bottom - top


def _scratch(by_pixel: Tensor, rows: int) -> Tensor:
    """Allocate a strip of a map by pixel. CPUs multiply float32 many times faster than half types."""
    half = by_pixel.device.type == "cpu" and by_pixel.dtype in (torch.float16, torch.bfloat16)
    return by_pixel.new_empty(rows, *by_pixel.shape[2:], dtype=torch.float32 if half else by_pixel.dtype)


def _matrices(strip: Tensor) -> Tensor:
    """View a strip (rows, w, i, j, n) as one (i j, n) matrix per pixel."""
    return strip.view(-1, strip.shape[2] * strip.shape[3], strip.shape[4])
