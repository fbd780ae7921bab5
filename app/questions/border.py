"""A question about the map's border: what is read where there is nothing."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from app.questions.question import Question, only
from dysample.analysis.offsets import as_array
from dysample.ops.registry import build

_CHANNELS, _SIDE = 64, 6  # low-res pixels: from the middle ones, 5×5 kernels see no border
_SAME = 0.01  # of the map's value: what no eye would tell


@dataclass(frozen=True, slots=True)
class Border:
    """A constant map of ones, enlarged by two operators that have learnt nothing.

    Attributes:
        side: Rows and columns of the low-res map.
        carafe: What CARAFE gives.
        dysample: What DySample gives.
    """

    side: int
    carafe: Float32[np.ndarray, "H W"]
    dysample: Float32[np.ndarray, "H W"]


def border() -> Question[Border]:
    """Who keeps a constant map constant at its border?"""
    x = torch.ones(1, _CHANNELS, _SIDE, _SIDE)
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.default_generator.manual_seed(0)
        carafe, dysample = (as_array(_new(name)(x)[0, 0]) for name in ("carafe", "dysample"))
    darker, moved = (bool((1 - each).max() > _SAME) for each in (carafe, dysample))
    # In the order of the choices: both keep it, both darken, DySample darkens, CARAFE darkens.
    right = only([not darker and not moved, darker and moved, moved and not darker, darker and not moved])
    choices = (
        "nothing: both give 1 everywhere",
        "both get darker",
        "DySample gets darker, CARAFE does not",
        "CARAFE gets darker, DySample does not",
    )
    return Question(choices, right, Border(_SIDE, carafe, dysample))


def _new(name: str) -> nn.Module:
    return build(name, _CHANNELS)
