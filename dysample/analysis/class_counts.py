"""Pixels of label maps counted by class: confusion, and overlap of the classes' boundary bands.

Pixels whose truth is 255 are ignored throughout: what a prediction says there changes no count.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Int64, UInt8

from dysample.analysis.compare import band_width, boundary_band, check_labels

IGNORE = 255


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
    def intersection(self) -> Int64[np.ndarray, " k"]:
        """Pixels of each class that are predicted as such."""
        return self.counts.diagonal()

    @property
    def union(self) -> Int64[np.ndarray, " k"]:
        """Pixels that are of a class, predicted as such, or both."""
        return self.counts.sum(0) + self.counts.sum(1) - self.intersection

    @property
    def iou(self) -> tuple[float | None, ...]:
        """Intersection over union of each class; None for classes that never occurred."""
        return _ratios(self.intersection, self.union)


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
