"""Tasks, and the kinds of tasks with their networks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.models.annotations import Annotation, Depth, Labels
from dysample.models.depth_head import DepthHead
from dysample.models.encoder import Encoder, Finest
from dysample.models.host import DepthEstimator, SegmentationHost
from dysample.models.segformer_head import SegFormerHead

Kind = Literal["segmentation", "depth"]
TaskHead = SegFormerHead | DepthHead
TaskHost = SegmentationHost | DepthEstimator
_Head = TypeVar("_Head", bound=TaskHead)


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
        things: Names of the classes that are objects; the others are stuff. Empty where no objects are found.
        reference: The upsampler that the encoder learned with, which the others are compared with.
        networks: Name of the task whose networks it shares; empty for networks of its own.
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
    things: tuple[str, ...] = ()
    reference: str = "bilinear"
    networks: str = ""

    def __post_init__(self) -> None:
        """Check the kind.

        Raises:
            ValueError: There is no such kind.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")


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
