"""CARAFE: content-aware reassembly of features (Wang et al., ICCV 2019)."""

import torch.fx
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import check_map
from dysample.ops.upsampler import Upsampler
from dysample.reassembly import reassemble
from dysample.types import KernelRecord

# One node each for torch.fx: what they do depends on shapes.
torch.fx.wrap("check_map")
torch.fx.wrap("reassemble")

KERNEL = 5
COMPRESSED = 64  # channels from which the kernels are predicted
KERNEL_STD = 0.001


class CARAFE(Upsampler):
    """Predict a 5x5 kernel, positive and summing to 1, for every output pixel from the low-res features."""

    def __init__(self, channels: int, *, scale: int = 2) -> None:
        """Initialise for maps of `channels` channels.

        Raises:
            ValueError: `channels` is not a positive integer, or `scale` is not an integer of at least 2.
        """
        super().__init__(channels, scale=scale)
        self.compress = nn.Conv2d(channels, COMPRESSED, kernel_size=1)
        self.encode = nn.Conv2d(COMPRESSED, scale * scale * KERNEL * KERNEL, kernel_size=3, padding=1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise so that kernels are nearly a plain average."""
        nn.init.xavier_uniform_(self.compress.weight)
        nn.init.zeros_(self.compress.bias)  # pyright: ignore[reportArgumentType]
        nn.init.normal_(self.encode.weight, std=KERNEL_STD)
        nn.init.zeros_(self.encode.bias)  # pyright: ignore[reportArgumentType]

    def plan(self, x: Float[Tensor, "b c h w"]) -> KernelRecord:
        """Predict the kernel of every output pixel (Wang et al., Sec. 3.2.1).

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels.
        """
        check_map(x, self.channels)
        logits = F.pixel_shuffle(self.encode(self.compress(x)), self.scale)
        return KernelRecord(logits.softmax(1).unflatten(1, (KERNEL, KERNEL)), self.scale)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times: plan the kernels, then apply them.

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels.
        """
        return reassemble(x, self.plan(x).weights, scale=self.scale)
