"""Segmentation scores over a data set, mean IoU and mean boundary IoU, and differences of label maps.

A label map is a uint8 array with one class index per pixel; 255 in a truth means that the pixel is
ignored, whatever a prediction says there. Intersections and unions are counted in pixels over all images
and divided once at the end, so the order and the size of the images do not matter; the counts of every
image are kept as well, so that images can be resampled. Lengths are in pixels, and shares are fractions
of an area, 0 to 1.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np
from jaxtyping import Bool, Int32, Int64, Integer, UInt8

from dysample.scores.paired import PictureRatios

IGNORE = 255
_STRIP = 1 << 20  # pixels whose windows are summed at a time
BAND_RATIO = 0.02  # width of the boundary band over the image diagonal, as in Boundary IoU


@dataclass(frozen=True, slots=True)
class SegmentationScore:
    """Scores between 0 and 1; None where a score does not exist.

    Attributes:
        miou: Mean of `per_class` over the classes that have a value.
        boundary_miou: Mean of `per_class_boundary` over the classes that have a value.
        per_class: IoU of each class; None for a class that is neither in the truth nor predicted.
        per_class_boundary: Boundary IoU of each class; None likewise.
    """

    miou: float | None
    boundary_miou: float | None
    per_class: tuple[float | None, ...]
    per_class_boundary: tuple[float | None, ...]


class SegmentationScorer:
    """Scorer of a data set, image by image."""

    def __init__(self, classes: int) -> None:
        """Start with zeros; `classes` as in `ConfusionMatrix`."""
        self.confusion = ConfusionMatrix(classes)
        self.boundary = BoundaryOverlap(classes)
        self._regions: list[Int32[np.ndarray, "2 k"]] = []
        self._boundaries: list[Int32[np.ndarray, "2 k"]] = []

    def update(self, prediction: UInt8[np.ndarray, "h w"], target: UInt8[np.ndarray, "h w"]) -> None:
        """Count one image; raises as `ConfusionMatrix.update` does."""
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
        """Return intersections and unions of every image, to be averaged over `classes`, by default all.

        Raises:
            ValueError: There are no images yet, or a class index is out of range.
        """
        return _pictures(self._regions, len(self.boundary.union), classes)

    def boundaries(self, classes: Iterable[int] | None = None) -> PictureRatios:
        """Return the same counts of the boundary bands."""
        return _pictures(self._boundaries, len(self.boundary.union), classes)

    def score(self, classes: Iterable[int] | None = None) -> SegmentationScore:
        """Return the scores of all images so far; the means are over `classes`, by default all.

        Raises:
            ValueError: A class index is out of range.
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


# --- Counts ---


class ConfusionMatrix:
    """Counts of pixels by true class (row) and predicted class (column).

    Attributes:
        counts: The pixels seen so far, without ignored ones.
    """

    counts: Int64[np.ndarray, "k k"]

    def __init__(self, classes: int) -> None:
        """Start with zeros for `classes` classes, 1 to 255 of them.

        Raises:
            ValueError: `classes` is not between 1 and 255.
        """
        _check_classes(classes)
        self.counts = np.zeros((classes, classes), np.int64)

    def update(self, prediction: UInt8[np.ndarray, "h w"], target: UInt8[np.ndarray, "h w"]) -> None:
        """Count one image.

        Raises:
            ValueError: The arrays are not label maps of one size, or a class index is too large.
        """
        classes = len(self.counts)
        valid = _valid_pixels(prediction, target, classes)
        pairs = target[valid].astype(np.int64) * classes + prediction[valid]
        self.counts += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    @property
    def intersection(self) -> Int64[np.ndarray, " k"]:
        """Number of pixels of each class that are predicted as that class."""
        return self.counts.diagonal()

    @property
    def union(self) -> Int64[np.ndarray, " k"]:
        """Number of pixels that belong to a class, are predicted as it, or both."""
        return self.counts.sum(0) + self.counts.sum(1) - self.intersection

    @property
    def iou(self) -> tuple[float | None, ...]:
        """Intersection over union of each class; None for classes that never occurred."""
        return _ratios(self.intersection, self.union)


