"""SAPA: similarity-aware point affiliation (Lu et al., NeurIPS 2022), in its light variant SAPA-B."""

import torch.fx
from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.upsampler import GuidedUpsampler, check_channels, normalised
from dysample.reassembly import neighbour_products
from dysample.types import KernelRecord

torch.fx.wrap("neighbour_products")  # one node for torch.fx: it depends on shapes

KERNEL = 5
EMBEDDING = 32  # channels of the embeddings in which guide and map are compared
NORM_GROUPS = 32
EMBEDDING_STD = 0.02


class SAPA(GuidedUpsampler):
    """Weigh the low-res neighbours of every output pixel by their similarity to the guide there.

    The weights are the softmax of inner products between an embedding of the guide and one of the map.
    """

    def __init__(self, channels: int, *, scale: int = 2, guide_channels: int | None = None) -> None:
        """Initialise for maps of `channels` channels and guides of `guide_channels`, by default equal.

        Raises:
            ValueError: A number of channels is not a multiple of 32, or `scale` is not an integer of at
                least 2.
        """
        super().__init__(channels, scale=scale, guide_channels=guide_channels)
        check_channels("channels", channels, NORM_GROUPS, "the groups of its normalisation")
        check_channels("guide_channels", self.guide_channels, NORM_GROUPS, "the groups of its normalisation")
        self.norm_guide = nn.GroupNorm(NORM_GROUPS, self.guide_channels)
        self.norm = nn.GroupNorm(NORM_GROUPS, channels)
        self.query = nn.Conv2d(self.guide_channels, EMBEDDING, kernel_size=1)
        self.key = nn.Conv2d(channels, EMBEDDING, kernel_size=1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise embeddings so small that kernels are nearly a plain average."""
        for conv in (self.query, self.key):
            nn.init.normal_(conv.weight, std=EMBEDDING_STD)
            nn.init.zeros_(conv.bias)  # pyright: ignore[reportArgumentType]

    def plan(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None = None
    ) -> KernelRecord:
        """Compute the kernel of every output pixel; neighbours outside the map have similarity zero.

        Raises:
            ValueError: `x` or the guide has the wrong shape.
        """
        guide = self.check_guide(x, guide)
        query, key = self.query(normalised(self.norm_guide, guide)), self.key(normalised(self.norm, x))
        logits = neighbour_products(query, key, size=KERNEL, scale=self.scale)
        return KernelRecord(logits.flatten(1, 2).softmax(1).view_as(logits), self.scale)
