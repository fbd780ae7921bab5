"""Segmentation scores over a data set: mean IoU and mean boundary IoU.

Intersections and unions are counted in pixels over all images and divided once at the end, so the
order and the size of the images do not matter; the counts of every image are kept as well, so that
images can be drawn anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, UInt8

from dysample.analysis.class_counts import BoundaryOverlap, ConfusionMatrix
from dysample.analysis.paired import PictureRatios


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


class SegmentationScorer:
    """Both scores of a data set, image by image."""

    def __init__(self, classes: int) -> None:
        """Start with zeros; `classes` as in `ConfusionMatrix`."""
        self.confusion = ConfusionMatrix(classes)
        self.boundary = BoundaryOverlap(classes)
        self._regions: list[Int32[np.ndarray, "2 k"]] = []
        self._boundaries: list[Int32[np.ndarray, "2 k"]] = []

    def update(self, prediction: UInt8[np.ndarray, "h w"], target: UInt8[np.ndarray, "h w"]) -> None:
        """Count one image; see `ConfusionMatrix.update` for what is refused."""
        classes = len(self.confusion.counts)
        confusion, boundary = ConfusionMatrix(classes), BoundaryOverlap(classes)
        confusion.update(prediction, target)
        boundary.update(prediction, target)
        self.confusion.counts += confusion.counts
        self.boundary.intersection += boundary.intersection
        self.boundary.union += boundary.union
        self._regions.append(np.stack([confusion.intersection, confusion.union]).astype(np.int32))
        self._boundaries.append(np.stack([boundary.intersection, boundary.union]).astype(np.int32))

    def regions(self, classes: Iterable[int] | None = None) -> PictureRatios:
        """Intersections and unions of every image; mean IoU would be over `classes`, by default all.

        Raises:
            ValueError: There are no images yet, or a class index that there is not.
        """
        return _pictures(self._regions, len(self.boundary.union), classes)

    def boundaries(self, classes: Iterable[int] | None = None) -> PictureRatios:
        """The same of the boundary bands."""
        return _pictures(self._boundaries, len(self.boundary.union), classes)

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


def _mean(values: tuple[float | None, ...], classes: Iterable[int]) -> float | None:
    chosen = tuple(classes)
    if any(not 0 <= index < len(values) for index in chosen):
        raise ValueError(f"classes must be indices from 0 to {len(values) - 1}, got {chosen}")
    known = [value for value in (values[index] for index in chosen) if value is not None]
    return sum(known) / len(known) if known else None


def _pictures(
    counts: list[Int32[np.ndarray, "2 k"]], classes: int, scored: Iterable[int] | None
) -> PictureRatios:
    parts, wholes = np.array(counts, np.int32).reshape(-1, 2, classes).swapaxes(0, 1)
    return PictureRatios(parts, wholes, tuple(range(classes) if scored is None else scored))
