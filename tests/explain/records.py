"""Sampling records for tests."""

import torch

from dysample.geometry import initial_positions
from dysample.types import SamplingRecord


def random_record(
    height: int, width: int, scale: int, *, groups: int = 2, reach: float = 0.6, batch: int = 1, seed: int = 0
) -> SamplingRecord:
    generator = torch.Generator().manual_seed(seed)
    initial = initial_positions(height, width, scale=scale, like=torch.zeros(()))
    shape = (batch, groups, 2, height * scale, width * scale)
    return SamplingRecord(
        initial=initial, offset=reach * (2 * torch.rand(shape, generator=generator) - 1), scope=0.25
    )


def record_of(x: list[list[float]], y: list[list[float]], *, scale: int = 2) -> SamplingRecord:
    """Return a record of one group with the given offsets."""
    offset = torch.tensor([x, y])[None, None]
    height, width = offset.shape[3] // scale, offset.shape[4] // scale
    return SamplingRecord(
        initial=initial_positions(height, width, scale=scale, like=offset), offset=offset, scope=0.25
    )
