"""The three products of kernel upsampling, a strip of rows at a time: fast on a CPU, and lean.

All neighbourhoods of a map take k x k times its memory. Here only those of a few rows exist at once,
and stay in the cache between being copied and being multiplied.
"""

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# Floats of neighbourhoods that are copied at a time: few enough to stay in a CPU's second cache.
_STRIP = 2**19


def gather(x: Tensor, weights: Tensor, scale: int) -> Tensor:
    """The high-res map from the low-res one and the weights."""
    output = x.new_empty(x.shape[0], x.shape[1], *weights.shape[3:])
    if x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous():
        output = output.to(memory_format=torch.channels_last)
    near = _neighbourhoods(x, weights.shape[1])
    mixing, pixels = _by_pixel(weights.flatten(1, 2), scale), _by_pixel(output, scale)
    for strip in _strips(near.shape):
        mixed = _product(_matrices(mixing[strip]), _matrices(near[strip]))
        pixels[strip] = mixed.view(pixels[strip].shape)
    return output


def compare(high: Tensor, low: Tensor, size: int, scale: int) -> Tensor:
    """The products of the weights' shape, from the high-res map and the low-res one."""
    output = high.new_empty(high.shape[0], size * size, *high.shape[2:])
    near = _neighbourhoods(low, size)
    vectors, pixels = _by_pixel(high, scale), _by_pixel(output, scale)
    for strip in _strips(near.shape):
        products = _product(_matrices(vectors[strip]), _matrices(near[strip]).mT)
        pixels[strip] = products.view(pixels[strip].shape)
    return output.unflatten(1, (size, size))


def scatter(high: Tensor, weights: Tensor, scale: int) -> Tensor:
    """The low-res map from the high-res one and the weights."""
    size, channels = weights.shape[1], high.shape[1]
    mixing, vectors = _by_pixel(weights.flatten(1, 2), scale), _by_pixel(high, scale)
    batch, height, width = vectors.shape[:3]
    padded = high.new_zeros(batch, height + size - 1, width + size - 1, channels)
    for image, rows in _strips((batch, height, width, size, size, channels)):
        mixed = _product(_matrices(mixing[image, rows]).mT, _matrices(vectors[image, rows]))
        parts = mixed.view(-1, width, size, size, channels)
        for i in range(size):
            for j in range(size):
                below = slice(rows.start + i, rows.stop + i)
                padded[image, below, j : j + width] += parts[:, :, i, j]
    margin = size // 2
    return padded[:, margin : margin + height, margin : margin + width].permute(0, 3, 1, 2).contiguous()


def _neighbourhoods(x: Tensor, size: int) -> Tensor:
    """A view (b, h, w, k, k, c) of every pixel's neighbourhood in a padded channels-last copy of `x`."""
    margin = size // 2
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, margin, margin, margin, margin))
    return padded.unfold(1, size, 1).unfold(2, size, 1).permute(0, 1, 2, 4, 5, 3)


def _by_pixel(high: Tensor, scale: int) -> Tensor:
    """A high-res map (b, n, H, W) as a view (b, h, w, s, s, n): by low-res pixel, then place inside it."""
    return high.unflatten(3, (-1, scale)).unflatten(2, (-1, scale)).permute(0, 2, 4, 3, 5, 1)


def _strips(shape: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """Pictures and rows of neighbourhoods (b, h, w, k, k, c) that are worked on at a time."""
    batch, height, *rest = shape
    rows = max(1, _STRIP // max(1, math.prod(rest)))
    for image in range(batch):
        for top in range(0, height, rows):
            yield image, slice(top, min(top + rows, height))


def _matrices(strip: Tensor) -> Tensor:
    """A strip (rows, w, i, j, n) copied into one (i j, n) matrix for every pixel."""
    return strip.reshape(-1, strip.shape[2] * strip.shape[3], strip.shape[4])


def _product(left: Tensor, right: Tensor) -> Tensor:
    """`bmm`, which autocast leaves alone because of `out`."""
    return torch.bmm(left, right, out=left.new_empty(left.shape[0], left.shape[1], right.shape[2]))
