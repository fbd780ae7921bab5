"""Helpers of the tests of networks."""

import torch
from torch import nn

from dysample.models.encoder import Encoder


def small_encoder() -> Encoder:
    """Make an encoder with four maps and always the same weights."""
    torch.manual_seed(0)
    return Encoder("mobilenet_v2").eval()


def disturbed(head: nn.Module) -> None:
    """Give the upsamplers of a head weights as if they were trained."""
    upsamplers = head.get_submodule("upsamplers")
    for parameter in upsamplers.parameters():
        nn.init.normal_(parameter, std=0.1)


def picture(*size: int, batch: int = 1) -> torch.Tensor:
    """Return noise of a size, the same every time."""
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(sum(size)))
