"""Depth scores over a data set, and differences of depth maps of one picture.

The scores are those of Eigen, Puhrsch and Fergus (NeurIPS 2014) and of the paper's table 9. Every score
is computed within each picture, over the pixels that have a truth, and then averaged over the pictures
with equal weights. Depths are in metres. A truth that is not finite or not above zero counts as missing;
truths and predictions are clipped to [`LOWEST`, `HIGHEST`] before they are compared.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int32, Int64, UInt32

from dysample.scores.segmentation import Window, densest_window

LOWEST = 1e-3
HIGHEST = 10.0
METRICS = ("delta1", "delta2", "delta3", "abs_rel", "rms", "log10", "rms_log", "sq_rel")
_CROP = (45, 471, 41, 601)  # first row, row after the last, and the same of columns
_CROP_SIZE = (480, 640)
_RARE = 1  # percent of the depths at either end that may lie outside the range
_USUAL = 99.0  # percentile of the differences and errors that their ranges reach
_LEAST = 0.01  # half of the narrowest range, so that equal maps have one
_DECIMETRES = 10  # in a metre
_ROUND = (1, 2, 5, 10)
_STRIP = 1 << 20  # pixels that are worked on at a time
_HALF, _LOWER = 16, np.uint32(0xFFFF)  # bits of half a float, and its lower half
_SLACK = 1e-3  # of single precision, so that half a metre needs no range of one


@dataclass(frozen=True, slots=True)
class DepthScore:
    """Scores of a data set, named as in the paper's table 9; None if no picture has a truth.

    Attributes:
        delta1: Share of pixels whose prediction and truth are less than a factor of 1.25 apart.
        delta2: The same for 1.25 squared.
        delta3: The same for 1.25 cubed.
        abs_rel: Mean of the absolute error over the truth.
        rms: Root of the mean squared error, in metres.
        log10: Mean absolute difference of the logarithms to base 10.
        rms_log: Root of the mean squared difference of the natural logarithms.
        sq_rel: Mean of the squared error over the truth, in metres.
        pictures: Number of pictures that were averaged.
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
    """Scorer of a data set, picture by picture, within the Eigen crop."""

    def __init__(self) -> None:
        """Start with no pictures."""
        self._rows: list[Float64[np.ndarray, " metrics"]] = []

    def update(self, prediction: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "h w"]) -> None:
        """Score one picture.

        Args:
            prediction: Depths in metres.
            truth: True depths in metres; the module says which count as missing.

        Raises:
            ValueError: The maps differ in size or are not 4:3, or a prediction is not finite.
        """
        check_depths(prediction, truth)
        rows, columns = eigen_crop(*truth.shape)
        self._rows.append(depth_metrics(prediction[rows, columns], truth[rows, columns]))

    @property
    def pictures(self) -> Float64[np.ndarray, "pictures metrics"]:
        """Scores of each picture in the order of `METRICS`; NaN where a picture has no truth."""
        return np.array(self._rows, np.float64).reshape(-1, len(METRICS))

    def score(self) -> DepthScore:
        """Return the averages over the pictures that have a truth."""
        known = self.pictures[~np.isnan(self.pictures[:, 0])]
        means = known.mean(0).tolist() if len(known) else [None] * len(METRICS)
        return DepthScore(*means, pictures=len(known))


def depth_metrics(
    prediction: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "h w"]
) -> Float64[np.ndarray, " metrics"]:
    """Return the scores of one picture, or of a part of it, without any crop.

    Returns:
        Values in the order of `METRICS`; all NaN if no pixel has a truth.

    Raises:
        ValueError: The arrays are not two maps of one size, or a prediction is not finite.
    """
    check_depths(prediction, truth)
    known = has_truth(truth)
    if not known.any():
        return np.full(len(METRICS), np.nan)
    guess, real = _clipped(prediction[known]), _clipped(truth[known])
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
    """Return the relative error of every pixel, after clipping both depths.

    Args:
        prediction: Depths in metres.
        truth: True depths in metres.
        signed: Keep the sign, positive where the prediction is too far; otherwise return absolute values.

    Returns:
        The error over the truth; NaN where there is no truth.

    Raises:
        ValueError: The arrays are not two maps of one size, or a prediction is not finite.
    """
    check_depths(prediction, truth)
    known = has_truth(truth)
    real = _clipped(truth[known])
    error = (_clipped(prediction[known]) - real) / real
    result = np.full(truth.shape, np.nan, np.float32)
    result[known] = error if signed else np.abs(error)
    return result


