"""Scores of found objects over a data set, and differences between the objects found in one picture.

The scores are COCO's average precision (AP) of boxes and of masks, as pycocotools computes it, and boundary
AP (Cheng et al., CVPR 2021), where the overlap of two masks is the smaller one of their IoU and of the IoU
of their inner boundary bands, as wide as 2 % of the picture's diagonal. Boundary AP and not the boundary
IoU of matched masks, since the latter rises when a network misses whatever is hard to outline. A band is
needed only where two masks overlap by half or more, so it costs little more than the AP of masks.

AP is the mean over the thresholds 0.5, 0.55, ..., 0.95 of the overlap; AP50 and AP75 are those at one of
them. Objects that are marked as a crowd need not be found, and predictions that lie in one of them are not
counted. Classes without any object have no AP and are left out of the mean. Areas are in pixels of the
picture: those of masks where masks are scored, of boxes otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt16

from dysample.models.annotations import Objects
from dysample.scores.precision import PictureMatches
from dysample.scores.segmentation import Window, band_width, boundary_band, densest_window

BOX_METRICS = ("box_ap", "box_ap50", "box_ap75")
MASK_METRICS = ("mask_ap", "mask_ap50", "mask_ap75", "boundary_ap")
THRESHOLDS = np.linspace(0.5, 0.95, 10)
MOST = 100  # predictions of a class in a picture that are counted, the surest ones
SURE = 0.5  # score from which on an object is shown and compared
_HALF, _THREE_QUARTERS = 0, 5  # indices of two thresholds
# An overlap of 1 may come out a little smaller.
_LIMITS = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]

Size = Literal["any", "small", "medium", "large"]
# Smallest and largest area of each size; a border belongs to both sides.
SIZES: dict[Size, tuple[float, float]] = {
    "any": (0, 1e10),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, 1e10),
}


@dataclass(frozen=True, slots=True)
class BoxScore:
    """Average precision of boxes, from 0 to 1; None where no object is to be found.

    Attributes:
        box_ap: Mean over classes and thresholds.
        box_ap50: The same at an IoU of 0.5.
        box_ap75: The same at an IoU of 0.75.
        box_ap_small: Of objects up to 32 by 32 pixels.
        box_ap_medium: Of objects up to 96 by 96 pixels.
        box_ap_large: Of larger objects.
        per_class: `box_ap` of each class.
    """

    box_ap: float | None
    box_ap50: float | None
    box_ap75: float | None
    box_ap_small: float | None
    box_ap_medium: float | None
    box_ap_large: float | None
    per_class: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class MaskScore:
    """Average precision of masks, from 0 to 1; None where no object is to be found.

    Attributes:
        mask_ap: Mean over classes and thresholds.
        mask_ap50: The same at an IoU of 0.5.
        mask_ap75: The same at an IoU of 0.75.
        boundary_ap: Mean over classes and thresholds of the smaller one of IoU and boundary IoU.
        mask_ap_small: Of objects up to 32 by 32 pixels.
        mask_ap_medium: Of objects up to 96 by 96 pixels.
        mask_ap_large: Of larger objects.
        per_class: `mask_ap` of each class.
        per_class_boundary: `boundary_ap` of each class.
    """

    mask_ap: float | None
    mask_ap50: float | None
    mask_ap75: float | None
    boundary_ap: float | None
    mask_ap_small: float | None
    mask_ap_medium: float | None
    mask_ap_large: float | None
    per_class: tuple[float | None, ...]
    per_class_boundary: tuple[float | None, ...]


class BoxScorer:
    """Scorer of the boxes of a data set, picture by picture."""

    def __init__(self, classes: int, scored: Sequence[int]) -> None:
        """Start with no pictures.

        Args:
            classes: Number of the task's classes.
            scored: Indices of the classes that count; objects of others do not.
        """
        self._classes, self._scored = classes, tuple(scored)
        self._boxes: dict[Size, _Collected] = {size: _Collected(classes) for size in SIZES}

    def update(self, prediction: Objects, truth: Objects) -> None:
        """Count one picture.

        Raises:
            ValueError: The sizes of the pictures differ, a class is out of range, or a number is not finite.
        """
        check_objects(prediction, truth, self._classes)
        for index, found, real in _by_class(prediction, truth, self._scored):
            overlaps = box_overlaps(found, real)
            for size, collected in self._boxes.items():
                collected.add(
                    index, found, match(overlaps, _box_areas(found), _box_areas(real), real.crowd, size)
                )
        for collected in self._boxes.values():
            collected.end_picture()

    def score(self) -> BoxScore:
        """Return the scores of all pictures so far."""
        matches = {size: collected.matches(self._scored) for size, collected in self._boxes.items()}
        every = matches["any"]
        return BoxScore(
            box_ap=_known(every),
            box_ap50=_known(every.at(_HALF)),
            box_ap75=_known(every.at(_THREE_QUARTERS)),
            box_ap_small=_known(matches["small"]),
            box_ap_medium=_known(matches["medium"]),
            box_ap_large=_known(matches["large"]),
            per_class=every.per_class,
        )

    def statistics(self) -> tuple[PictureMatches, ...]:
        """Return the matches of every picture, in the order of `BOX_METRICS`."""
        every = self._boxes["any"].matches(self._scored)
        return every, every.at(_HALF), every.at(_THREE_QUARTERS)


class MaskScorer:
    """Scorer of the masks of a data set, picture by picture."""

    def __init__(self, classes: int, scored: Sequence[int]) -> None:
        """Start with no pictures; arguments as of `BoxScorer`."""
        self._classes, self._scored = classes, tuple(scored)
        self._masks: dict[Size, _Collected] = {size: _Collected(classes) for size in SIZES}
        self._boundaries = _Collected(classes)

    def update(self, prediction: Objects, truth: Objects) -> None:
        """Count one picture.

        Raises:
            ValueError: There are objects without masks, or as `BoxScorer.update` does.
        """
        check_objects(prediction, truth, self._classes)
        for index, found, real in _by_class(prediction, truth, self._scored):
            guesses, truths = _masks(found), _masks(real)
            areas, real_areas = _mask_areas(guesses), _mask_areas(truths)
            overlaps = mask_overlaps(guesses, truths, real.crowd)
            for size, collected in self._masks.items():
                collected.add(index, found, match(overlaps, areas, real_areas, real.crowd, size))
            near = boundary_overlaps(guesses, truths, real.crowd, overlaps)
            self._boundaries.add(index, found, match(near, areas, real_areas, real.crowd, "any"))
        for collected in (*self._masks.values(), self._boundaries):
            collected.end_picture()

    def score(self) -> MaskScore:
        """Return the scores of all pictures so far."""
        matches = {size: collected.matches(self._scored) for size, collected in self._masks.items()}
        every, boundaries = matches["any"], self._boundaries.matches(self._scored)
        return MaskScore(
            mask_ap=_known(every),
            mask_ap50=_known(every.at(_HALF)),
            mask_ap75=_known(every.at(_THREE_QUARTERS)),
            boundary_ap=_known(boundaries),
            mask_ap_small=_known(matches["small"]),
            mask_ap_medium=_known(matches["medium"]),
            mask_ap_large=_known(matches["large"]),
            per_class=every.per_class,
            per_class_boundary=boundaries.per_class,
        )

    def statistics(self) -> tuple[PictureMatches, ...]:
        """Return the matches of every picture, in the order of `MASK_METRICS`."""
        every, boundaries = self._masks["any"].matches(self._scored), self._boundaries.matches(self._scored)
        return every, every.at(_HALF), every.at(_THREE_QUARTERS), boundaries


def _known(matches: PictureMatches) -> float | None:
    """Return the average precision; None if there are no objects."""
    return matches.score if matches.truths[:, list(matches.scored)].any() else None


def _by_class(
    prediction: Objects, truth: Objects, classes: Sequence[int]
) -> list[tuple[int, Objects, Objects]]:
    """Return predictions and truths of each class that has any: the surest predictions, by falling score."""
    pairs: list[tuple[int, Objects, Objects]] = []
    for index in classes:
        rows = np.flatnonzero(prediction.classes == index)
        rows = rows[np.argsort(-prediction.scores[rows], kind="stable")][:MOST]
        real = np.flatnonzero(truth.classes == index)
        if rows.size or real.size:
            pairs.append((index, prediction.chosen(rows), truth.chosen(real)))
    return pairs


def check_objects(prediction: Objects, truth: Objects, classes: int) -> None:
    """Check that the objects of two answers for a picture can be compared.

    Raises:
        ValueError: The sizes of the pictures differ, a class is out of range, or a number is not finite.
    """
    _check_sizes(prediction, truth)
    for name, objects in (("prediction", prediction), ("truth", truth)):
        largest = int(objects.classes.max(initial=0))
        if largest >= classes:
            raise ValueError(f"{name} must hold class indices below {classes}, got {largest}")
        if not (np.isfinite(objects.boxes).all() and np.isfinite(objects.scores).all()):
            raise ValueError(f"boxes and scores of the {name} must be finite, got {_not_finite(objects)}")


def _check_sizes(objects: Objects, reference: Objects) -> None:
    sizes = (objects.height, objects.width), (reference.height, reference.width)
    if sizes[0] != sizes[1]:
        raise ValueError(f"objects must be of pictures of one size, got {sizes[0]} and {sizes[1]}")


def _not_finite(objects: Objects) -> str:
    wrong = ~(np.isfinite(objects.boxes).all(1) & np.isfinite(objects.scores))
    row = int(np.flatnonzero(wrong)[0])
    return f"{objects.boxes[row].tolist()} with score {objects.scores[row]}"


def _masks(objects: Objects) -> Bool[np.ndarray, "n h w"]:
    if objects.masks is None:
        raise ValueError(f"objects must have masks to be scored by them, got {len(objects)} boxes alone")
    return objects.masks


# --- Overlaps ---


def box_overlaps(prediction: Objects, truth: Objects) -> Float64[np.ndarray, "predictions truths"]:
    """Return the IoU of the boxes; with a crowd, the share of the prediction that lies in it."""
    one, other = prediction.boxes.astype(np.float64)[:, None], truth.boxes.astype(np.float64)[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    shared = sides.clip(0).prod(-1)
    return _ratio(shared, _box_areas(prediction), _box_areas(truth), truth.crowd)


def mask_overlaps(
    prediction: Bool[np.ndarray, "predictions h w"],
    truth: Bool[np.ndarray, "truths h w"],
    crowd: Bool[np.ndarray, " truths"],
) -> Float64[np.ndarray, "predictions truths"]:
    """Return the IoU of the masks; with a crowd, the share of the prediction that lies in it."""
    one, other = (np.packbits(_flat(masks), axis=1) for masks in (prediction, truth))
    shared = np.empty((len(one), len(other)))
    for column, bits in enumerate(other):  # one at a time: all pairs at once need gigabytes
        shared[:, column] = np.bitwise_count(one & bits).sum(1, dtype=np.int64)
    return _ratio(shared, _mask_areas(prediction), _mask_areas(truth), crowd)


def boundary_overlaps(
    prediction: Bool[np.ndarray, "predictions h w"],
    truth: Bool[np.ndarray, "truths h w"],
    crowd: Bool[np.ndarray, " truths"],
    overlaps: Float64[np.ndarray, "predictions truths"],
) -> Float64[np.ndarray, "predictions truths"]:
    """Return the smaller one of IoU and boundary IoU; with a crowd, `overlaps` as they are.

    Args:
        prediction: Predicted masks.
        truth: True masks.
        crowd: Which truths are crowds.
        overlaps: The IoU of the masks. Pairs below the lowest threshold get 0: no band can raise them.
    """
    near = (overlaps >= _LIMITS[0]) & ~crowd
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    bands = np.zeros_like(overlaps)
    if rows.size:
        inner, outer = _bands(prediction[rows]), _bands(truth[columns])
        bands[np.ix_(rows, columns)] = mask_overlaps(inner, outer, crowd[columns])
    return np.where(crowd, overlaps, np.minimum(overlaps, bands))


def inner_band(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return the pixels of a mask near its edge, which is also where the picture ends.

    That is the mask without its erosion by 2 % of the picture's diagonal.
    """
    band = np.zeros_like(mask)
    if not mask.any():
        return band
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    # One ring around the part that the mask fills makes the ends of the part an edge.
    padded = np.pad(mask[part], 1).astype(np.uint8)
    band[part] = mask[part] & boundary_band(padded, band_width(*mask.shape))[1:-1, 1:-1]
    return band


