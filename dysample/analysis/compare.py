"""How label maps differ: where, how much, and where it is most worth looking.

A label map is a uint8 array of class indices, one a pixel. Lengths are in pixels of that map, and
shares are fractions of an area, 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import cv2
import numpy as np
from jaxtyping import Bool, Int64, UInt8

BAND_RATIO = 0.02  # width of the boundary band over the image diagonal, as in Boundary IoU


@dataclass(frozen=True, slots=True)
class Difference:
    """How much of a label map differs from a reference.

    Attributes:
        share: Fraction of all pixels that have another class than in the reference.
        boundary_share: The same fraction among the pixels of the reference's boundary band; None
            when the reference has a single class and so no boundary.
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
    """The pixels that have another class than in the reference.

    Raises:
        ValueError: One of the two is not a label map, or their sizes differ.
    """
    check_labels(labels, like=reference)
    return labels != reference


def changed_share(labels: UInt8[np.ndarray, "h w"], reference: UInt8[np.ndarray, "h w"]) -> float:
    """The fraction of pixels that have another class than in the reference.

    Raises:
        ValueError: One of the two is not a label map, or their sizes differ.
    """
    return float(changed(labels, reference).mean())


def difference(
    labels: UInt8[np.ndarray, "h w"], reference: UInt8[np.ndarray, "h w"], *, width_px: int | None = None
) -> Difference:
    """How much of a label map differs from a reference, in all and near the reference's boundaries.

    Args:
        labels: The label map in question.
        reference: What it is compared with.
        width_px: Width of the boundary band to each side; `band_width` of the image by default.

    Raises:
        ValueError: One of the two is not a label map, or their sizes differ.
    """
    differs = changed(labels, reference)
    band = boundary_band(reference, band_width(*reference.shape) if width_px is None else width_px)
    near = float(differs[band].mean()) if band.any() else None
    return Difference(share=float(differs.mean()), boundary_share=near)


def band_width(height: int, width: int) -> int:
    """The usual width of a boundary band: 2 % of the image's diagonal, at least one pixel."""
    return max(1, round(BAND_RATIO * hypot(height, width)))


def boundary_band(labels: UInt8[np.ndarray, "h w"], width_px: int) -> Bool[np.ndarray, "h w"]:
    """The pixels that are near a boundary between classes, on either side of it.

    A pixel belongs to the band if a pixel of another class is at most `width_px` columns and at
    most `width_px` rows away. The image's own border is no boundary. Within each class this is the
    mask less its erosion, `width_px` times with a 3x3 square; looking for the smallest and the
    largest label nearby erodes all classes at once.

    Raises:
        ValueError: `labels` is not a label map, or the width is less than one.
    """
    check_labels(labels)
    if width_px < 1:
        raise ValueError(f"width_px must be at least 1, got {width_px}")
    square = np.ones((3, 3), np.uint8)
    lowest = cv2.erode(labels, square, iterations=width_px)
    highest = cv2.dilate(labels, square, iterations=width_px)
    return lowest != highest


def liveliest_window(
    labels: Sequence[UInt8[np.ndarray, "h w"]], size: int, *, reference: UInt8[np.ndarray, "h w"]
) -> Window:
    """The square in which label maps differ most from a reference, for a close-up.

    Every pixel counts once for each map that differs there. Of several windows that hold the same
    sum, the one that has it nearest to its middle wins. When all maps agree, it is the window with
    the most boundary of the reference, or without any boundary, the image's middle.

    Args:
        labels: The label maps; the reference may be among them.
        size: Side of the window; cut to the image's shorter side.
        reference: What the others are compared with.

    Raises:
        ValueError: Something is not a label map, the sizes differ, or `size` is less than one.
    """
    check_labels(reference)
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    counts = np.zeros(reference.shape, np.int64)
    for candidate in labels:
        counts += changed(candidate, reference)
    return densest_window(counts if counts.any() else boundary_band(reference, 1).astype(np.int64), size)


def densest_window(counts: Int64[np.ndarray, "h w"], size: int) -> Window:
    """The square that holds the greatest sum; among equals, the one that has it nearest to its middle.

    Args:
        counts: What each pixel is worth; if nothing is worth anything, it is the map's middle.
        size: Side of the window, at least one; cut to the map's shorter side.
    """
    height, width = counts.shape
    size = min(size, height, width)
    if not counts.any():
        return Window(x=(width - size) // 2, y=(height - size) // 2, size=size)
    # Windows with equal sums form plateaus, which a second sum over nearby windows makes peak in
    # their middle; the zeros around the map keep plateaus at its border whole.
    sums = _window_sums(np.pad(counts, size), size)
    centring = cv2.boxFilter(sums.astype(np.float64), -1, (size | 1, size | 1), normalize=False)
    sums, centring = (values[size:-size, size:-size] for values in (sums, centring))
    y, x = np.unravel_index(int(np.where(sums == sums.max(), centring, -1).argmax()), sums.shape)
    return Window(x=int(x), y=int(y), size=size)


def _window_sums(counts: Int64[np.ndarray, "h w"], size: int) -> Int64[np.ndarray, "rows columns"]:
    """The sum over the window that starts at each pixel, for all windows within the map."""
    integral = np.pad(counts, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows = integral[size:] - integral[:-size]
    return rows[:, size:] - rows[:, :-size]


def check_labels(labels: np.ndarray, *, like: np.ndarray | None = None) -> None:
    """Refuse what is not a label map.

    Raises:
        ValueError: Not a two-dimensional uint8 array with pixels, or not of the size of `like`.
    """
    if labels.ndim != 2 or labels.dtype != np.uint8 or not labels.size:
        raise ValueError(
            f"a label map must be uint8 of shape (height, width), got {labels.dtype} of shape {labels.shape}"
        )
    if like is not None and labels.shape != like.shape:
        raise ValueError(f"label maps must have the same size, got {labels.shape} and {like.shape}")
