"""Segmentation scores over a data set: mean IoU and mean boundary IoU.

Intersections and unions are counted in pixels over all images and divided once at the end, so the
order and the size of the images do not matter. Pixels whose truth is 255 are ignored throughout:
what a prediction says there changes no score.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Int64, UInt8

from dysample.analysis.compare import band_width, boundary_band, check_labels

IGNORE = 255


@dataclass(frozen=True, slots=True)
class SegmentationScore:
    """Scores between 0 and 1; None is what cannot be had.

    Attributes:
        miou: Mean of `per_class` over the classes that have a value.
        boundary_miou: Mean of `per_class_boundary` over the classes that have a value.
        per_class: IoU of each class; None for a class that is neither in the truth nor predicted.
        per_class_boundary: Boundary IoU of each class, likewise.
    """

    miou: float | None
    boundary_miou: float | None
    per_class: tuple[float | None, ...]
    per_class_boundary: tuple[float | None, ...]


class ConfusionMatrix:
    """Counts of pixels by true class (row) and predicted class (column), ignored ones left out.

    Attributes:
        counts: The pixels seen so far, ignored ones left out.
    """

    counts: Int64[np.ndarray, "k k"]

    def __init__(self, classes: int) -> None:
        """Start with zeros for `classes` classes, 1 to 255 of them.

        Raises:
            ValueError: Another number of classes.
        """
        _check_classes(classes)
        self.counts = np.zeros((classes, classes), np.int64)

    def update(self, prediction: UInt8[np.ndarray, "h w"], target: UInt8[np.ndarray, "h w"]) -> None:
        """Count one image.

        Raises:
            ValueError: Not label maps of one size, or a class index that is too large.
        """
        classes = len(self.counts)
        valid = _valid_pixels(prediction, target, classes)
        pairs = target[valid].astype(np.int64) * classes + prediction[valid]
        self.counts += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    @property
    def iou(self) -> tuple[float | None, ...]:
        """Intersection over union of each class; None for classes that never occurred."""
        intersection = self.counts.diagonal()
        return _ratios(intersection, self.counts.sum(0) + self.counts.sum(1) - intersection)


class BoundaryOverlap:
    """Intersection and union of the classes' inner boundary bands (Cheng et al., CVPR 2021).

    The band of a class is its mask less the mask's erosion by d pixels, where d is 2 % of the
    image's diagonal; outside the image is background. Ignored pixels are taken out of the truth's
    and the prediction's mask before the erosion, so a right prediction has the truth's bands.
    """

    intersection: Int64[np.ndarray, " k"]
    union: Int64[np.ndarray, " k"]

    def __init__(self, classes: int) -> None:
        """Start with zeros for `classes` classes, 1 to 255 of them.

        Raises:
            ValueError: Another number of classes.
        """
        _check_classes(classes)
        self.intersection = np.zeros(classes, np.int64)
        self.union = np.zeros(classes, np.int64)

    def update(self, prediction: UInt8[np.ndarray, "h w"], target: UInt8[np.ndarray, "h w"]) -> None:
        """Count one image.

        Raises:
            ValueError: Not label maps of one size, or a class index that is too large.
        """
        valid = _valid_pixels(prediction, target, len(self.union))
        truth = _banded(target)
        guess = _banded(np.where(valid, prediction, np.uint8(IGNORE)))
        both = self._count(truth[truth == guess])
        self.intersection += both
        self.union += self._count(truth) + self._count(guess) - both

    def _count(self, labels: UInt8[np.ndarray, "..."]) -> Int64[np.ndarray, " k"]:
        return np.bincount(labels.ravel(), minlength=IGNORE + 1)[: len(self.union)]

    @property
    def iou(self) -> tuple[float | None, ...]:
        """Boundary IoU of each class; None for classes that never occurred."""
        return _ratios(self.intersection, self.union)


class SegmentationScorer:
    """Both scores of a data set, image by image."""

    def __init__(self, classes: int) -> None:
        """Start with zeros; `classes` as in `ConfusionMatrix`."""
        self.confusion = ConfusionMatrix(classes)
        self.boundary = BoundaryOverlap(classes)

    def update(self, prediction: UInt8[np.ndarray, "h w"], target: UInt8[np.ndarray, "h w"]) -> None:
        """Count one image; see `ConfusionMatrix.update` for what is refused."""
        self.confusion.update(prediction, target)
        self.boundary.update(prediction, target)

    def score(self, classes: Iterable[int] | None = None) -> SegmentationScore:
        """The scores of all images so far; the means are over `classes`, by default all.

        Raises:
            ValueError: A class index that there is not.
        """
        chosen = tuple(range(len(self.confusion.counts)) if classes is None else classes)
        return SegmentationScore(
            miou=_mean(self.confusion.iou, chosen),
            boundary_miou=_mean(self.boundary.iou, chosen),
            per_class=self.confusion.iou,
            per_class_boundary=self.boundary.iou,
        )


def miou(matrix: ConfusionMatrix, classes: Iterable[int] | None = None) -> float | None:
    """Mean IoU over the classes that occur in the truth or in a prediction.

    Args:
        matrix: The counts.
        classes: The classes to average over; all by default. Those that never occurred are left out.

    Returns:
        A value between 0 and 1, or None if none of the classes occurred.

    Raises:
        ValueError: A class index that there is not.
    """
    return _mean(matrix.iou, range(len(matrix.counts)) if classes is None else classes)


def _mean(values: tuple[float | None, ...], classes: Iterable[int]) -> float | None:
    chosen = tuple(classes)
    if any(not 0 <= index < len(values) for index in chosen):
        raise ValueError(f"classes must be indices from 0 to {len(values) - 1}, got {chosen}")
    known = [value for value in (values[index] for index in chosen) if value is not None]
    return sum(known) / len(known) if known else None


def _ratios(
    intersection: Int64[np.ndarray, " k"], union: Int64[np.ndarray, " k"]
) -> tuple[float | None, ...]:
    pairs = zip(intersection.tolist(), union.tolist(), strict=True)
    return tuple(part / whole if whole else None for part, whole in pairs)


def _banded(labels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """The labels within the inner boundary bands, and `IGNORE` elsewhere."""
    # One ring of a foreign label makes the image's border a boundary.
    padded = cv2.copyMakeBorder(labels, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=IGNORE)
    band = boundary_band(padded, band_width(*labels.shape))[1:-1, 1:-1]
    return np.where(band, labels, np.uint8(IGNORE))


def _valid_pixels(
    prediction: UInt8[np.ndarray, "h w"], target: UInt8[np.ndarray, "h w"], classes: int
) -> Bool[np.ndarray, "h w"]:
    check_labels(target)
    check_labels(prediction, like=target)
    valid = target != IGNORE
    for name, labels in (("prediction", prediction), ("target", target)):
        largest = int(labels[valid].max(initial=0))
        if largest >= classes:
            raise ValueError(f"{name} must hold class indices below {classes}, got {largest}")
    return valid


def _check_classes(classes: int) -> None:
    if not 1 <= classes <= IGNORE:
        raise ValueError(f"classes must be between 1 and {IGNORE}, got {classes}")
