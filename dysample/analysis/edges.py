"""Edges: made ones to try upsamplers on, and where a map has them."""

from math import sqrt
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from dysample.geometry import check_map

Edge = Literal["vertical", "horizontal", "diagonal"]
# A map has an edge where it varies this much of what it does at its steepest. Not one half: there
# the feet of many ramps lie, and rounding would decide.
STEEP = 0.4


def edge_map(edge: Edge, *, height: int, width: int, softness: float = 0.0) -> Float[Tensor, "1 1 h w"]:
    """A map that is 0 on one side of a straight edge through its middle, and 1 on the other.

    Args:
        edge: "vertical" has the ones at the right, "horizontal" at the bottom, "diagonal" at the
            upper right of a line that falls at 45 degrees.
        height: Rows.
        width: Columns.
        softness: Width of the linear ramp between the sides in pixels, across the edge; with 0 the
            edge is hard. Pixels whose centre is on the edge are 0.5.

    Raises:
        ValueError: There is no such edge, the map has no pixels, or `softness` is negative.
    """
    if edge not in get_args(Edge):
        raise ValueError(f"edge must be one of {', '.join(get_args(Edge))}, got {edge!r}")
    check_size(height, width)
    if not 0 <= softness < float("inf"):
        raise ValueError(f"softness must be a finite number of at least 0, got {softness!r}")
    x = (torch.arange(width) + 0.5 - width / 2).expand(height, width)
    y = (torch.arange(height) + 0.5 - height / 2).unsqueeze(1).expand(height, width)
    distance = {"vertical": x, "horizontal": y, "diagonal": (x - y) / sqrt(2)}[edge]
    values = (distance / softness).clamp(-0.5, 0.5) if softness else distance.sign() / 2
    return (0.5 + values)[None, None]


def edge_pixels(x: Float[Tensor, "b c h w"]) -> Bool[Tensor, "b h w"]:
    """The pixels at a map's edges: those whose surroundings vary a lot, for this map.

    Variation is the greatest difference within 3 x 3 pixels, averaged over the channels; at an edge
    it is at least `STEEP` times the largest of the map. A constant map has no edges.

    Raises:
        ValueError: `x` is not a batch of non-empty maps.
    """
    check_map(x)
    highest = F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
    lowest = -F.max_pool2d(-x, kernel_size=3, stride=1, padding=1)
    variation = (highest - lowest).mean(dim=1)
    largest = variation.amax(dim=(1, 2), keepdim=True)
    return (variation >= STEEP * largest) & (variation > 0)


def check_size(height: int, width: int) -> None:
    """Refuse a map without pixels.

    Raises:
        ValueError: The height or the width is less than one.
    """
    if height < 1 or width < 1:
        raise ValueError(f"the map must have at least one row and one column, got {height} x {width}")