def eigen_crop(height: int, width: int) -> tuple[slice, slice]:
    """Return rows and columns of the Eigen crop: 45 to 470 and 41 to 600 in 640x480, counted from 0.

    In other 4:3 sizes the crop holds the pixels that lie wholly within the scaled crop, so no part of a
    pixel is counted: rows 23 to 234 and columns 21 to 299 in 320x240.

    Raises:
        ValueError: The size is not 4:3.
    """
    if 3 * width != 4 * height or height < 1:
        raise ValueError(f"the Eigen crop is for pictures of 4:3, got {width} to {height} pixels")
    top, bottom, left, right = _CROP
    high, wide = _CROP_SIZE
    rows = slice(ceil(top * height / high), floor(bottom * height / high))
    columns = slice(ceil(left * width / wide), floor(right * width / wide))
    return rows, columns


def has_truth(truth: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return a mask of the pixels whose depth is known."""
    return np.isfinite(truth) & (truth > 0)


def check_depths(prediction: Float[np.ndarray, "..."], truth: Float[np.ndarray, "..."]) -> None:
    """Check that two depth maps can be compared.

    Raises:
        ValueError: The arrays are not two maps of one size, or a prediction is not finite.
    """
    if prediction.ndim != 2 or prediction.shape != truth.shape:
        raise ValueError(
            f"depth maps must have one shape (height, width), got {prediction.shape} and {truth.shape}"
        )
    if not np.isfinite(prediction).all():
        wrong = int((~np.isfinite(prediction)).sum())
        raise ValueError(f"predicted depths must be finite, got {wrong} pixels that are not")


def _clipped(depths: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    return depths.astype(np.float64).clip(LOWEST, HIGHEST)


# --- Differences ---


@dataclass(frozen=True, slots=True)
class DepthDifference:
    """Difference of a depth map to a reference.

    Attributes:
        mean: Mean absolute difference in metres.
        largest: Largest absolute difference in metres.
    """

    mean: float
    largest: float


@dataclass(frozen=True, slots=True)
class DepthRanges:
    """Ends of the colour scales that all maps of a picture share.

    Attributes:
        near: Depth of the nearest colour in metres; at most a hundredth of any map is nearer.
        far: Depth of the farthest colour in metres; at most a hundredth of any map is farther.
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
    """Measure how much a depth map differs from a reference.

    Raises:
        ValueError: The sizes differ, or a depth is not finite.
    """
    check_depths(depths, reference)
    total, largest = 0.0, 0.0
    for rows in _strips(reference.shape):
        change = np.abs(depths[rows].astype(np.float64) - reference[rows])
        total, largest = total + float(change.sum()), max(largest, float(change.max()))
    return DepthDifference(mean=total / depths.size, largest=largest)


def liveliest_depth_window(
    depths: Sequence[Float32[np.ndarray, "h w"]], size: int, *, reference: Float32[np.ndarray, "h w"]
) -> Window:
    """Return the square with the largest sum of differences to a reference, in whole millimetres.

    If all maps agree, return the square in which the reference is steepest.

    Raises:
        ValueError: The sizes differ, or a depth is not finite.
    """
    counts = np.zeros(reference.shape, np.int32)
    for candidate in depths:
        check_depths(candidate, reference)
        for rows in _strips(reference.shape):
            counts[rows] += _millimetres(candidate[rows] - reference[rows])
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
    """Return ranges that hold nearly all values of the given maps, rounded outwards.

    Args:
        depths: At least one map.
        reference: Map that differences are taken to.
        truth: True depths, if they are known.
    """
    known = [] if truth is None else [truth[has_truth(truth)]]
    ends = [np.percentile(values, (_RARE, 100 - _RARE)) for values in (*depths, *known) if values.size]
    near = floor(min(low for low, _ in ends) * _DECIMETRES)
    far = max(near + 1, ceil(max(high for _, high in ends) * _DECIMETRES))

    def changes() -> Iterator[Float32[np.ndarray, "_rows w"]]:
        """Return the changes strip by strip: those of whole pictures would take gigabytes."""
        for depth in depths:
            yield from (np.abs(depth[rows] - reference[rows]) for rows in _strips(reference.shape))

    errors = [] if truth is None else [error_map(depth, truth, signed=False) for depth in depths]
    return DepthRanges(
        near=near / _DECIMETRES,
        far=far / _DECIMETRES,
        change=_reach(changes),
        error=None if truth is None else _reach(lambda: errors),
    )


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Return rows in groups: intermediate values of whole pictures would take gigabytes."""
    rows = max(1, _STRIP // shape[1])
    return (slice(top, top + rows) for top in range(0, shape[0], rows))


def _millimetres(metres: Float32[np.ndarray, "..."]) -> Int32[np.ndarray, "..."]:
    return np.round(1000 * np.abs(metres)).astype(np.int32)


def _reach(sizes: Callable[[], Iterable[Float32[np.ndarray, "_h _w"]]]) -> float:
    """Return a bound of nearly all sizes above zero, rounded up to 1, 2, 5 or 10 times a power of ten."""
    usual = percentile_above_zero(sizes, _USUAL)
    bound = _LEAST if usual is None else max(_LEAST, usual)
    power = 10.0 ** floor(log10(bound))
    return next(step * power for step in _ROUND if step * power >= bound * (1 - _SLACK))


def percentile_above_zero(
    parts: Callable[[], Iterable[Float32[np.ndarray, "..."]]], percent: float
) -> float | None:
    """Return a percentile of all values above zero, interpolated linearly, without holding all of them.

    Positive floats are in the order of their bits: a first pass counts the upper halves of these, another
    the lower halves of those that have the wanted upper half.

    Args:
        parts: Returns the values part by part, the same ones at every call; NaN is left out.
        percent: From 0 to 100.

    Returns:
        The percentile; None if no value is above zero.
    """
    upper = _counts(parts, lambda bits: bits >> _HALF)
    total = int(upper.sum())
    if not total:
        return None
    at = (total - 1) * percent / 100
    low, high = (_ranked(parts, upper, rank) for rank in (floor(at), ceil(at)))
    return low + (high - low) * (at - floor(at))


def _ranked(
    parts: Callable[[], Iterable[Float32[np.ndarray, "..."]]], upper: Int64[np.ndarray, " n"], rank: int
) -> float:
    """Return the value of a rank, counted from 0, among all values above zero."""
    below = np.cumsum(upper)
    half = int(np.searchsorted(below, rank, side="right"))
    lower = _counts(parts, lambda bits: bits[bits >> _HALF == half] & _LOWER)
    left = rank - int(below[half] - upper[half])
    bits = half << _HALF | int(np.searchsorted(np.cumsum(lower), left, side="right"))
    return float(np.array(bits, np.uint32).view(np.float32))


def _counts(
    parts: Callable[[], Iterable[Float32[np.ndarray, "..."]]],
    half: Callable[[UInt32[np.ndarray, " n"]], UInt32[np.ndarray, " k"]],
) -> Int64[np.ndarray, " halves"]:
    counts = np.zeros(1 << _HALF, np.int64)
    for part in parts():
        counts += np.bincount(half(part[part > 0].view(np.uint32)), minlength=1 << _HALF)
    return counts
