"""Histograms with bins of equal width that leave nothing out."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in bins of equal width; nothing lies outside them.

    Attributes:
        counts: Values in each bin. A value on an edge belongs to the bin above it, on the last
            edge to the last bin.
        edges: Where bins begin and end, ascending.
    """

    counts: Int64[np.ndarray, " n"]
    edges: Float64[np.ndarray, " n+1"]


def check_bins(bins: int) -> None:
    """Refuse a histogram without bins.

    Raises:
        ValueError: `bins` is less than one.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")


def histogram(values: Tensor, bins: int, low: float, high: float) -> Histogram:
    """Count values between `low` and `high`; what rounding put outside belongs to the outermost bins."""
    inside = values.detach().to("cpu", torch.float64).flatten().clamp(low, high).numpy()
    counts, edges = np.histogram(inside, bins=bins, range=(low, high))
    return Histogram(counts=counts.astype(np.int64), edges=edges.astype(np.float64))
