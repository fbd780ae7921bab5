"""Merging objects and stuff into one map, by the rules of Panoptic FPN (Kirillov et al. 2019, Sec. 4)."""

import numpy as np
from jaxtyping import Bool, Float32, Integer

from dysample.models.annotations import Labels, Objects, Panoptic

_NONE = 255  # label of a pixel without a class
_MOST = 255  # segments that 8 bits can number


def merge(
    objects: Objects,
    stuff: Labels,
    *,
    threshold: float = 0.5,
    overlap: float = 0.5,
    stuff_area: int = 4096,
) -> Panoptic:
    """Merge the objects and the stuff of a picture, so that every pixel belongs to one segment at most.

    The objects are laid down by falling score, each on the pixels that are still free. Stuff fills what is
    left.

    Args:
        objects: Objects with masks, which may overlap.
        stuff: Class of stuff of every pixel; 255 where the network sees an object or nothing.
        threshold: Objects with a lower score are left out.
        overlap: An object is left out if a larger share of its mask is taken already.
        stuff_area: Classes of stuff with fewer pixels left are left out.

    Returns:
        The segments of the objects by falling score, then those of stuff by class, with score 1.

    Raises:
        ValueError: The objects have no masks, the sizes differ, or there are more than 255 segments.
    """
    if objects.masks is None:
        raise ValueError("objects must have masks to be merged with stuff, got boxes only")
    if stuff.classes.shape != (objects.height, objects.width):
        size = (objects.height, objects.width)
        raise ValueError(f"stuff must have the size {size} of the objects, got {stuff.classes.shape}")
    segments = np.zeros(stuff.classes.shape, np.intp)
    rows = _lay(objects.masks, objects.scores, segments, threshold=threshold, overlap=overlap)
    classes = _fill(stuff, segments, len(rows), stuff_area)
    if len(rows) + len(classes) > _MOST:
        count = len(rows) + len(classes)
        raise ValueError(f"a panoptic map has at most {_MOST} segments, got {count}: raise the threshold")
    return Panoptic(
        segments.astype(np.uint8),
        classes=np.concatenate([objects.classes[rows], np.array(classes, np.uint8)]),
        scores=np.concatenate([objects.scores[rows], np.ones(len(classes), np.float32)]),
        crowd=np.zeros(len(rows) + len(classes), bool),
    )


def _lay(
    masks: Bool[np.ndarray, "n h w"],
    scores: Float32[np.ndarray, " n"],
    segments: Integer[np.ndarray, "h w"],
    *,
    threshold: float,
    overlap: float,
) -> list[int]:
    """Number the pixels of objects in `segments`, and return the rows of the objects in order."""
    rows = list[int]()
    for row in np.argsort(-scores, kind="stable"):
        free = masks[row] & (segments == 0)
        area, left = np.count_nonzero(masks[row]), np.count_nonzero(free)
        if scores[row] < threshold or not left or area - left > overlap * area:
            continue
        rows.append(int(row))
        segments[free] = len(rows)
    return rows


def _fill(stuff: Labels, segments: Integer[np.ndarray, "h w"], taken: int, area: int) -> list[int]:
    """Number the free pixels of classes of stuff in `segments`, and return the classes in order."""
    classes = list[int]()
    free = segments == 0
    for label in np.flatnonzero(np.bincount(stuff.classes[free])):
        pixels = free & (stuff.classes == label)
        if label == _NONE or np.count_nonzero(pixels) < area:
            continue
        classes.append(int(label))
        segments[pixels] = taken + len(classes)
    return classes