def _bands(masks: Bool[np.ndarray, "n h w"]) -> Bool[np.ndarray, "n h w"]:
    return np.stack([inner_band(mask) for mask in masks])


def _ratio(
    shared: Float64[np.ndarray, "predictions truths"],
    areas: Float64[np.ndarray, " predictions"],
    real_areas: Float64[np.ndarray, " truths"],
    crowd: Bool[np.ndarray, " truths"],
) -> Float64[np.ndarray, "predictions truths"]:
    whole = np.where(crowd, areas[:, None], areas[:, None] + real_areas - shared)
    return np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0)


def _box_areas(objects: Objects) -> Float64[np.ndarray, " n"]:
    sides = objects.boxes[:, 2:].astype(np.float64) - objects.boxes[:, :2]
    return sides.prod(1)


def _mask_areas(masks: Bool[np.ndarray, "n h w"]) -> Float64[np.ndarray, " n"]:
    return np.count_nonzero(_flat(masks), axis=1).astype(np.float64)


def _flat(masks: Bool[np.ndarray, "n h w"]) -> Bool[np.ndarray, "n pixels"]:
    return masks.reshape(len(masks), masks.shape[1] * masks.shape[2])


# --- Matches ---


@dataclass(frozen=True, slots=True, eq=False)
class ClassMatches:
    """Matches of the predictions of one class in one picture.

    Attributes:
        hits: Whether a prediction found an object, by threshold.
        ignored: Whether a prediction is neither right nor wrong, by threshold.
        truths: Number of objects to be found.
    """

    hits: Bool[np.ndarray, "thresholds predictions"]
    ignored: Bool[np.ndarray, "thresholds predictions"]
    truths: int


