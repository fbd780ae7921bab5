"""What the tests of networks share."""

import torch
from torch import nn

from dysample.models.encoder import Encoder


def small_encoder() -> Encoder:
    """An encoder with four maps, always of the same weights."""
    torch.manual_seed(0)
    return Encoder("mobilenet_v2").eval()


def disturbed(head: nn.Module) -> None:
    """Let the upsamplers of a head look as if they had learned something."""
    upsamplers = head.get_submodule("upsamplers")
    for parameter in upsamplers.parameters():
        nn.init.normal_(parameter, std=0.1)


def picture(*size: int, batch: int = 1) -> torch.Tensor:
    """Noise of a size, the same whenever asked for."""
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(sum(size)))
