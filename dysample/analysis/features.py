"""Feature maps made visible: many channels as one grey value or three colours per pixel."""

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from dysample.analysis.offsets import as_array

_TAILS = 0.01  # share of the values that is cut off at either end, so that outliers do not darken the rest


def feature_norm(x: Float[Tensor, "1 c h w"]) -> Float32[np.ndarray, "h w"]:
    """Length of every pixel's feature vector, the L2 norm over the channels.

    Raises:
        ValueError: There is more than one map.
    """
    _check_one(x)
    return as_array(x[0].detach().float().norm(dim=0))


def feature_channel(x: Float[Tensor, "1 c h w"], channel: int) -> Float32[np.ndarray, "h w"]:
    """One channel.

    Raises:
        ValueError: There is more than one map, or the map has no such channel.
    """
    _check_one(x)
    if not 0 <= channel < x.shape[1]:
        raise ValueError(f"channel must be from 0 to {x.shape[1] - 1}, got {channel}")
    return as_array(x[0, channel])


def feature_components(x: Float[Tensor, "1 c h w"]) -> Float32[np.ndarray, "h w 3"]:
    """The three directions in which the features vary most, one in each colour: principal components.

    Returns:
        The projections on the first three components, each between 0 and 1; a component that the
        map does not have is one half. The sign is such that the component's largest weight is positive.

    Raises:
        ValueError: There is more than one map.
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
    """Values between 0 and 1, the outermost hundredth at either end cut off; one half where all are equal."""
    low, high = np.quantile(values, (_TAILS, 1 - _TAILS))
    if high <= low:
        low, high = values.min(), values.max()
    if high <= low:
        return np.full(values.shape, 0.5, np.float32)
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


def _check_one(x: Tensor) -> None:
    if x.ndim != 4 or x.shape[0] != 1:
        raise ValueError(f"x must hold one map, (1, channels, height, width), got {tuple(x.shape)}")
