"""Deconvolution: a learned filter, transposed (Zeiler et al., Deconvolutional Networks, CVPR 2010)."""

import torch.fx
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import check_map
from dysample.ops.upsampler import Upsampler, check_only_scale

torch.fx.wrap("check_map")  # one node for torch.fx: it depends on shapes


class Deconvolution(Upsampler):
    """Apply a 3x3 transposed convolution of stride 2, from all channels to all channels.

    Every output pixel mixes channels as well as pixels, so there is no footprint to show.
    """

    def __init__(self, channels: int, *, scale: int = 2) -> None:
        """Initialise for maps of `channels` channels.

        Raises:
            ValueError: `channels` is not a positive integer, or `scale` is not 2.
        """
        check_only_scale("Deconvolution", scale, 2)
        super().__init__(channels, scale=scale)
        self.conv = nn.ConvTranspose2d(
            channels, channels, kernel_size=3, stride=scale, padding=1, output_padding=1
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` to twice its size.

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels.
        """
        check_map(x, self.channels)
        return self.conv(x).to(x.dtype)
