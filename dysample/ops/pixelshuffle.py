"""Pixel shuffle: a convolution predicts s x s output pixels per input pixel (Shi et al., CVPR 2016)."""

import torch.fx
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import check_map
from dysample.ops.upsampler import Upsampler

torch.fx.wrap("check_map")  # one node for torch.fx: it depends on shapes


class PixelShuffle(Upsampler):
    """Convolve 3x3 to s^2 times the channels, then rearrange these as s x s pixels.

    Every output pixel mixes channels as well as pixels, so there is no footprint to show.
    """

    def __init__(self, channels: int, *, scale: int = 2) -> None:
        """Initialise for maps of `channels` channels.

        Raises:
            ValueError: `channels` is not a positive integer, or `scale` is not an integer of at least 2.
        """
        super().__init__(channels, scale=scale)
        self.conv = nn.Conv2d(channels, channels * scale * scale, kernel_size=3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times.

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels.
        """
        check_map(x, self.channels)
        return F.pixel_shuffle(self.conv(x), self.scale).to(x.dtype)
