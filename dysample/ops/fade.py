"""FADE: fusing the assets of decoder and encoder (Lu et al., ECCV 2022), without its gate."""

from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.fixed import copy_pixels
from dysample.ops.upsampler import GuidedUpsampler
from dysample.types import KernelRecord

KERNEL = 5
COMPRESSED = 64  # channels from which the kernels are predicted


class FADE(GuidedUpsampler):
    """Predict a 5x5 kernel for every output pixel from the guide and the low-res features together.

    One convolution is applied to both maps; its value at a low-res pixel is shared by all output pixels
    inside it, as in a semi-shift convolution.
    """

    def __init__(self, channels: int, *, scale: int = 2, guide_channels: int | None = None) -> None:
        """Initialise for maps of `channels` channels and guides of `guide_channels`, by default equal.

        Raises:
            ValueError: A number of channels is not a positive integer, or `scale` is not an integer of at
                least 2.
        """
        super().__init__(channels, scale=scale, guide_channels=guide_channels)
        self.compress_guide = nn.Conv2d(self.guide_channels, COMPRESSED, kernel_size=1)
        self.compress = nn.Conv2d(channels, COMPRESSED, kernel_size=1, bias=False)
        self.encode = nn.Conv2d(COMPRESSED, KERNEL * KERNEL, kernel_size=3, padding=1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise as the authors do: Xavier weights, zero biases."""
        for conv in (self.compress_guide, self.compress, self.encode):
            nn.init.xavier_uniform_(conv.weight)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)

    def plan(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None = None
    ) -> KernelRecord:
        """Predict the kernel of every output pixel from the guide and `x`.

        Raises:
            ValueError: `x` or the guide has the wrong shape.
        """
        guide = self.check_guide(x, guide)
        fine = self.encode(self.compress_guide(guide))
        coarse = self.encode(self.compress(x))
        logits = fine + copy_pixels(coarse, self.scale)
        return KernelRecord(logits.softmax(1).unflatten(1, (KERNEL, KERNEL)), self.scale)
