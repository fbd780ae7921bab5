"""Paired comparison of two upsamplers' runs on the same pictures with the same seeds.

A run is kept as what every picture contributes, so any choice of pictures can be scored again. Most scores
are the mean over classes of a ratio of sums (`PictureRatios`): for mIoU, the sums over pictures of
intersections and unions; for a mean over pictures there is a single class, whose values are summed and
divided by their number. An average precision is none: see `dysample.scores.precision`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Integer, Real

RESAMPLES = 2000
LEVEL = 0.95
_BLOCK = 256  # resamples at a time: bounds the memory to this many weights a picture


class PictureStatistics(ABC):
    """Contribution of every picture to a score.

    Attributes:
        scored: Indices of the classes that the score averages.
    """

    __slots__ = ()
    scored: tuple[int, ...]

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Number of pictures, and number of classes."""

    @property
    @abstractmethod
    def per_class(self) -> tuple[float | None, ...]:
        """Score of each class over all pictures; None for a class that does not occur."""

    @property
    def score(self) -> float:
        """Mean over the scored classes that have a value.

        Raises:
            ValueError: No scored class has a value.
        """
        values = self.per_class
        known = [value for value in (values[index] for index in self.scored) if value is not None]
        if not known:
            raise ValueError(f"none of the scored classes {self.scored} occurs in these pictures")
        return sum(known) / len(known)

    @abstractmethod
    def resampled(self, weights: Float64[np.ndarray, "times pictures"]) -> Float64[np.ndarray, " times"]:
        """Return the score of several choices of the pictures.

        Args:
            weights: How often each picture is drawn, for each of the choices.

        Returns:
            Scores; NaN for a choice in which no scored class occurs.
        """

    @abstractmethod
    def of_classes(self, classes: Sequence[int]) -> "PictureStatistics":
        """Return the statistics of some classes, in the given order.

        Raises:
            ValueError: None of them is scored.
        """

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything as small arrays by name, to be kept in a file."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureRatios(PictureStatistics):
    """Contribution of every picture to a mean over classes of ratios of sums.

    Attributes:
        parts: Numerators, such as pixels of the intersection.
        wholes: Denominators, such as pixels of the union; at least 0.
        scored: Indices of the classes that the score averages.
        occurs: Counts above 0 where a picture has a class. A class that occurs in some picture has the ratio
            0 if its denominators are all 0. None if a class occurs where its denominator is above 0.
    """

    parts: Real[np.ndarray, "pictures classes"]
    wholes: Real[np.ndarray, "pictures classes"]
    scored: tuple[int, ...]
    occurs: Integer[np.ndarray, "pictures classes"] | None = None

    def __post_init__(self) -> None:
        """Check shapes, values and class indices.

        Raises:
            ValueError: Shapes differ, there are no pictures, a value is impossible, or a class is unknown.
        """
        if self.parts.ndim != 2 or self.parts.shape != self.wholes.shape or not self.parts.size:
            shapes = f"{self.parts.shape} and {self.wholes.shape}"
            raise ValueError(f"parts and wholes must have one shape (pictures, classes), got {shapes}")
        if not (np.isfinite(self.parts).all() and np.isfinite(self.wholes).all() and self.wholes.min() >= 0):
            raise ValueError("parts and wholes must be finite, and wholes at least 0")
        if self.occurs is not None and self.occurs.shape != self.parts.shape:
            raise ValueError(
                f"occurs must have the shape of parts {self.parts.shape}, got {self.occurs.shape}"
            )
        check_scored(self.scored, self.parts.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pictures, and number of classes."""
        pictures, classes = self.parts.shape
        return pictures, classes

    @property
    def per_class(self) -> tuple[float | None, ...]:
        """Ratio of each class over all pictures; None for a class that does not occur."""
        occurs = self.wholes if self.occurs is None else self.occurs
        sums = (counts.sum(0).tolist() for counts in (self.parts, self.wholes, occurs))
        return tuple(
            part / whole if whole else (0.0 if count else None)
            for part, whole, count in zip(*sums, strict=True)
        )

    def resampled(self, weights: Float64[np.ndarray, "times pictures"]) -> Float64[np.ndarray, " times"]:
        """Return the score of every resample; NaN for one in which no scored class occurs."""
        scored = list(self.scored)
        parts, wholes = (
            weights @ counts[:, scored].astype(np.float64) for counts in (self.parts, self.wholes)
        )
        present = wholes > 0
        ratios = np.divide(parts, wholes, out=np.zeros_like(parts), where=present)
        if self.occurs is not None:
            present = weights @ self.occurs[:, scored].astype(np.float64) > 0
        classes = present.sum(1)
        return np.divide(ratios.sum(1), classes, out=np.full(len(weights), np.nan), where=classes > 0)

    def of_classes(self, classes: Sequence[int]) -> "PictureRatios":
        """Return the ratios of some classes, in the given order.

        Raises:
            ValueError: None of them is scored.
        """
        chosen = list(classes)
        occurs = None if self.occurs is None else self.occurs[:, chosen]
        return PictureRatios(
            self.parts[:, chosen], self.wholes[:, chosen], scored_among(self.scored, chosen), occurs
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything as small arrays by name, to be kept in a file."""
        arrays = {"parts": _small(self.parts), "wholes": _small(self.wholes)}
        if self.occurs is not None:
            arrays["occurs"] = _small(self.occurs)
        return arrays | scored_array(self.scored, self.parts.shape[1])

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray]) -> "PictureRatios":
        """Return the ratios that `arrays` was made of.

        Raises:
            KeyError: An array is missing.
            ValueError: The arrays do not fit together.
        """
        parts = arrays["parts"]
        scored = restored_scored(arrays, parts.shape[-1])
        return cls(parts, arrays["wholes"], scored, arrays.get("occurs"))


