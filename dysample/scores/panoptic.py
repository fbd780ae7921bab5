"""Panoptic quality over a data set, and differences between two panoptic maps of one picture.

The scores are those of Kirillov et al. (CVPR 2019), counted as the official evaluation does. A predicted
and a true segment of one class match if their IoU is above 0.5, where pixels without a true segment are
left out of the union; no segment can match two. For each class, SQ is the mean IoU of the matches, RQ is
their number over the mean number of predicted and true segments, and PQ is the product of both. All are
averaged over the classes that occur. Predictions that match nothing do not count where more than half of
their pixels have no true segment or lie in a crowd of their class; crowds need not be found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from dysample.models.annotations import Panoptic
from dysample.scores.paired import PictureRatios
from dysample.scores.segmentation import Window, boundary_band, densest_window

PANOPTIC_METRICS = ("pq", "sq", "rq", "pq_things", "pq_stuff")
_MATCH = 0.5  # IoU above which segments match; one can match only one above a half


@dataclass(frozen=True, slots=True)
class PanopticScore:
    """Panoptic quality, from 0 to 1; None where none of the classes occurs.

    Attributes:
        pq: Panoptic quality, mean over the classes.
        sq: Segmentation quality: mean IoU of matched segments.
        rq: Recognition quality: an F1 score of the segments.
        pq_things: PQ of the classes of objects.
        sq_things: SQ of these.
        rq_things: RQ of these.
        pq_stuff: PQ of the other classes.
        sq_stuff: SQ of these.
        rq_stuff: RQ of these.
        per_class: PQ of each class.
        per_class_sq: SQ of each class; 0 for a class none of whose segments match.
        per_class_rq: RQ of each class.
    """

    pq: float | None
    sq: float | None
    rq: float | None
    pq_things: float | None
    sq_things: float | None
    rq_things: float | None
    pq_stuff: float | None
    sq_stuff: float | None
    rq_stuff: float | None
    per_class: tuple[float | None, ...]
    per_class_sq: tuple[float | None, ...]
    per_class_rq: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentCounts:
    """Counts of the segments of one picture, by class.

    Attributes:
        iou: Sum of the IoU of the matches.
        matched: Number of matches.
        wrong: Number of predicted segments that match nothing and count.
        missed: Number of true segments that match nothing and are no crowd.
    """

    iou: Float64[np.ndarray, " k"]
    matched: Int64[np.ndarray, " k"]
    wrong: Int64[np.ndarray, " k"]
    missed: Int64[np.ndarray, " k"]


class PanopticScorer:
    """Scorer of the panoptic maps of a data set, picture by picture."""

    def __init__(self, classes: int, scored: Sequence[int], things: Sequence[int]) -> None:
        """Start with no pictures.

        Args:
            classes: Number of the task's classes.
            scored: Indices of the classes that the scores average.
            things: Indices of the classes that are objects; all others are stuff.

        Raises:
            ValueError: The scored classes are not of both sorts.
        """
        self._classes, self._scored = classes, tuple(scored)
        self._things = tuple(index for index in self._scored if index in things)
        self._stuff = tuple(index for index in self._scored if index not in things)
        if not self._things or not self._stuff:
            raise ValueError(
                f"scored classes must be things and stuff, got {self._scored} with the things {tuple(things)}"
            )
        self._counts: list[SegmentCounts] = []

    def update(self, prediction: Panoptic, truth: Panoptic) -> None:
        """Count one picture; raises as `segment_counts` does."""
        self._counts.append(segment_counts(prediction, truth, self._classes))

    def score(self) -> PanopticScore:
        """Return the scores of all pictures so far."""
        pq, sq, rq = (ratios.per_class for ratios in self._ratios(self._scored))
        groups = (self._scored, self._things, self._stuff)
        means = (_mean(values, group) for group in groups for values in (pq, sq, rq))
        return PanopticScore(*means, per_class=pq, per_class_sq=sq, per_class_rq=rq)

    def statistics(self) -> tuple[PictureRatios, ...]:
        """Return the contributions of every picture, in the order of `PANOPTIC_METRICS`."""
        pq, sq, rq = self._ratios(self._scored)
        return pq, sq, rq, _of_group(pq, self._things), _of_group(pq, self._stuff)

    def _ratios(self, scored: tuple[int, ...]) -> tuple[PictureRatios, PictureRatios, PictureRatios]:
        """Return PQ, SQ and RQ.

        A class that occurs and has no match has no mean IoU. The definition takes 0, so that SQ needs to know
        which classes occur.
        """
        shape = (-1, self._classes)
        iou = np.array([counts.iou for counts in self._counts], np.float64).reshape(shape)
        matched, wrong, missed = (
            np.array([getattr(counts, name) for counts in self._counts], np.int64).reshape(shape)
            for name in ("matched", "wrong", "missed")
        )
        segments = matched + (wrong + missed) / 2
        return (
            PictureRatios(iou, segments, scored),
            PictureRatios(iou, matched, scored, occurs=matched + wrong + missed),
            PictureRatios(matched, segments, scored),
        )


def segment_counts(prediction: Panoptic, truth: Panoptic, classes: int) -> SegmentCounts:
    """Match the segments of one picture and count them. Segments without pixels do not count.

    Raises:
        ValueError: The sizes differ, a pixel has a segment that is not listed, or a class is out of range.
    """
    for name, panoptic in (("prediction", prediction), ("truth", truth)):
        largest = int(panoptic.classes.max(initial=0))
        if largest >= classes:
            raise ValueError(f"{name} must hold class indices below {classes}, got {largest}")
    shared = shared_pixels(prediction, truth)
    inside, areas, real_areas = shared[1:, 1:], shared.sum(0)[1:], shared.sum(1)[1:]
    same = truth.classes[:, None] == prediction.classes
    ious = np.where(same & ~truth.crowd[:, None], _ious(inside, areas - shared[0, 1:], real_areas), 0.0)
    rows, columns = np.nonzero(ious > _MATCH)
    excused = shared[0, 1:] + np.where(same & truth.crowd[:, None], inside, 0).sum(0)
    wrong = (areas > 0) & (2 * excused <= areas)
    wrong[columns] = False
    missed = (real_areas > 0) & ~truth.crowd
    missed[rows] = False
    return SegmentCounts(
        iou=np.bincount(truth.classes[rows], ious[rows, columns], minlength=classes).astype(np.float64),
        matched=np.bincount(truth.classes[rows], minlength=classes),
        wrong=np.bincount(prediction.classes[wrong], minlength=classes),
        missed=np.bincount(truth.classes[missed], minlength=classes),
    )


def shared_pixels(panoptic: Panoptic, reference: Panoptic) -> Int64[np.ndarray, "there here"]:
    """Count the pixels by their segments in a reference (row) and in a map (column); the first are without.

    Raises:
        ValueError: The sizes differ, or a pixel has a segment that is not listed.
    """
    if panoptic.segments.shape != reference.segments.shape:
        sizes = f"{panoptic.segments.shape} and {reference.segments.shape}"
        raise ValueError(f"panoptic maps must have the same size, got {sizes}")
    for each in (panoptic, reference):
        largest = int(each.segments.max(initial=0))
        if largest > len(each.classes):
            raise ValueError(
                f"a map of {len(each.classes)} segments must not have a pixel of number {largest}"
            )
    columns = 1 + len(panoptic.classes)
    pairs = reference.segments.astype(np.int64) * columns + panoptic.segments
    counts = np.bincount(pairs.ravel(), minlength=(1 + len(reference.classes)) * columns)
    return counts.reshape(-1, columns)


def _ious(
    shared: Int64[np.ndarray, "there here"],
    here: Int64[np.ndarray, " here"],
    there: Int64[np.ndarray, " there"],
) -> Float64[np.ndarray, "there here"]:
    union = there[:, None] + here - shared
    return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)


def _of_group(ratios: PictureRatios, group: tuple[int, ...]) -> PictureRatios:
    """Return the ratios as if the classes of a group were the only ones that occur."""
    chosen = np.isin(np.arange(ratios.shape[1]), group)
    return PictureRatios(np.where(chosen, ratios.parts, 0.0), np.where(chosen, ratios.wholes, 0.0), group)


def _mean(values: Sequence[float | None], classes: tuple[int, ...]) -> float | None:
    known = [value for value in (values[index] for index in classes) if value is not None]
    return sum(known) / len(known) if known else None


# --- Differences ---


@dataclass(frozen=True, slots=True)
class PanopticDifference:
    """Difference of a panoptic map to a reference.

    Segments of one class match if their IoU is above 0.5.

    Attributes:
        share: Fraction of pixels whose class or object differs: those whose segments do not match.
        class_share: Fraction of pixels whose class differs.
        matched: Number of segments that both have.
        only_here: Number of segments that the reference lacks.
        only_there: Number of segments that the reference alone has.
    """

    share: float
    class_share: float
    matched: int
    only_here: int
    only_there: int


def panoptic_difference(panoptic: Panoptic, reference: Panoptic) -> PanopticDifference:
    """Compare a panoptic map with a reference.

    Raises:
        ValueError: The sizes differ, or a pixel has a segment that is not listed.
    """
    shared = shared_pixels(panoptic, reference)
    pairs = _pairs(panoptic, reference, shared)
    here, there = ((shared.sum(axis)[1:] > 0).sum() for axis in (0, 1))
    matched = int(pairs[1:, 1:].sum())
    return PanopticDifference(
        share=float(shared[~pairs].sum() / shared.sum()),
        class_share=float((panoptic.labels() != reference.labels()).mean()),
        matched=matched,
        only_here=int(here) - matched,
        only_there=int(there) - matched,
    )


def changed_segments(panoptic: Panoptic, reference: Panoptic) -> Bool[np.ndarray, "h w"]:
    """Return a mask of the pixels whose class or object differs from the reference.

    Raises:
        ValueError: The sizes differ, or a pixel has a segment that is not listed.
    """
    pairs = _pairs(panoptic, reference, shared_pixels(panoptic, reference))
    return ~pairs[reference.segments, panoptic.segments]


def _pairs(
    panoptic: Panoptic, reference: Panoptic, shared: Int64[np.ndarray, "there here"]
) -> Bool[np.ndarray, "there here"]:
    """Return which segments match; no segment matches no segment."""
    pairs = np.zeros(shared.shape, bool)
    pairs[0, 0] = True
    same = reference.classes[:, None] == panoptic.classes
    pairs[1:, 1:] = same & (_ious(shared[1:, 1:], shared.sum(0)[1:], shared.sum(1)[1:]) > _MATCH)
    return pairs


def liveliest_panoptic_window(answers: Sequence[Panoptic], size: int, *, reference: Panoptic) -> Window:
    """Return the square in which panoptic maps differ most from a reference, for a close-up.

    If all agree, return the square with most edges of the reference's segments, or the centre of the picture.

    Raises:
        ValueError: The sizes differ, a pixel has a segment that is not listed, or `size` is less than one.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    counts = np.zeros(reference.segments.shape, np.uint16)
    for answer in answers:
        counts += changed_segments(answer, reference)
    return densest_window(counts if counts.any() else boundary_band(reference.segments, 1), size)
