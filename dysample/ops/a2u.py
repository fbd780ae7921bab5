"""A2U: affinity-aware upsampling (Dai, Lu and Shen, Learning Affinity-Aware Upsampling, CVPR 2021)."""

import functools
import math
from collections.abc import Iterator

import torch
import torch.fx
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.upsampler import GuidedUpsampler, check_channels, check_only_scale, normalised
from dysample.tracing import is_traced
from dysample.types import KernelRecord

KERNEL = 3
FILTER = 6  # side of the two filters made from the guide
NORM_GROUPS = 32


class A2U(GuidedUpsampler):
    """Scale one 3x3 kernel per image by the guide's second-order affinity, then apply sigmoid and softmax.

    This is the dynamic variant with rank-one kernels that all channels share. It reads only the guide.
    Within a kernel, no weight is more than e times another.
    """

    def __init__(self, channels: int, *, scale: int = 2, guide_channels: int | None = None) -> None:
        """Initialise for maps of `channels` channels and guides of `guide_channels`, by default equal.

        Raises:
            ValueError: `channels` is not a positive integer, the guide's channels are not a multiple
                of 32, or `scale` is not 2.
        """
        check_only_scale("A2U", scale, 2)
        super().__init__(channels, scale=scale, guide_channels=guide_channels)
        width = self.guide_channels
        check_channels("guide_channels", width, NORM_GROUPS, "the groups of its normalisation")
        self.filters = nn.Conv2d(width, 2, kernel_size=1)
        self.kernel = nn.Conv2d(width, scale * scale * KERNEL * KERNEL, kernel_size=1)
        self.norm_u = nn.GroupNorm(NORM_GROUPS, width)
        self.norm_v = nn.GroupNorm(NORM_GROUPS, width)

    def plan(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None = None
    ) -> KernelRecord:
        """Predict the kernel of every output pixel from the guide.

        Raises:
            ValueError: `x` or the guide has the wrong shape.
        """
        guide = self.check_guide(x, guide)
        u, v = _filtered(guide, self.filters(_average(guide, FILTER)).to(guide.dtype), self.scale)
        left, right = F.leaky_relu(normalised(self.norm_u, u)), F.leaky_relu(normalised(self.norm_v, v))
        affinity = (left * right).sum(1, keepdim=True) / math.sqrt(self.guide_channels)
        shape = self.kernel(guide.mean((2, 3), keepdim=True))
        logits = F.pixel_shuffle(shape * affinity, self.scale)
        weights = logits.sigmoid().softmax(1)
        return KernelRecord(weights.unflatten(1, (KERNEL, KERNEL)), self.scale)


@torch.fx.wrap
def _filtered(
    guide: Float[Tensor, "b g H W"], filters: Float[Tensor, "b 2 6 6"], stride: int
) -> list[Float[Tensor, "b g h w"]]:
    """Return the guide filtered once by each of its two filters."""
    if is_traced() or guide.shape[0] == 0:
        return list(_traced_filters(guide, filters, stride).unbind(1))
    return [_filter(guide, kernel, stride) for kernel in filters.unbind(1)]


def _filter(guide: Tensor, filters: Tensor, stride: int) -> Tensor:
    """Apply every image's own filter to all of its channels: one convolution with a group per channel."""
    batch, channels = guide.shape[:2]
    output = F.conv2d(
        guide.reshape(1, batch * channels, *guide.shape[2:]),
        filters[:, None].expand(-1, channels, -1, -1).reshape(batch * channels, 1, FILTER, FILTER),
        stride=stride,
        padding=FILTER // 2 - 1,
        groups=batch * channels,
    )
    return output.reshape(batch, channels, *output.shape[2:])


def _traced_filters(guide: Tensor, filters: Tensor, stride: int) -> Tensor:
    """Do what `_filter` does, for both filters at once, tap by tap.

    A traced graph cannot leave the number of groups of a convolution open.
    """
    height, width = guide.shape[2] // stride, guide.shape[3] // stride
    padded = F.pad(guide, (FILTER // 2 - 1,) * 4).unsqueeze(1)
    taps = filters.flatten(2)[..., None, None, None].unbind(2)

    def products() -> Iterator[Tensor]:
        for i in range(FILTER):
            rows = padded[..., i : i + stride * height : stride, :]
            for j in range(FILTER):
                yield taps[FILTER * i + j] * rows[..., j : j + stride * width : stride]

    return functools.reduce(torch.add, products())


def _average(x: Tensor, size: int) -> Tensor:
    """Pool adaptively to size x size averages; traced as two matrix products, which every runtime has."""
    if not is_traced():
        return F.adaptive_avg_pool2d(x, size)
    rows, columns = _pooling(x.shape[2], size, x), _pooling(x.shape[3], size, x)
    return rows @ (x @ columns.T)


def _pooling(length: int, size: int, like: Tensor) -> Tensor:
    """Return the (size, length) matrix that averages over nearly equal windows, which may overlap."""
    place = torch.arange(length, device=like.device)
    window = torch.arange(size, device=like.device)[:, None]
    first, last = window * length // size, ((window + 1) * length + size - 1) // size
    inside = (place >= first) & (place < last)
    return inside.to(like.dtype) / (last - first).to(like.dtype)
