"""Depth scores over a data set, as in Eigen, Puhrsch and Fergus (NeurIPS 2014) and the paper's table 9.

Every score is computed in each picture by itself, over its pixels that have a truth, and then
averaged over the pictures with equal weights. Depths are metres. A truth that is not finite or not
above zero is no truth; truths and predictions are cut to [`LOWEST`, `HIGHEST`] before they are
compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from dysample.scores.segmentation import Window, densest_window

LOWEST = 1e-3
HIGHEST = 10.0
METRICS = ("delta1", "delta2", "delta3", "abs_rel", "rms", "log10", "rms_log", "sq_rel")
_CROP = (45, 471, 41, 601)  # first row, row after the last, and the same of columns
_CROP_SIZE = (480, 640)


@dataclass(frozen=True, slots=True)
class DepthScore:
    """Scores of a data set, None if no picture has a truth; named as in the paper's table 9.

    Attributes:
        delta1: Share of pixels whose prediction and truth are less than a factor of 1.25 apart.
        delta2: The same for 1.25 squared.
        delta3: The same for 1.25 cubed.
        abs_rel: Mean of the absolute error over the truth.
        rms: Root of the mean squared error, in metres.
        log10: Mean absolute difference of the logarithms to base 10.
        rms_log: Root of the mean squared difference of the natural logarithms.
        sq_rel: Mean of the squared error over the truth, in metres.
        pictures: How many were averaged over.
    """

    delta1: float | None
    delta2: float | None
    delta3: float | None
    abs_rel: float | None
    rms: float | None
    log10: float | None
    rms_log: float | None
    sq_rel: float | None
    pictures: int


class DepthScorer:
    """Scores of a data set, picture by picture, within the Eigen crop."""

    def __init__(self) -> None:
        """Start with no pictures."""
        self._rows: list[Float64[np.ndarray, " metrics"]] = []

    def update(self, prediction: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "h w"]) -> None:
        """Score one picture.

        Args:
            prediction: Depths in metres.
            truth: The true depths; see above for what is no truth.

        Raises:
            ValueError: Not two maps of one size of 4:3, or a prediction that is not finite.
        """
        check_depths(prediction, truth)
        rows, columns = eigen_crop(*truth.shape)
        self._rows.append(depth_metrics(prediction[rows, columns], truth[rows, columns]))

    @property
    def pictures(self) -> Float64[np.ndarray, "pictures metrics"]:
        """Scores of each picture in the order of `METRICS`; NaN where a picture has no truth."""
        return np.array(self._rows, np.float64).reshape(-1, len(METRICS))

    def score(self) -> DepthScore:
        """The averages over the pictures that have a truth."""
        known = self.pictures[~np.isnan(self.pictures[:, 0])]
        means = known.mean(0).tolist() if len(known) else [None] * len(METRICS)
        return DepthScore(*means, pictures=len(known))


def depth_metrics(
    prediction: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "h w"]
) -> Float64[np.ndarray, " metrics"]:
    """The scores of one picture, or of a part of it, without any crop.

    Returns:
        Values in the order of `METRICS`; all NaN if no pixel has a truth.

    Raises:
        ValueError: Not two maps of one size, or a prediction that is not finite.
    """
    check_depths(prediction, truth)
    known = has_truth(truth)
    if not known.any():
        return np.full(len(METRICS), np.nan)
    guess, real = _cut(prediction[known]), _cut(truth[known])
    error, logs = guess - real, np.log(guess) - np.log(real)
    factor = np.maximum(guess / real, real / guess)
    return np.array(
        [
            *(float((factor < 1.25**power).mean()) for power in (1, 2, 3)),
            (np.abs(error) / real).mean(),
            np.sqrt((error**2).mean()),
            np.abs(logs).mean() / np.log(10),
            np.sqrt((logs**2).mean()),
            (error**2 / real).mean(),
        ]
    )


def error_map(
    prediction: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "h w"], *, signed: bool
) -> Float32[np.ndarray, "h w"]:
    """The relative error of every pixel, after both depths were cut to the range.

    Args:
        prediction: Depths in metres.
        truth: The true depths.
        signed: Keep the sign, positive where the prediction is too far; else absolute values.

    Returns:
        The error over the truth; NaN where there is no truth.

    Raises:
        ValueError: Not two maps of one size, or a prediction that is not finite.
    """
    check_depths(prediction, truth)
    known = has_truth(truth)
    real = _cut(truth[known])
    error = (_cut(prediction[known]) - real) / real
    result = np.full(truth.shape, np.nan, np.float32)
    result[known] = error if signed else np.abs(error)
    return result


def eigen_crop(height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of the Eigen crop: 45 to 470 and 41 to 600 in 640x480, counted from 0.

    In another size of that shape it is the pixels that lie wholly within the scaled crop, so a part
    of a pixel is never counted: rows 23 to 234 and columns 21 to 299 in 320x240.

    Raises:
        ValueError: Not 4 to 3.
    """
    if 3 * width != 4 * height or height < 1:
        raise ValueError(f"the Eigen crop is for pictures of 4:3, got {width} to {height} pixels")
    top, bottom, left, right = _CROP
    high, wide = _CROP_SIZE
    rows = slice(ceil(top * height / high), floor(bottom * height / high))
    columns = slice(ceil(left * width / wide), floor(right * width / wide))
    return rows, columns


def has_truth(truth: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The pixels whose depth is known."""
    return np.isfinite(truth) & (truth > 0)


def check_depths(prediction: Float[np.ndarray, "..."], truth: Float[np.ndarray, "..."]) -> None:
    """Refuse what cannot be compared.

    Raises:
        ValueError: Not two maps of one size, or a prediction that is not finite.
    """
    if prediction.ndim != 2 or prediction.shape != truth.shape:
        raise ValueError(
            f"depth maps must have one shape (height, width), got {prediction.shape} and {truth.shape}"
        )
    if not np.isfinite(prediction).all():
        wrong = int((~np.isfinite(prediction)).sum())
        raise ValueError(f"predicted depths must be finite, got {wrong} pixels that are not")


def _cut(depths: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    return depths.astype(np.float64).clip(LOWEST, HIGHEST)


# How depth maps of one picture differ: how much, where, and the ranges that show all of them alike.
#
# Depths are metres. A truth that is not finite or not above zero is no truth.


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
