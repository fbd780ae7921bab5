"""The products of kernel upsampling in operations that torch can trace and other runtimes support.

They add up one term per neighbour, so that no intermediate map is larger than the result, in as few nodes
as possible, since tracing takes time for each.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def gather(x: Tensor, weights: Tensor, scale: int) -> Tensor:
    """Compute the high-res map from the low-res one and the weights."""
    taps = _by_place(weights.flatten(1, 2), scale).unsqueeze(1)
    first, *others = zip(taps.unbind(2), _shifts(x, weights.shape[1]), strict=True)
    total = first[0] * first[1]
    for tap, shifted in others:
        total = total + tap * shifted
    return F.pixel_shuffle(total.flatten(1, 2), scale)


def compare(query: Tensor, key: Tensor, size: int, scale: int) -> Tensor:
    """Compute the map of the weights' shape from the high-res map and the low-res one."""
    vectors = _by_place(query, scale)
    products = [(vectors * shifted).sum(1) for shifted in _shifts(key, size)]
    return F.pixel_shuffle(torch.cat(products, dim=1), scale).unflatten(1, (size, size))


def _by_place(high: Tensor, scale: int) -> Float[Tensor, "b n s*s h w"]:
    """Split a high-res map by the place of its pixels inside their low-res pixel.

    The older ONNX exporter would write the traced sizes into a `pixel_unshuffle`.
    """
    split = high.unflatten(3, (-1, scale)).unflatten(2, (-1, scale))
    return split.permute(0, 1, 3, 5, 2, 4).flatten(2, 3)


def _shifts(x: Tensor, size: int) -> Iterator[Float[Tensor, "b c 1 h w"]]:
    """Yield the map shifted so that each neighbour in turn takes the place of the centre."""
    height, width, margin = x.shape[2], x.shape[3], size // 2
    padded = F.pad(x, (margin, margin, margin, margin)).unsqueeze(2)
    for i in range(size):
        rows = padded[:, :, :, i : i + height]
        for j in range(size):
            yield rows[..., j : j + width]
