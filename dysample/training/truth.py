"""The truth of each kind of task: how it is stored, augmented, batched and compared in the loss."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from dysample.extras import needed_for
from dysample.models.annotations import Annotation, Depth, Labels, Objects, Panoptic, boxes_of
from dysample.models.tasks import Kind, Task
from dysample.training.coco import detection_listing, instance_listing, panoptic_listing
from dysample.training.listing import Listing, Source, map_listing
from dysample.training.losses import IGNORE, Loss, ObjectTargets, class_loss, depth_loss, object_loss
from dysample.training.recipe import CocoFiles

with needed_for("dysample.training"):
    import cv2

_LEAST_LEFT = 0.2  # share of an object that a crop must hold for it to be learned
_Annotation = TypeVar("_Annotation", bound=Annotation)
_Source = TypeVar("_Source")


@dataclass(frozen=True, slots=True)
class Framing:
    """Enlargement, crop and flip of an augmented picture.

    Attributes:
        factor: Factor by which the picture is enlarged.
        height: Rows of the enlarged picture.
        width: Columns of the enlarged picture.
        top: First row of the crop.
        left: First column of the crop.
        side: Rows and columns of the crop, which may reach beyond the enlarged picture.
        mirrored: Whether the crop is flipped left to right.
    """

    factor: float
    height: int
    width: int
    top: int
    left: int
    side: int
    mirrored: bool

    def cut(self, enlarged: np.ndarray, beside: tuple[int, ...]) -> np.ndarray:
        """Crop and flip a picture or a map that has already been enlarged.

        Args:
            enlarged: Array of `height` rows and `width` columns.
            beside: Value of each channel outside the array.
        """
        bottom, right = max(0, self.side - self.height), max(0, self.side - self.width)
        if bottom or right:
            enlarged = cv2.copyMakeBorder(enlarged, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=beside)
        crop = enlarged[self.top : self.top + self.side, self.left : self.left + self.side]
        return np.ascontiguousarray(crop[:, ::-1] if self.mirrored else crop)


# --- Classes ---


def _label_listing(root: Path, source: Source, split: str, classes: tuple[str, ...]) -> Listing[Labels]:
    return map_listing(root, source, split, _labels)


def _labels(values: np.ndarray, source: Source) -> Labels:
    if not source.first:
        return Labels(values)
    classes = np.where(values < source.first, IGNORE, values.astype(np.int16) - source.first)
    return Labels(classes.astype(np.uint8))


def _framed_labels(truth: Labels, framing: Framing) -> Labels:
    enlarged = truth.resized(framing.height, framing.width).classes
    return Labels(framing.cut(enlarged, (IGNORE,)))


def _label_batch(truths: Sequence[Labels]) -> Int64[Tensor, "b h w"]:
    return torch.from_numpy(np.stack([truth.classes for truth in truths])).long()


# --- Depths ---


def _depth_listing(root: Path, source: Source, split: str, classes: tuple[str, ...]) -> Listing[Depth]:
    return map_listing(root, source, split, _depth)


def _depth(values: np.ndarray, source: Source) -> Depth:
    return Depth(values.astype(np.float32) * np.float32(source.metres))


def _framed_depth(truth: Depth, framing: Framing) -> Depth:
    """Crop and flip depths, divided by the enlargement: what looks twice as large is half as far away."""
    enlarged = truth.resized(framing.height, framing.width).metres / np.float32(framing.factor)
    return Depth(framing.cut(enlarged, (0,)))


def _depth_batch(truths: Sequence[Depth]) -> Float32[Tensor, "b h w"]:
    return torch.from_numpy(np.stack([truth.metres for truth in truths]))


# --- Objects ---


def framed_objects(truth: Objects, framing: Framing) -> Objects:
    """Enlarge, crop and flip objects.

    An object of which less than a fifth is left becomes crowd, one of which nothing is left vanishes. Where
    masks are known, the box of an object is that of what is left of its mask.
    """
    enlarged = truth.resized(framing.height, framing.width)
    side = framing.side
    boxes = enlarged.boxes - np.array([framing.left, framing.top] * 2, np.float32)
    boxes = boxes.clip(0, np.float32(side))
    if framing.mirrored:
        boxes[:, [0, 2]] = side - boxes[:, [2, 0]]
    masks = None
    if enlarged.masks is not None:
        masks = _cut_masks(enlarged.masks, framing)
        boxes = boxes_of(masks)
    crop = replace(enlarged, height=side, width=side, boxes=boxes, masks=masks)
    areas = _areas(crop)
    crop = replace(crop, crowd=crop.crowd | (areas < _LEAST_LEFT * _areas(enlarged)))
    return crop.chosen(areas > 0)


def _cut_masks(masks: Bool[np.ndarray, "n h w"], framing: Framing) -> Bool[np.ndarray, "n side side"]:
    inside = masks[:, framing.top : framing.top + framing.side, framing.left : framing.left + framing.side]
    crop = np.zeros((len(masks), framing.side, framing.side), bool)
    crop[:, : inside.shape[1], : inside.shape[2]] = inside
    return np.ascontiguousarray(crop[:, :, ::-1]) if framing.mirrored else crop


def _areas(objects: Objects) -> Float[np.ndarray, " n"]:
    """Return the pixels of every object's mask, or the area of its box where no masks are known."""
    if objects.masks is not None:
        return objects.masks.sum((1, 2)).astype(np.float64)
    left, top, right, bottom = objects.boxes.T.astype(np.float64)
    return (right - left) * (bottom - top)


