"""Tasks, their annotations of pictures, and the kinds of tasks with their networks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from dysample.models.depth_head import DepthHead
from dysample.models.encoder import Encoder, Finest
from dysample.models.host import DepthEstimator, SegmentationHost
from dysample.models.segformer_head import SegFormerHead

Kind = Literal["segmentation", "depth"]
TaskHead = SegFormerHead | DepthHead
TaskHost = SegmentationHost | DepthEstimator
_Head = TypeVar("_Head", bound=TaskHead)
_Labels = TypeVar("_Labels", bound="Labels")
_Depth = TypeVar("_Depth", bound="Depth")


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that the networks of one task share.

    Attributes:
        name: Key, such as "street-segmentation".
        kind: Kind of the task, a key of `KINDS`.
        title: Display name.
        classes: Names of the classes, in the order of the logits; empty for depth.
        scored: Names of the classes that the score averages.
        encoder: SMP name of the encoder.
        mean: Subtracted from RGB in [0, 1].
        deviation: Divides it afterwards.
        context: Channels of the encoder's `ImageContext`; 0 for none.
        widths: Channels inside the head: one number for segmentation, five for depth, finest first.
        dataset: Folder of the data set that the networks are trained on.
        licence: Terms of use of the data, in one sentence.
        limits: What the networks have seen and where they fail, in a few sentences.
        working_side: Longer side of the training pictures, in pixels.
    """

    name: str
    kind: Kind
    title: str
    classes: tuple[str, ...]
    scored: tuple[str, ...]
    encoder: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    context: int
    widths: tuple[int, ...]
    dataset: str
    licence: str
    limits: str
    working_side: int

    def __post_init__(self) -> None:
        """Check the kind.

        Raises:
            ValueError: There is no such kind.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")


# --- Annotations: predictions and truths ---


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A class for every pixel of a picture.

    Attributes:
        classes: Indices into the task's classes; 255 where a truth has none.
    """

    classes: UInt8[np.ndarray, "h w"]

    def part(self: _Labels, rows: slice, columns: slice) -> _Labels:
        """Return a rectangle of the map."""
        return replace(self, classes=np.ascontiguousarray(self.classes[rows, columns]))

    def resized(self: _Labels, height: int, width: int) -> _Labels:
        """Return the map at another size, without mixing classes."""
        return replace(self, classes=_nearest(self.classes, height, width))


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """A depth for every pixel of a picture.

    Attributes:
        metres: Depths; 0 where a truth has none.
    """

    metres: Float32[np.ndarray, "h w"]

    def part(self: _Depth, rows: slice, columns: slice) -> _Depth:
        """Return a rectangle of the map."""
        return replace(self, metres=np.ascontiguousarray(self.metres[rows, columns]))

    def resized(self: _Depth, height: int, width: int) -> _Depth:
        """Return the map at another size, without mixing depths."""
        return replace(self, metres=_nearest(self.metres, height, width))


Annotation = Labels | Depth


def _nearest(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Interpolate like OpenCV's nearest mode, without OpenCV, which is an optional package."""
    rows, columns = (
        np.minimum(np.arange(size) * (1 / (size / side)), side - 1).astype(np.intp)
        for size, side in zip((height, width), values.shape, strict=True)
    )
    return values[rows[:, None], columns]


# --- Table of kinds ---


@dataclass(frozen=True, slots=True)
class TaskKind(Generic[_Head]):
    """How the networks of one kind of task are built.

    Attributes:
        finest: Stride of the finest map that the head reads.
        head: Makes a head with random weights for a task, the channels of an encoder, and an upsampler.
        host: Joins an encoder and a head.
        annotation: Turns a host's output for one picture into an annotation.
    """

    finest: Finest
    head: Callable[[Task, tuple[int, ...], str], _Head]
    host: Callable[[Encoder, _Head], TaskHost]
    annotation: Callable[[Tensor], Annotation]


def _class_head(task: Task, channels: tuple[int, ...], upsampler: str) -> SegFormerHead:
    (width,) = task.widths
    return SegFormerHead(channels, width=width, classes=len(task.classes), upsampler=upsampler)


def _depth_head(task: Task, channels: tuple[int, ...], upsampler: str) -> DepthHead:
    return DepthHead(channels, widths=task.widths, upsampler=upsampler)


def _labels(logits: Float[Tensor, "1 k h w"]) -> Labels:
    return Labels(logits.argmax(1)[0].to(torch.uint8).cpu().numpy())


def _depth(metres: Float[Tensor, "1 1 h w"]) -> Depth:
    return Depth(metres[0, 0].float().contiguous().cpu().numpy())


KINDS: dict[Kind, TaskKind[Any]] = {
    "segmentation": TaskKind(finest=4, head=_class_head, host=SegmentationHost, annotation=_labels),
    "depth": TaskKind(finest=2, head=_depth_head, host=DepthEstimator, annotation=_depth),
}