class BoundaryOverlap:
    """Intersection and union of the classes' inner boundary bands (Cheng et al., CVPR 2021).

    The band of a class is its mask minus the mask's erosion by d pixels, where d is 2 % of the
    image's diagonal; everything outside the image is background. Ignored pixels are taken out of the truth's
    and the prediction's mask before the erosion, so a right prediction has the truth's bands.
    """

    intersection: Int64[np.ndarray, " k"]
    union: Int64[np.ndarray, " k"]

    def __init__(self, classes: int) -> None:
        """Start with zeros for `classes` classes, 1 to 255 of them.

        Raises:
            ValueError: `classes` is not between 1 and 255.
        """
        _check_classes(classes)
        self.intersection = np.zeros(classes, np.int64)
        self.union = np.zeros(classes, np.int64)

    def update(self, prediction: UInt8[np.ndarray, "h w"], target: UInt8[np.ndarray, "h w"]) -> None:
        """Count one image.

        Raises:
            ValueError: The arrays are not label maps of one size, or a class index is too large.
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
    """Return the labels within the inner boundary bands, and `IGNORE` elsewhere."""
    # One ring of a foreign label makes the image's border a boundary.
    padded = np.pad(labels, 1, constant_values=IGNORE)
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


# --- Differences ---


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of a label map to a reference.

    Attributes:
        share: Fraction of all pixels whose class differs from the reference.
        boundary_share: The same fraction within the reference's boundary band; None if the reference
            has a single class and so no boundary.
    """

    share: float
    boundary_share: float | None


@dataclass(frozen=True, slots=True)
class Window:
    """A square part of an image.

    Attributes:
        x: First column.
        y: First row.
        size: Columns and rows.
    """

    x: int
    y: int
    size: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array with: `image[window.slices]`."""
        return slice(self.y, self.y + self.size), slice(self.x, self.x + self.size)


def changed(labels: UInt8[np.ndarray, "h w"], reference: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return a mask of the pixels whose class differs from the reference.

    Raises:
        ValueError: An array is not a label map, or the sizes differ.
    """
    check_labels(labels, like=reference)
    return labels != reference


def changed_share(labels: UInt8[np.ndarray, "h w"], reference: UInt8[np.ndarray, "h w"]) -> float:
    """Return the fraction of pixels whose class differs from the reference.

    Raises:
        ValueError: An array is not a label map, or the sizes differ.
    """
    return float(changed(labels, reference).mean())


def difference(
    labels: UInt8[np.ndarray, "h w"], reference: UInt8[np.ndarray, "h w"], *, width_px: int | None = None
) -> Difference:
    """Measure how much of a label map differs from a reference, overall and near its boundaries.

    Args:
        labels: The label map.
        reference: Label map to compare with.
        width_px: Width of the boundary band to each side; `band_width` of the image by default.

    Raises:
        ValueError: An array is not a label map, or the sizes differ.
    """
    differs = changed(labels, reference)
    band = boundary_band(reference, band_width(*reference.shape) if width_px is None else width_px)
    near = float(differs[band].mean()) if band.any() else None
    return Difference(share=float(differs.mean()), boundary_share=near)


def band_width(height: int, width: int) -> int:
    """The usual width of a boundary band: 2 % of the image's diagonal, at least one pixel."""
    return max(1, round(BAND_RATIO * hypot(height, width)))


def boundary_band(labels: UInt8[np.ndarray, "h w"], width_px: int) -> Bool[np.ndarray, "h w"]:
    """Return a mask of the pixels near a boundary between classes, on either side of it.

    A pixel belongs to the band if a pixel of another class is at most `width_px` columns and at
    most `width_px` rows away. The image border is no boundary. Within each class this is the mask
    minus its erosion, `width_px` times with a 3x3 square; looking for the smallest and the
    largest label nearby erodes all classes at once.

    Raises:
        ValueError: `labels` is not a label map, or the width is less than one.
    """
    check_labels(labels)
    if width_px < 1:
        raise ValueError(f"width_px must be at least 1, got {width_px}")
    return _extreme(labels, width_px, np.minimum) != _extreme(labels, width_px, np.maximum)