def framed_panoptic(truth: Panoptic, framing: Framing, *, things: tuple[int, ...] = ()) -> Panoptic:
    """Enlarge, crop and flip segments, numbering those that have pixels in the crop anew.

    Args:
        truth: Segments of the whole picture.
        framing: Enlargement, crop and flip.
        things: Classes that are objects: one of which less than a fifth is left becomes crowd.
    """
    enlarged = truth.resized(framing.height, framing.width).segments
    crop = framing.cut(enlarged, (0,))
    whole, left = (
        np.bincount(pixels.ravel(), minlength=len(truth.classes) + 1)[1:] for pixels in (enlarged, crop)
    )
    cut = np.isin(truth.classes, things) & (left < _LEAST_LEFT * whole)
    kept = left > 0
    numbers = np.concatenate([[0], np.cumsum(kept)]).astype(np.uint8)
    return replace(
        truth,
        segments=numbers[crop],
        classes=truth.classes[kept],
        scores=truth.scores[kept],
        crowd=(truth.crowd | cut)[kept],
    )


def _framed_segments(truth: Panoptic, framing: Framing) -> Panoptic:
    """Crop segments; what is left of those that are mostly cut off is not learned as an object."""
    return framed_panoptic(truth, framing, things=tuple(range(256)))


def _object_batch(truths: Sequence[Objects]) -> ObjectTargets:
    return ObjectTargets(tuple(_targets(truth) for truth in truths), None)


def _panoptic_batch(truths: Sequence[Panoptic]) -> ObjectTargets:
    """Join the segments of all classes, since the loss knows which of them are objects."""
    rows = [truth.objects(tuple(range(256))) for truth in truths]
    classes = torch.from_numpy(np.stack([truth.labels() for truth in truths])).long()
    return ObjectTargets(tuple(_targets(row) for row in rows), classes)


def _targets(truth: Objects) -> dict[str, Tensor]:
    """Return the objects that are learned: all but crowds, and boxes that have an area."""
    flat = (truth.boxes[:, 2:] - truth.boxes[:, :2] <= 0).any(1)
    learned = truth.chosen(~(truth.crowd | flat))
    rows = {
        "boxes": torch.from_numpy(learned.boxes),
        "classes": torch.from_numpy(learned.classes).long(),
    }
    if learned.masks is not None:
        rows["masks"] = torch.from_numpy(learned.masks.astype(np.uint8))
    return rows


# --- Table of kinds ---


@dataclass(frozen=True, slots=True)
class Truth(Generic[_Source, _Annotation]):
    """How tasks of one kind read and use their truth.

    Attributes:
        sources: Where each data set stores such truth, by name of the data set.
        source: Type of the sources.
        open: Lists the pictures of a split, given the data set's folder, the source, the name of the split,
            and the task's classes. Raises `DataError` where they are missing.
        framed: Applies a framing to the truth of a picture.
        batch: Joins truths of one size into what the loss reads.
        loss: Makes the loss of a task from the truths to learn from, which are read lazily, and the
            power that weighs rare classes more (`Stage.balance`).
        words: Describes a task's networks in a sentence, for its model card.
    """

    sources: Mapping[str, _Source]
    source: type[_Source]
    open: Callable[[Path, _Source, str, tuple[str, ...]], Listing[_Annotation]]
    framed: Callable[[_Annotation, Framing], _Annotation]
    batch: Callable[[Sequence[_Annotation]], Tensor | ObjectTargets]
    loss: Callable[[Task, Iterable[_Annotation], float], Loss]
    words: Callable[[Task], str]


TRUTHS: dict[Kind, Truth[Any, Any]] = {
    "segmentation": Truth(
        {"camvid": Source("label11"), "voc_animals": Source("label21"), "nyuv2": Source("label40", first=1)},
        source=Source,
        open=_label_listing,
        framed=_framed_labels,
        batch=_label_batch,
        loss=class_loss,
        words=lambda task: (
            f"Networks that give every pixel of a photograph one of {len(task.classes)} classes."
        ),
    ),
    "depth": Truth(
        {"nyuv2": Source("depth", metres=0.001)},
        source=Source,
        open=_depth_listing,
        framed=_framed_depth,
        batch=_depth_batch,
        loss=depth_loss,
        words=lambda task: "Networks that predict the depth of every pixel of a photograph in metres.",
    ),
    "detection": Truth(
        {
            "voc_instances": CocoFiles("detection_{split}.json"),
            "voc07_masks": CocoFiles("instances.json"),
        },
        source=CocoFiles,
        open=detection_listing,
        framed=framed_objects,
        batch=_object_batch,
        loss=object_loss,
        words=lambda task: f"Networks that find objects of {len(task.things)} classes and their boxes.",
    ),
    "instances": Truth(
        {
            "voc_instances": CocoFiles("instances_{split}.json"),
            "voc07_masks": CocoFiles("instances.json"),
        },
        source=CocoFiles,
        open=instance_listing,
        framed=framed_objects,
        batch=_object_batch,
        loss=object_loss,
        words=lambda task: f"Networks that find objects of {len(task.things)} classes and their pixels.",
    ),
    "panoptic": Truth(
        {
            "voc_instances": CocoFiles("panoptic_{split}.json", maps="pan"),
            "voc07_masks": CocoFiles("panoptic.json", maps="pan"),
        },
        source=CocoFiles,
        open=panoptic_listing,
        framed=_framed_segments,
        batch=_panoptic_batch,
        loss=object_loss,
        words=lambda task: (
            f"Networks that give every pixel of a photograph to an object of one of {len(task.things)} "
            "classes, or to what is around the objects."
        ),
    ),
}
