"""Maps and points for testing implementations of point sampling."""

import torch
from torch import Tensor

# Batch, groups, channels per group, size of the map, size of the points, largest shift from an even spread.
CASES = {
    "scale 2": (1, 2, 3, (3, 5), (6, 10), 0.4),
    "scale 3, odd": (1, 1, 2, (1, 3), (3, 9), 0.4),
    "one for all images": (2, 1, 2, (3, 2), (6, 4), 0.4),
    "scale 1, far": (1, 1, 4, (4, 3), (4, 3), 2.5),
    "scale 2, far": (1, 1, 2, (4, 5), (8, 10), 3.5),
    "no whole scale": (1, 1, 1, (5, 4), (7, 3), 0.9),
    "one pixel": (1, 1, 5, (1, 1), (4, 4), 0.4),
}


def case(name: str, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Return slope, map and points, all exact in float32, so that every type starts from the same numbers."""
    batch, groups, grouped, size, count, far = CASES[name]
    generator = torch.Generator().manual_seed(len(name))
    x = torch.randn(batch, groups * grouped, *size, generator=generator)
    spread = [(torch.arange(n) + 0.5) * length / n for n, length in zip(count, size, strict=True)]
    even = torch.stack([spread[1].expand(count), spread[0].view(-1, 1).expand(count)])
    shape = (1 if name == "one for all images" else batch, groups, 2, *count)
    points = even + far * (2 * torch.rand(shape, generator=generator) - 1)
    slope = torch.randn(batch, groups * grouped, *count, generator=generator)
    return slope.to(dtype), x.to(dtype), points.to(dtype).expand(batch, -1, -1, -1, -1)
