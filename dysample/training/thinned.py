"""The part of a prediction that a training step looks at: one pixel of every block.

A head predicts at a stride, and the network enlarges that bilinearly. Neighbouring pixels then tell
almost the same, while the enlargement and the loss over all of them are half of what a step takes.
A step looks at one pixel of every stride x stride block, the same in all blocks, drawn anew each time:
its expectation over the draws is the loss over all pixels.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Phase = tuple[int, int]  # row and column within a block


def draw_phase(stride: int, rng: np.random.Generator) -> Phase:
    """A pixel of a block, each as likely."""
    row, column = rng.integers(stride, size=2)
    return int(row), int(column)


def thinned_prediction(
    coarse: Float[Tensor, "b k h w"], stride: int, phase: Phase
) -> Float[Tensor, "b k h w"]:
    """`F.interpolate(coarse, scale_factor=stride, mode="bilinear")[..., row::stride, column::stride]`."""
    for axis, place in zip((2, 3), phase, strict=True):
        coarse = _shifted(coarse, axis, (place + 0.5) / stride - 0.5)
    return coarse


def thinned_truth(truth: Tensor, stride: int, phase: Phase) -> Tensor:
    """The same pixels of a map of (batch, rows, columns)."""
    row, column = phase
    return truth[:, row::stride, column::stride]


def _shifted(x: Tensor, axis: int, by: float) -> Tensor:
    """Read a map `by` positions further on, with `by` within half a position; the border repeats."""
    inner = x.shape[axis] - 1
    if by < 0:
        neighbours = [x.narrow(axis, 0, 1), x.narrow(axis, 0, inner)]
    else:
        neighbours = [x.narrow(axis, 1, inner), x.narrow(axis, inner, 1)]
    return torch.lerp(x, torch.cat(neighbours, dim=axis), abs(by))