def match(
    overlaps: Float64[np.ndarray, "predictions truths"],
    areas: Float64[np.ndarray, " predictions"],
    real_areas: Float64[np.ndarray, " truths"],
    crowd: Bool[np.ndarray, " truths"],
    size: Size,
) -> ClassMatches:
    """Match predictions with objects, one after the other, at every threshold.

    A prediction takes the object that it overlaps most of those that are still free. Only where it finds none
    does it take one that need not be found: a crowd, which any number of predictions may take, or one of
    another size. A prediction of another size that takes nothing is ignored.

    Args:
        overlaps: Overlaps of predictions, by falling score, and truths.
        areas: Areas of the predictions.
        real_areas: Areas of the truths.
        crowd: Which truths are crowds.
        size: Objects to be found.
    """
    low, high = SIZES[size]
    aside = crowd | (real_areas < low) | (real_areas > high)
    order = np.argsort(aside, kind="stable")
    overlaps, crowd, aside = overlaps[:, order], crowd[order], aside[order]
    wanted = int((~aside).sum())
    free = np.ones((len(THRESHOLDS), len(order)), bool)
    hits = np.zeros((len(THRESHOLDS), len(areas)), bool)
    ignored = np.tile((areas < low) | (areas > high), (len(THRESHOLDS), 1))
    for row in np.flatnonzero((overlaps >= _LIMITS[0]).any(1)):
        fits = free & (overlaps[row] >= _LIMITS)
        fits[fits[:, :wanted].any(1), wanted:] = False
        steps = np.flatnonzero(fits.any(1))
        # Among equal overlaps the last one is taken, as in pycocotools.
        ranked = np.where(fits[steps], overlaps[row], -1.0)
        taken = len(order) - 1 - ranked[:, ::-1].argmax(1)
        free[steps, taken] = crowd[taken]
        hits[steps, row], ignored[steps, row] = ~aside[taken], aside[taken]
    return ClassMatches(hits, ignored, wanted)


