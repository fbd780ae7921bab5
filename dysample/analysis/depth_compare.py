"""How depth maps of one picture differ: how much, where, and the ranges that show all of them alike.

Depths are metres. A truth that is not finite or not above zero is no truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
from jaxtyping import Float32

from dysample.analysis.compare import Window, densest_window
from dysample.analysis.depth_scores import check_depths, error_map, has_truth

_RARE = 1  # percent of the depths at either end that may lie outside the range
_USUAL = 99  # percentile of the differences and errors that their ranges reach
_LEAST = 0.01  # half of the narrowest range, so that equal maps have one
_DECIMETRES = 10  # in a metre
_ROUND = (1, 2, 5, 10)
_SLACK = 1e-3  # of single precision, so that half a metre needs no range of one


@dataclass(frozen=True, slots=True)
class DepthDifference:
    """How much a depth map differs from a reference.

    Attributes:
        mean: Mean absolute difference in metres.
        largest: Greatest absolute difference in metres.
    """

    mean: float
    largest: float


@dataclass(frozen=True, slots=True)
class DepthRanges:
    """What the ends of a colour scale stand for, shared by all maps of a picture.

    Attributes:
        near: Depth of the nearest colour in metres; in no map is more than a hundredth nearer.
        far: Depth of the farthest colour, likewise.
        change: Difference to the reference, to either side, in metres.
        error: Relative error to either side, as a share of the truth; None without truth.
    """

    near: float
    far: float
    change: float
    error: float | None


def depth_difference(
    depths: Float32[np.ndarray, "h w"], reference: Float32[np.ndarray, "h w"]
) -> DepthDifference:
    """How much a depth map differs from a reference.

    Raises:
        ValueError: The sizes differ, or a depth is not finite.
    """
    check_depths(depths, reference)
    apart = np.abs(depths.astype(np.float64) - reference)
    return DepthDifference(mean=float(apart.mean()), largest=float(apart.max()))


def liveliest_depth_window(
    depths: Sequence[Float32[np.ndarray, "h w"]], size: int, *, reference: Float32[np.ndarray, "h w"]
) -> Window:
    """The square in which depth maps differ most from a reference, in sum; millimetres are told apart.

    When all maps agree, it is the square in which the reference is steepest.

    Raises:
        ValueError: The sizes differ, or a depth is not finite.
    """
    counts = np.zeros(reference.shape, np.int64)
    for candidate in depths:
        check_depths(candidate, reference)
        counts += _millimetres(candidate - reference)
    if not counts.any():
        counts[:, 1:] += _millimetres(np.diff(reference, axis=1))
        counts[1:] += _millimetres(np.diff(reference, axis=0))
    return densest_window(counts, size)


def depth_ranges(
    depths: Sequence[Float32[np.ndarray, "h w"]],
    *,
    reference: Float32[np.ndarray, "h w"],
    truth: Float32[np.ndarray, "h w"] | None,
) -> DepthRanges:
    """Ranges that hold nearly all of the given maps, rounded outwards.

    Args:
        depths: At least one map.
        reference: What differences are counted against.
        truth: The true depths, where they are known.
    """
    known = [] if truth is None else [truth[has_truth(truth)]]
    ends = [np.percentile(each, (_RARE, 100 - _RARE)) for each in (*depths, *known) if each.size]
    near = floor(min(low for low, _ in ends) * _DECIMETRES)
    far = max(near + 1, ceil(max(high for _, high in ends) * _DECIMETRES))
    changes = [np.abs(each - reference) for each in depths]
    errors = [] if truth is None else [error_map(each, truth, signed=False) for each in depths]
    return DepthRanges(
        near=near / _DECIMETRES,
        far=far / _DECIMETRES,
        change=_reach(changes),
        error=None if truth is None else _reach([each[np.isfinite(each)] for each in errors]),
    )


def _millimetres(metres: Float32[np.ndarray, "..."]) -> np.ndarray:
    return np.round(1000 * np.abs(metres)).astype(np.int64)


def _reach(sizes: Sequence[np.ndarray]) -> float:
    """What nearly all sizes above zero stay below, rounded up to 1, 2, 5 or 10 times a power of ten."""
    values = np.concatenate([np.zeros(0), *(each.ravel() for each in sizes)])
    values = values[values > 0]
    wanted = max(_LEAST, float(np.percentile(values, _USUAL))) if values.size else _LEAST
    power = 10.0 ** floor(log10(wanted))
    return next(step * power for step in _ROUND if step * power >= wanted * (1 - _SLACK))