def check_scored(scored: tuple[int, ...], classes: int) -> None:
    """Check the indices of the scored classes.

    Raises:
        ValueError: There are none, or one is out of range.
    """
    if not scored or any(not 0 <= index < classes for index in scored):
        raise ValueError(f"scored must be indices from 0 to {classes - 1}, got {scored}")


def scored_among(scored: tuple[int, ...], classes: Sequence[int]) -> tuple[int, ...]:
    """Return the positions of the scored classes among some classes."""
    return tuple(position for position, index in enumerate(classes) if index in scored)


def scored_array(scored: tuple[int, ...], classes: int) -> dict[str, np.ndarray]:
    """Return the scored classes as an array by name; nothing if all are scored."""
    return {} if scored == tuple(range(classes)) else {"scored": np.array(scored, np.uint8)}


def restored_scored(arrays: Mapping[str, np.ndarray], classes: int) -> tuple[int, ...]:
    """Return the scored classes that `scored_array` kept."""
    return tuple(arrays["scored"].tolist()) if "scored" in arrays else tuple(range(classes))


def _small(counts: np.ndarray) -> np.ndarray:
    """Reduce integers to 32 bits, which hold the pixels of one picture."""
    return counts.astype(np.int32) if np.issubdtype(counts.dtype, np.integer) else counts


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """A score over the seeds.

    Attributes:
        values: The score of each run, by ascending seed.
        mean: Mean of the values.
        deviation: Sample standard deviation of the values; None for a single one.
    """

    values: tuple[float, ...]
    mean: float
    deviation: float | None


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Difference of a score to the reference's, with its confidence interval at `LEVEL`.

    Attributes:
        value: Mean over the seeds.
        low: Lower end of the interval.
        high: Upper end of the interval.
        seeds: Seeds that both have. With a single seed, the interval reflects the pictures alone.
    """

    value: float
    low: float
    high: float
    seeds: tuple[int, ...]


def ratios_of_means(values: Float64[np.ndarray, " pictures"]) -> PictureRatios:
    """Return the contributions to a plain mean of one value per picture; NaN means no value."""
    known = ~np.isnan(values)
    parts = np.where(known, values, 0.0)
    return PictureRatios(parts[:, None], known[:, None].astype(np.int32), scored=(0,))


def spread(values: Iterable[float]) -> SeedSpread:
    """Return mean and standard deviation over the runs.

    Raises:
        ValueError: There are no values.
    """
    known = tuple(float(value) for value in values)
    if not known:
        raise ValueError("a spread needs the score of at least one run")
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return SeedSpread(known, sum(known) / len(known), deviation)


def mean_per_class(runs: Iterable[PictureStatistics]) -> tuple[float | None, ...]:
    """Return the mean over the runs of each class's score; None for a class without a value in any run."""
    columns = zip(*(run.per_class for run in runs), strict=True)
    known = ([value for value in column if value is not None] for column in columns)
    return tuple(sum(values) / len(values) if values else None for values in known)


