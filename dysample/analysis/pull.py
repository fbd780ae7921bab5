"""Which way a sampling point is pulled: gradient descent on where it reads.

Positions and offsets are (x, y) in low-res pixels, pixel centres at one half.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.geometry import check_map, initial_positions, sample
from dysample.types import SamplingRecord

RATE = 0.1  # low-res pixels for each unit of the gradient: well below what overshoots on values in [0, 1]


def pulled(
    x: Float[Tensor, "1 c h w"], target: Float[Tensor, "1 c H W"], *, scale: int = 2, steps: int = 50
) -> SamplingRecord:
    """Let every point of the bilinear grid move freely to where it reads what it should.

    All start without offset and go down the gradient of their own squared error, summed over the
    channels. In DySample the offsets are predicted from the map, by a layer that the same gradient trains.

    Args:
        x: The low-res map, values of about [0, 1].
        target: What should be read.
        scale: Enlargement s.
        steps: Updates.

    Raises:
        ValueError: `x` is not one map, the target does not have its size times s, or `steps` is
            negative.
    """
    check_map(x)
    initial = initial_positions(x.shape[2], x.shape[3], scale=scale, like=x)
    if tuple(target.shape) != (1, x.shape[1], *initial.shape[3:]):
        raise ValueError(
            f"target must be one map of {scale} times the size of {tuple(x.shape)}, got {tuple(target.shape)}"
        )
    if steps < 0:
        raise ValueError(f"steps must be at least 0, got {steps}")
    record = SamplingRecord(initial=initial, offset=torch.zeros_like(initial), scope=1.0)
    for _ in range(steps):
        record = replace(record, offset=record.offset - RATE * _gradient(x, target, record))
    return record


@torch.enable_grad()
def _gradient(
    x: Float[Tensor, "1 c h w"], target: Float[Tensor, "1 c H W"], record: SamplingRecord
) -> Float[Tensor, "1 1 2 H W"]:
    offset = record.offset.clone().requires_grad_()
    error = (sample(x.detach(), record.initial + offset) - target).square().sum()
    return torch.autograd.grad(error, offset)[0]