def _extreme(
    labels: UInt8[np.ndarray, "h w"], reach: int, pick: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> UInt8[np.ndarray, "h w"]:
    """Return the smallest or largest label within `reach` rows and columns; `pick` is min or max of two."""
    # A square that leaves the map already contains the border, so repeating the border changes nothing.
    result, side, width = np.pad(labels, reach, mode="edge"), 1, 2 * reach + 1
    while side < width:  # from squares of `side` pixels to squares of up to twice as many
        step = min(side, width - side)
        result = pick(result[:-step], result[step:])
        result = pick(result[:, :-step], result[:, step:])
        side += step
    return result


def liveliest_window(
    labels: Sequence[UInt8[np.ndarray, "h w"]], size: int, *, reference: UInt8[np.ndarray, "h w"]
) -> Window:
    """Return the square in which label maps differ most from a reference, for a close-up.

    Every pixel counts once for each map that differs there. Among windows with the same sum, the one
    whose differences lie nearest to its centre wins. If all maps agree, return the window with the most
    boundary of the reference, or the centre of the image if there is no boundary.

    Args:
        labels: The label maps; the reference may be among them.
        size: Side of the window; at most the image's shorter side is used.
        reference: Label map to compare with.

    Raises:
        ValueError: An array is not a label map, the sizes differ, or `size` is less than one.
    """
    check_labels(reference)
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    counts = np.zeros(reference.shape, np.uint16)  # small: pictures have up to 50 million pixels
    for candidate in labels:
        counts += changed(candidate, reference)
    return densest_window(counts if counts.any() else boundary_band(reference, 1), size)


def densest_window(counts: Integer[np.ndarray, "h w"] | Bool[np.ndarray, "h w"], size: int) -> Window:
    """Return the square with the greatest sum; among equals, the one with its counts nearest to its centre.

    Args:
        counts: Weight of each pixel; if all are 0, the centre of the map is returned.
        size: Side of the window, at least one; at most the map's shorter side is used.
    """
    height, width = counts.shape
    size = min(size, height, width)
    if not counts.any():
        return Window(x=(width - size) // 2, y=(height - size) // 2, size=size)
    best, place = (-1, -1), (0, 0)
    rows = max(size, _STRIP // width)
    for top in range(0, height - size + 1, rows):
        sums, centring = _sums_from(counts, size, top, min(rows, height - size + 1 - top))
        y, x = np.unravel_index(int(np.where(sums == sums.max(), centring, -1).argmax()), sums.shape)
        here = int(sums[y, x]), int(centring[y, x])
        if here > best:
            best, place = here, (top + int(y), int(x))
    return Window(x=place[1], y=place[0], size=size)


def _sums_from(
    counts: Integer[np.ndarray, "h w"] | Bool[np.ndarray, "h w"], size: int, top: int, rows: int
) -> tuple[Int64[np.ndarray, "{rows} columns"], Int64[np.ndarray, "{rows} columns"]]:
    """Return the sums over the windows that start in some rows, and what tells windows of one sum apart.

    Windows with equal sums form plateaus, which a second sum over nearby windows makes peak in their middle;
    zeros around the map keep plateaus at its border whole.
    """
    first = top - size // 2  # of the windows that the second sum reads
    last = first + rows + 2 * (size // 2)
    part = counts[max(0, first) : last + size - 1].astype(np.int64)
    above, below = max(0, -first), max(0, last + size - 1 - len(counts))
    sums = _window_sums(np.pad(part, ((above, below), (size, size))), size)
    far = size - size // 2
    centring = _window_sums(sums[:, far:-far], size | 1)
    return sums[size // 2 : size // 2 + rows, size:-size], centring


def _window_sums(counts: Int64[np.ndarray, "h w"], size: int) -> Int64[np.ndarray, "rows columns"]:
    """Return the sum over the window that starts at each pixel, for all windows within the map."""
    integral = np.pad(counts, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows = integral[size:] - integral[:-size]
    return rows[:, size:] - rows[:, :-size]


def check_labels(labels: np.ndarray, *, like: np.ndarray | None = None) -> None:
    """Check that an array is a label map.

    Raises:
        ValueError: The array is not two-dimensional uint8 with pixels, or not of the size of `like`.
    """
    if labels.ndim != 2 or labels.dtype != np.uint8 or not labels.size:
        raise ValueError(
            f"a label map must be uint8 of shape (height, width), got {labels.dtype} of shape {labels.shape}"
        )
    if like is not None and labels.shape != like.shape:
        raise ValueError(f"label maps must have the same size, got {labels.shape} and {like.shape}")
