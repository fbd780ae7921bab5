"""The networks of a recipe, with random weights that depend on the seed alone."""

import torch
from torch import nn

from dysample.models.encoder import Encoder
from dysample.models.weights import TaskHead, new_head
from dysample.training.recipe import Recipe


def make_head(recipe: Recipe, encoder: Encoder, upsampler: str, seed: int) -> TaskHead:
    """A head whose random start depends on the seed alone.

    All heads of a seed share the values of every layer outside the upsamplers.
    """
    torch.manual_seed(seed)
    head = new_head(recipe, encoder.channels, upsampler)
    torch.manual_seed(seed)
    for name, module in head.named_modules():
        if isinstance(module, nn.Conv2d) and not name.startswith("upsamplers."):
            module.reset_parameters()
    return head


def freeze_norms(module: nn.Module) -> None:
    """Keep the running statistics of all batch normalisations; their scale and shift still learn."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()
