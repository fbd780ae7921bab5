"""Average precision from what every picture contributes: predictions, which of them are right, and truths.

The definition is COCO's. Predictions of a class are sorted by falling score. After each of them, the
precision is the share of right ones so far, and the recall the share of the objects that are found. The
precision at a recall is the highest one at that or a larger recall, and the average is over the recalls 0,
0.01, ..., 1, over thresholds of the overlap that counts as found, and over classes. Only the order of the
scores matters, so the order alone is kept.

A picture that is drawn several times counts as so many copies of it. Copies of equal predictions follow
each other, which changes nothing unless equal scores occur within one picture; there, whichever order one
takes, the precision between them is arbitrary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Integer, UInt8, UInt16

from dysample.scores.paired import (
    PictureStatistics,
    check_scored,
    restored_scored,
    scored_among,
    scored_array,
)

_RECALLS = np.linspace(0.0, 1.0, 101)
_MOST_THRESHOLDS = 16  # bits of a mask


@dataclass(frozen=True, slots=True, eq=False)
class PictureMatches(PictureStatistics):
    """Contribution of every picture to an average precision.

    Attributes:
        pictures: Index of the picture of each prediction. Predictions are in the order of falling score,
            those with equal scores in the order of the pictures.
        classes: Class of each prediction.
        hits: Bit mask of each prediction: bit t is set where it found an object at threshold t.
        ignored: Bit t is set where the prediction is neither right nor wrong, as that of a crowd.
        truths: Number of objects to be found, by picture and class.
        thresholds: Number of thresholds, the lowest bits of the masks.
        scored: Indices of the classes that the score averages.
    """

    pictures: Integer[np.ndarray, " predictions"]
    classes: UInt8[np.ndarray, " predictions"]
    hits: UInt16[np.ndarray, " predictions"]
    ignored: UInt16[np.ndarray, " predictions"]
    truths: Integer[np.ndarray, "pictures classes"]
    thresholds: int
    scored: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check shapes and indices.

        Raises:
            ValueError: There are no pictures, numbers of predictions differ, or an index is out of range.
        """
        if self.truths.ndim != 2 or not self.truths.size or self.truths.min() < 0:
            raise ValueError(f"truths must be counts of shape (pictures, classes), got {self.truths.shape}")
        if not 1 <= self.thresholds <= _MOST_THRESHOLDS:
            raise ValueError(f"thresholds must be from 1 to {_MOST_THRESHOLDS}, got {self.thresholds}")
        lengths = [values.shape for values in (self.pictures, self.classes, self.hits, self.ignored)]
        if any(length != self.pictures.shape for length in lengths):
            raise ValueError(f"every prediction must have a picture, a class and two masks, got {lengths}")
        pictures, classes = self.shape
        for name, values, size in (
            ("pictures", self.pictures, pictures),
            ("classes", self.classes, classes),
        ):
            if values.size and not 0 <= values.min() <= values.max() < size:
                raise ValueError(f"{name} must be indices from 0 to {size - 1}, got {values.max()}")
        check_scored(self.scored, classes)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pictures, and number of classes."""
        pictures, classes = self.truths.shape
        return pictures, classes

    @property
    def per_class(self) -> tuple[float | None, ...]:
        """Average precision of each class over all pictures; None for a class without objects."""
        once = np.ones((self.shape[0], 1))
        values = [float(self._average(index, once)[0]) for index in range(self.shape[1])]
        return tuple(None if np.isnan(value) else value for value in values)

    def resampled(self, weights: Float64[np.ndarray, "times pictures"]) -> Float64[np.ndarray, " times"]:
        """Return the score of every resample; NaN for one in which no scored class has objects."""
        drawn = np.ascontiguousarray(weights.T)
        averages = np.stack([self._average(index, drawn) for index in self.scored])
        present = ~np.isnan(averages)
        classes = present.sum(0)
        total = np.where(present, averages, 0.0).sum(0)
        return np.divide(total, classes, out=np.full(len(weights), np.nan), where=classes > 0)

    def at(self, threshold: int) -> "PictureMatches":
        """Return the matches at a single threshold, counted from 0."""
        one = np.uint16(1)
        hits, ignored = (values >> np.uint16(threshold) & one for values in (self.hits, self.ignored))
        return replace(self, hits=hits, ignored=ignored, thresholds=1)

    def of_classes(self, classes: Sequence[int]) -> "PictureMatches":
        """Return the matches of some classes, in the given order.

        Raises:
            ValueError: None of them is scored.
        """
        chosen = list(classes)
        positions = np.full(self.shape[1], -1)
        positions[chosen] = np.arange(len(chosen))
        kept = positions[self.classes] >= 0
        return PictureMatches(
            pictures=self.pictures[kept],
            classes=positions[self.classes[kept]].astype(np.uint8),
            hits=self.hits[kept],
            ignored=self.ignored[kept],
            truths=self.truths[:, chosen],
            thresholds=self.thresholds,
            scored=scored_among(self.scored, chosen),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything as small arrays by name, to be kept in a file."""
        return {
            "pictures": self.pictures.astype(np.min_scalar_type(self.shape[0])),
            "classes": self.classes,
            "hits": self.hits,
            "ignored": self.ignored,
            "truths": self.truths.astype(np.int32),
            "thresholds": np.array(self.thresholds, np.uint8),
        } | scored_array(self.scored, self.shape[1])

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray]) -> "PictureMatches":
        """Return the matches that `arrays` was made of.

        Raises:
            KeyError: An array is missing.
            ValueError: The arrays do not fit together.
        """
        truths = arrays["truths"]
        return cls(
            pictures=arrays["pictures"],
            classes=arrays["classes"],
            hits=arrays["hits"],
            ignored=arrays["ignored"],
            truths=truths,
            thresholds=int(arrays["thresholds"]),
            scored=restored_scored(arrays, truths.shape[-1]),
        )

    def _average(
        self, index: int, drawn: Float64[np.ndarray, "pictures times"]
    ) -> Float64[np.ndarray, " times"]:
        """Return a class's average precision for every choice of pictures; NaN where it has no objects."""
        objects = self.truths[:, index].astype(np.float64) @ drawn
        some = objects > 0
        # A class without objects has no precision; dividing by one instead keeps its row finite.
        wanted, total = np.where(some, objects, 1.0), np.zeros(len(objects))
        for found, counted in self._cumulative(index, drawn):
            total += _interpolated(found, counted, wanted)
        return np.where(some, total / self.thresholds, np.nan)

    def _cumulative(
        self, index: int, drawn: Float64[np.ndarray, "pictures times"]
    ) -> Iterator[tuple[Float64[np.ndarray, "hits times"], Float64[np.ndarray, "hits times"]]]:
        """Yield for each threshold the number of right and of counted predictions, at every right one.

        Between right predictions the precision only falls and the recall stays, so nothing else matters.
        """
        rows = np.flatnonzero(self.classes == index)
        each = drawn[self.pictures[rows]]
        seen = np.cumsum(each, axis=0)
        for threshold in range(self.thresholds):
            bit = np.uint16(1 << threshold)
            hits, ignored = (np.flatnonzero(values[rows] & bit) for values in (self.hits, self.ignored))
            counted = seen[hits]
            if ignored.size:
                left_out = np.vstack([np.zeros_like(each[:1]), np.cumsum(each[ignored], axis=0)])
                counted = counted - left_out[np.searchsorted(ignored, hits)]
            yield np.cumsum(each[hits], axis=0), counted


def _interpolated(
    found: Float64[np.ndarray, "hits times"],
    counted: Float64[np.ndarray, "hits times"],
    objects: Float64[np.ndarray, " times"],
) -> Float64[np.ndarray, " times"]:
    """Return the mean of the interpolated precision over the recalls."""
    if not len(found):
        return np.zeros(len(objects))
    precision = np.divide(found, counted, out=np.zeros_like(found), where=counted > 0)
    best = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    # Each of the recalls takes the precision of the first prediction that reaches it.
    reached = np.searchsorted(_RECALLS, found / objects, side="right")
    return (np.diff(reached, axis=0, prepend=0) * best).sum(0) / len(_RECALLS)