class _Collected:
    """Matches of all pictures so far, for objects of one size."""

    def __init__(self, classes: int) -> None:
        self._truths: list[Int64[np.ndarray, " k"]] = []
        self._current = np.zeros(classes, np.int64)
        self._scores = [np.zeros(0, np.float32)]
        self._pictures = [np.zeros(0, np.int64)]
        self._classes = [np.zeros(0, np.uint8)]
        self._hits = [np.zeros(0, np.uint16)]
        self._ignored = [np.zeros(0, np.uint16)]

    def add(self, index: int, found: Objects, matches: ClassMatches) -> None:
        """Add the predictions of a class in the current picture."""
        self._current[index] = matches.truths
        self._scores.append(found.scores)
        self._pictures.append(np.full(len(found), len(self._truths)))
        self._classes.append(found.classes)
        self._hits.append(_bits(matches.hits))
        self._ignored.append(_bits(matches.ignored))

    def end_picture(self) -> None:
        """Go on to the next picture."""
        self._truths.append(self._current)
        self._current = np.zeros_like(self._current)

    def matches(self, scored: tuple[int, ...]) -> PictureMatches:
        """Return the matches of all pictures.

        Raises:
            ValueError: There are no pictures.
        """
        order = np.argsort(-np.concatenate(self._scores), kind="stable")
        return PictureMatches(
            pictures=np.concatenate(self._pictures)[order],
            classes=np.concatenate(self._classes)[order],
            hits=np.concatenate(self._hits)[order],
            ignored=np.concatenate(self._ignored)[order],
            truths=np.array(self._truths, np.int64).reshape(-1, len(self._current)),
            thresholds=len(THRESHOLDS),
            scored=scored,
        )


def _bits(flags: Bool[np.ndarray, "thresholds n"]) -> UInt16[np.ndarray, " n"]:
    """Return the flags of each column as a bit mask, the first row as the lowest bit."""
    powers = (1 << np.arange(len(flags))).astype(np.uint16)
    return (flags * powers[:, None]).sum(0, dtype=np.uint16)