def paired_difference(
    runs: Mapping[int, PictureStatistics],
    reference: Mapping[int, PictureStatistics],
    *,
    rng_seed: int = 0,
    resamples: int = RESAMPLES,
) -> PairedDifference:
    """Compare the scores of runs with those of a reference's runs with the same seeds.

    The interval comes from a bootstrap: every resample draws as many seeds and as many pictures as
    there are, both with replacement and independently, the same ones for the runs and the reference,
    and takes the mean difference of the scores; the interval lies between percentiles of these
    differences. With few seeds it is somewhat too narrow, since resampling S seeds reproduces only
    (S - 1) / S of the variance between them.

    Args:
        runs: Runs by seed, all of the same pictures in the same order.
        reference: Runs of the reference by seed, of the same pictures.
        rng_seed: Seed of the draws.
        resamples: Number of resamples.

    Raises:
        ValueError: No seed is shared, or runs are of different pictures or classes.
    """
    seeds = tuple(sorted(runs.keys() & reference.keys()))
    _check_pairs(runs, reference, seeds)
    scores = [(runs[seed].score, reference[seed].score) for seed in seeds]
    rng = np.random.default_rng(rng_seed)
    seed_weights = _draws(rng, resamples, len(seeds)) / len(seeds)
    pictures, _ = runs[seeds[0]].shape
    differences = np.empty(resamples)
    for start in range(0, resamples, _BLOCK):
        block = slice(start, min(start + _BLOCK, resamples))
        weights = _draws(rng, block.stop - start, pictures)
        pairs = (runs[seed].resampled(weights) - reference[seed].resampled(weights) for seed in seeds)
        differences[block] = (seed_weights[block] * np.stack(list(pairs), axis=1)).sum(1)
    # If hardly any picture has a value, a resample may miss them all, and then it has no score.
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(differences, [tail, 1 - tail]).tolist()
    return PairedDifference(sum(ours - theirs for ours, theirs in scores) / len(seeds), low, high, seeds)


def _draws(rng: np.random.Generator, times: int, size: int) -> Float64[np.ndarray, "times size"]:
    """Count how often each of `size` items is drawn in `size` draws with replacement, `times` over."""
    drawn = rng.integers(0, size, (times, size)) + size * np.arange(times)[:, None]
    return np.bincount(drawn.ravel(), minlength=times * size).reshape(times, size).astype(np.float64)


def _check_pairs(
    runs: Mapping[int, PictureStatistics],
    reference: Mapping[int, PictureStatistics],
    seeds: tuple[int, ...],
) -> None:
    if not seeds:
        known = f"{sorted(runs)} and {sorted(reference)}"
        raise ValueError(f"runs can be paired only where they share seeds, got the seeds {known}")
    first = runs[seeds[0]]
    for run in (*(runs[seed] for seed in seeds), *(reference[seed] for seed in seeds)):
        if run.shape != first.shape or run.scored != first.scored:
            shapes = f"{first.shape} and {run.shape}"
            raise ValueError(f"paired runs must be of the same pictures and classes, got {shapes}")
