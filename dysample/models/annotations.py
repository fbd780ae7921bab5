"""Annotations of pictures: what networks predict and what is true, one record for each form of answer."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float32, Integer, Shaped, UInt8

_Labels = TypeVar("_Labels", bound="Labels")
_Depth = TypeVar("_Depth", bound="Depth")
_Objects = TypeVar("_Objects", bound="Objects")
_Panoptic = TypeVar("_Panoptic", bound="Panoptic")


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A class for every pixel of a picture.

    Attributes:
        classes: Indices into the task's classes; 255 where a truth has none.
    """

    classes: UInt8[np.ndarray, "h w"]

    @classmethod
    def joined(
        cls: type[_Labels], height: int, width: int, parts: Iterable[tuple[slice, slice, _Labels]]
    ) -> _Labels:
        """Return the map that parts, each with its rows and columns, cover together."""
        return cls(_joined(height, width, np.uint8, ((y, x, part.classes) for y, x, part in parts)))

    def part(self: _Labels, rows: slice, columns: slice) -> _Labels:
        """Return a rectangle of the map."""
        return replace(self, classes=np.ascontiguousarray(self.classes[rows, columns]))

    def resized(self: _Labels, height: int, width: int) -> _Labels:
        """Return the map at another size, without mixing classes."""
        return replace(self, classes=nearest(self.classes, height, width))


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """A depth for every pixel of a picture.

    Attributes:
        metres: Depths; 0 where a truth has none.
    """

    metres: Float32[np.ndarray, "h w"]

    @classmethod
    def joined(
        cls: type[_Depth], height: int, width: int, parts: Iterable[tuple[slice, slice, _Depth]]
    ) -> _Depth:
        """Return the map that parts, each with its rows and columns, cover together."""
        return cls(_joined(height, width, np.float32, ((y, x, part.metres) for y, x, part in parts)))

    def part(self: _Depth, rows: slice, columns: slice) -> _Depth:
        """Return a rectangle of the map."""
        return replace(self, metres=np.ascontiguousarray(self.metres[rows, columns]))

    def resized(self: _Depth, height: int, width: int) -> _Depth:
        """Return the map at another size, without mixing depths."""
        return replace(self, metres=nearest(self.metres, height, width))


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The objects of a picture: boxes with a class and a score, and a mask each where masks are known.

    Attributes:
        height: Rows of the picture.
        width: Columns of the picture.
        boxes: Left, top, right and bottom edge in pixels: the box of the pixel in row r and column c alone is
            (c, r, c + 1, r + 1).
        classes: Indices into the task's classes.
        scores: Confidences from 0 to 1, falling; 1 in a truth.
        masks: The pixels of every object; None where only boxes are known.
        crowd: Objects of a truth that are not to be scored, such as groups; none in a prediction.
    """

    height: int
    width: int
    boxes: Float32[np.ndarray, "n 4"]
    classes: UInt8[np.ndarray, " n"]
    scores: Float32[np.ndarray, " n"]
    masks: Bool[np.ndarray, "n {height} {width}"] | None
    crowd: Bool[np.ndarray, " n"]

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.boxes)

    def chosen(self: _Objects, rows: Bool[np.ndarray, " n"] | Integer[np.ndarray, " k"]) -> _Objects:
        """Return some of the objects, by a truth value for each or by their numbers."""
        return replace(
            self,
            boxes=self.boxes[rows],
            classes=self.classes[rows],
            scores=self.scores[rows],
            masks=None if self.masks is None else self.masks[rows],
            crowd=self.crowd[rows],
        )

    def above(self: _Objects, threshold: float) -> _Objects:
        """Return the objects whose score is at least `threshold`."""
        return self.chosen(self.scores >= threshold)

    def part(self: _Objects, rows: slice, columns: slice) -> _Objects:
        """Return a rectangle of the picture with the objects that reach into it, their boxes cut off."""
        top, bottom, _ = rows.indices(self.height)
        left, right, _ = columns.indices(self.width)
        return self.moved(-left, -top, bottom - top, right - left)

    def moved(self: _Objects, x: int, y: int, height: int, width: int) -> _Objects:
        """Return the objects in a picture of another size whose origin lies at (-x, -y) of this one."""
        boxes = self.boxes + np.array([x, y, x, y], np.float32)
        boxes = boxes.clip(0, np.array([width, height, width, height], np.float32))
        masks = None if self.masks is None else _shifted(self.masks, x, y, height, width)
        inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        moved = replace(self, height=height, width=width, boxes=boxes, masks=masks)
        return moved.chosen(inside)

    def resized(self: _Objects, height: int, width: int) -> _Objects:
        """Return the objects of the picture at another size."""
        factors = np.array([width / self.width, height / self.height] * 2, np.float32)
        masks = self.masks
        if masks is not None:
            masks = np.ascontiguousarray(nearest(masks.transpose(1, 2, 0), height, width).transpose(2, 0, 1))
        return replace(self, height=height, width=width, boxes=self.boxes * factors, masks=masks)


@dataclass(frozen=True, slots=True, eq=False)
class Panoptic:
    """A segment for every pixel: one for each object, and one for each class of stuff.

    Attributes:
        segments: Number of each pixel's segment, counted from 1; 0 where there is none.
        classes: Class of each segment, an index into the task's classes.
        scores: Confidence of each segment from 0 to 1; 1 in a truth and for stuff.
        crowd: Segments of a truth that are not to be scored, such as groups; none in a prediction.
    """

    segments: UInt8[np.ndarray, "h w"]
    classes: UInt8[np.ndarray, " n"]
    scores: Float32[np.ndarray, " n"]
    crowd: Bool[np.ndarray, " n"]

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return self.segments.shape[0]

    @property
    def width(self) -> int:
        """Columns of the picture."""
        return self.segments.shape[1]

    def labels(self) -> UInt8[np.ndarray, "h w"]:
        """Return the class of every pixel; 255 where there is no segment."""
        return np.concatenate([np.array([255], np.uint8), self.classes])[self.segments]

    def objects(self, things: tuple[int, ...]) -> Objects:
        """Return the segments of some classes that have pixels as objects with masks, by falling score."""
        present = np.bincount(self.segments.ravel(), minlength=len(self.classes) + 1)[1:] > 0
        rows = np.flatnonzero(present & np.isin(self.classes, things))
        rows = rows[np.argsort(-self.scores[rows], kind="stable")]
        masks = self.segments == (rows + 1)[:, None, None]
        return Objects(
            self.height,
            self.width,
            boxes=boxes_of(masks),
            classes=self.classes[rows],
            scores=self.scores[rows],
            masks=masks,
            crowd=self.crowd[rows],
        )

    def part(self: _Panoptic, rows: slice, columns: slice) -> _Panoptic:
        """Return a rectangle of the map."""
        return replace(self, segments=np.ascontiguousarray(self.segments[rows, columns]))

    def resized(self: _Panoptic, height: int, width: int) -> _Panoptic:
        """Return the map at another size, without mixing segments."""
        return replace(self, segments=nearest(self.segments, height, width))


Annotation = Labels | Depth | Objects | Panoptic


def boxes_of(masks: Bool[np.ndarray, "n h w"]) -> Float32[np.ndarray, "n 4"]:
    """Return the smallest box around every mask: left, top, right, bottom; all 0 for an empty mask."""
    left, right = _ends(np.asarray(masks.any(1)))
    top, bottom = _ends(np.asarray(masks.any(2)))
    return np.stack([left, top, right, bottom], axis=1).astype(np.float32)


def nearest(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Interpolate the first two axes like OpenCV's nearest mode, without OpenCV, an optional package."""
    rows, columns = (
        np.minimum(np.arange(size) * (1 / (size / side)), side - 1).astype(np.intp)
        for size, side in zip((height, width), values.shape[:2], strict=True)
    )
    return values[rows[:, None], columns]


def _joined(
    height: int,
    width: int,
    kind: type[np.generic],
    parts: Iterable[tuple[slice, slice, Shaped[np.ndarray, "_h _w"]]],
) -> Shaped[np.ndarray, "{height} {width}"]:
    whole = np.empty((height, width), kind)
    for rows, columns, values in parts:
        whole[rows, columns] = values
    return whole


def _shifted(
    masks: Bool[np.ndarray, "n h w"], x: int, y: int, height: int, width: int
) -> Bool[np.ndarray, "n {height} {width}"]:
    moved = np.zeros((len(masks), height, width), bool)
    rows, columns = masks.shape[1:]
    top, bottom = max(0, y), min(height, y + rows)
    left, right = max(0, x), min(width, x + columns)
    if top < bottom and left < right:
        moved[:, top:bottom, left:right] = masks[:, top - y : bottom - y, left - x : right - x]
    return moved


def _ends(filled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first index of every row that is true, and the one after the last; 0 and 0 if none is."""
    present = filled.any(1)
    last = filled.shape[1] - filled[:, ::-1].argmax(1)
    return np.where(present, filled.argmax(1), 0), np.where(present, last, 0)
