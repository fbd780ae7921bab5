"""IndexNet's upsampling: a guide predicts a gain for every output pixel (Lu et al., ICCV 2019)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.upsampler import GuidedUpsampler, check_only_scale
from dysample.types import KernelRecord


class IndexNet(GuidedUpsampler):
    """Multiply the nearest-neighbour upsampling by an index map in (0, 1) that all channels share.

    This is the holistic index network with non-linearity and context, the variant whose cost the paper's
    tables list. It reads only the guide. Batch normalisation makes training and evaluation differ.
    """

    def __init__(self, channels: int, *, scale: int = 2, guide_channels: int | None = None) -> None:
        """Initialise for maps of `channels` channels and guides of `guide_channels`, by default equal.

        Raises:
            ValueError: A number of channels is not a positive integer, or `scale` is not 2.
        """
        check_only_scale("IndexNet", scale, 2)
        super().__init__(channels, scale=scale, guide_channels=guide_channels)
        inner = 2 * self.guide_channels
        self.encode = nn.Conv2d(
            self.guide_channels, inner, kernel_size=4, stride=scale, padding=1, bias=False
        )
        self.norm = nn.BatchNorm2d(inner)
        self.predict = nn.Conv2d(inner, scale * scale, kernel_size=1, bias=False)

    def plan(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None = None
    ) -> KernelRecord:
        """Predict by how much every output pixel scales its own low-res pixel, as kernels of one pixel.

        Raises:
            ValueError: `x` or the guide has the wrong shape.
        """
        guide = self.check_guide(x, guide)
        logits = self.predict(F.relu6(self.norm(self.encode(guide))))
        index = F.pixel_shuffle(logits.sigmoid(), self.scale)
        return KernelRecord(index.unsqueeze(1), self.scale)