# --- Differences ---


@dataclass(frozen=True, slots=True)
class ObjectDifference:
    """Difference of the objects of an answer to those of a reference.

    Objects are matched within a class if their masks, or boxes where there are no masks, have an IoU of at
    least 0.5, the best pairs first.

    Attributes:
        matched: Number of objects that both have.
        only_here: Number of objects that the reference lacks.
        only_there: Number of objects that the reference alone has.
        mean_iou: Mean IoU of the matched objects; None if there are none.
        share: Fraction of the picture's pixels that are in an object of one answer and not in its match.
    """

    matched: int
    only_here: int
    only_there: int
    mean_iou: float | None
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPairs:
    """Objects of an answer and of a reference that are the same, by their numbers.

    Attributes:
        here: Numbers in the answer.
        there: Numbers in the reference, one for each.
        ious: IoU of each pair.
        differs: Pixels that are in an object of one answer and not in its match.
    """

    here: Int64[np.ndarray, " pairs"]
    there: Int64[np.ndarray, " pairs"]
    ious: Float64[np.ndarray, " pairs"]
    differs: Bool[np.ndarray, "h w"]


def object_difference(objects: Objects, reference: Objects, *, threshold: float = SURE) -> ObjectDifference:
    """Compare the objects of two answers whose score is at least a threshold.

    Raises:
        ValueError: The sizes of the pictures differ.
    """
    here, there = objects.above(threshold), reference.above(threshold)
    pairs = object_pairs(here, there)
    matched = len(pairs.ious)
    return ObjectDifference(
        matched=matched,
        only_here=len(here) - matched,
        only_there=len(there) - matched,
        mean_iou=float(pairs.ious.mean()) if matched else None,
        share=float(pairs.differs.mean()),
    )


def object_pairs(objects: Objects, reference: Objects) -> ObjectPairs:
    """Match the objects of two answers within each class, the pairs with the largest IoU first.

    Raises:
        ValueError: The sizes of the pictures differ.
    """
    _check_sizes(objects, reference)
    no_crowd = np.zeros(len(reference), bool)
    if objects.masks is None or reference.masks is None:
        ious = box_overlaps(objects, replace(reference, crowd=no_crowd))
    else:
        ious = mask_overlaps(objects.masks, reference.masks, no_crowd)
    ious = np.where(objects.classes[:, None] == reference.classes, ious, 0.0)
    rows, columns = np.nonzero(ious >= THRESHOLDS[_HALF])
    here, there = list[int](), list[int]()
    for row, column in np.stack([rows, columns], 1)[np.argsort(-ious[rows, columns], kind="stable")].tolist():
        if row not in here and column not in there:
            here.append(row)
            there.append(column)
    ours, theirs = np.array(here, np.int64), np.array(there, np.int64)
    return ObjectPairs(
        ours, theirs, ious[ours, theirs], _differs(regions(objects), regions(reference), here, there)
    )


def _differs(
    ours: Bool[np.ndarray, "n h w"], theirs: Bool[np.ndarray, "m h w"], here: list[int], there: list[int]
) -> Bool[np.ndarray, "h w"]:
    parts = (np.delete(ours, here, axis=0), np.delete(theirs, there, axis=0), ours[here] ^ theirs[there])
    return np.asarray(np.concatenate(parts).any(0))


def regions(objects: Objects) -> Bool[np.ndarray, "n h w"]:
    """Return the masks; where there are none, the pixels whose centres lie in each box."""
    if objects.masks is not None:
        return objects.masks
    left, top, right, bottom = (edge[:, None] for edge in objects.boxes.T)
    x, y = np.arange(objects.width) + 0.5, np.arange(objects.height) + 0.5
    columns, rows = (left <= x) & (x < right), (top <= y) & (y < bottom)
    return rows[:, :, None] & columns[:, None, :]


def liveliest_object_window(
    answers: Sequence[Objects], size: int, *, reference: Objects, threshold: float = SURE
) -> Window:
    """Return the square in which the objects of answers differ most from a reference's, for a close-up.

    If all agree, return the square with most edges of the reference's objects, or the centre of the picture.

    Raises:
        ValueError: The sizes of the pictures differ, or `size` is less than one.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    there = reference.above(threshold)
    counts = np.zeros((reference.height, reference.width), np.uint16)
    for answer in answers:
        counts += object_pairs(answer.above(threshold), there).differs
    if not counts.any():
        for region in regions(there):
            counts += boundary_band(region.astype(np.uint8), 1)
    return densest_window(counts, size)
