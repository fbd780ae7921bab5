"""Feature maps as pictures, one grey value or three colours per pixel; and edges, synthetic or found."""

from math import sqrt
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from dysample.explain.offsets import as_array
from dysample.geometry import check_map

_TAILS = 0.01  # share of the values cut off at either end, so that outliers do not darken the rest
Edge = Literal["vertical", "horizontal", "diagonal"]
# Share of a map's greatest variation that makes an edge. Not one half: many ramps vary by just that at their
# feet, and rounding would decide.
STEEP = 0.4


def feature_norm(x: Float[Tensor, "1 c h w"]) -> Float32[np.ndarray, "h w"]:
    """Return the length of every pixel's feature vector, the L2 norm over the channels.

    Raises:
        ValueError: `x` is not one map.
    """
    _check_one(x)
    return as_array(x[0].detach().float().norm(dim=0))


def feature_channel(x: Float[Tensor, "1 c h w"], channel: int) -> Float32[np.ndarray, "h w"]:
    """Return one channel.

    Raises:
        ValueError: `x` is not one map, or it has no such channel.
    """
    _check_one(x)
    if not 0 <= channel < x.shape[1]:
        raise ValueError(f"channel must be from 0 to {x.shape[1] - 1}, got {channel}")
    return as_array(x[0, channel])


def feature_components(x: Float[Tensor, "1 c h w"]) -> Float32[np.ndarray, "h w 3"]:
    """Return the first three principal components of the features, one in each colour.

    Returns:
        The projections on the components, each between 0 and 1, or one half for a component that the map
        does not have. The sign makes the component's largest weight positive.

    Raises:
        ValueError: `x` is not one map.
    """
    _check_one(x)
    pixels = x[0].detach().flatten(1).T.double().cpu()
    centred = pixels - pixels.mean(0)
    _, spread, directions = torch.linalg.svd(centred, full_matrices=False)
    count = int((spread[:3] > 1e-9 * spread.max().clamp(min=1e-300)).sum())
    largest = directions.abs().argmax(1)
    directions = directions * directions[torch.arange(len(directions)), largest].sign()[:, None]
    colours = torch.full((len(pixels), 3), 0.5, dtype=torch.float64)
    for k in range(count):
        colours[:, k] = torch.from_numpy(stretched((centred @ directions[k]).numpy())).double()
    return as_array(colours.unflatten(0, x.shape[2:]))


def stretched(values: Float[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Stretch values to [0, 1], clipping a hundredth at either end; equal values become one half."""
    low, high = np.quantile(values, (_TAILS, 1 - _TAILS))
    if high <= low:
        low, high = values.min(), values.max()
    if high <= low:
        return np.full(values.shape, 0.5, np.float32)
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


def _check_one(x: Tensor) -> None:
    if x.ndim != 4 or x.shape[0] != 1:
        raise ValueError(f"x must hold one map, (1, channels, height, width), got {tuple(x.shape)}")


# --- Edges ---


def edge_map(edge: Edge, *, height: int, width: int, softness: float = 0.0) -> Float[Tensor, "1 1 h w"]:
    """Return a map that is 0 on one side of a straight edge through its middle, and 1 on the other.

    Args:
        edge: "vertical" has the ones on the right, "horizontal" at the bottom, "diagonal" at the upper right
            of a line that falls at 45 degrees.
        height: Rows.
        width: Columns.
        softness: Width of the linear ramp across the edge in pixels; 0 for a hard edge. Pixels centred on
            the edge are 0.5.

    Raises:
        ValueError: The edge is unknown, the map has no pixels, or `softness` is negative or not finite.
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
    """Mark the pixels at the edges of a map: those whose surroundings vary a lot, compared to the whole map.

    Variation is the greatest difference within 3 x 3 pixels, averaged over the channels; at an edge it is at
    least `STEEP` times the greatest of the map. A constant map has no edges.

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
    """Raise an error if a map would have no pixels.

    Raises:
        ValueError: The height or the width is less than one.
    """
    if height < 1 or width < 1:
        raise ValueError(f"the map must have at least one row and one column, got {height} x {width}")
