"""Tasks, and the kinds of tasks with their networks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.models.annotations import Annotation, Depth, Labels, Objects, Panoptic
from dysample.models.depth_head import DepthHead
from dysample.models.encoder import Encoder, Finest
from dysample.models.heads import Head
from dysample.models.host import DepthEstimator, Host, SegmentationHost
from dysample.models.merging import merge
from dysample.models.segformer_head import SegFormerHead

if TYPE_CHECKING:
    from dysample.models.object_head import Detections, ObjectDetector, ObjectHead

Kind = Literal["segmentation", "depth", "detection", "instances", "panoptic"]
_Head = TypeVar("_Head", bound=Head)
_LEAST_STUFF = 4096 / (640 * 480)  # share of a picture below which stuff is left out, as usual for COCO


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
        widths: Channels inside the head: one number for segmentation; five for depth, finest first; for
            objects those of `Widths`.
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

    @property
    def owner(self) -> str:
        """Name of the task that the networks were trained for: this one unless it shares another's."""
        return self.networks or self.name

    def __post_init__(self) -> None:
        """Check the kind.

        Raises:
            ValueError: There is no such kind.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")


# --- Table of kinds ---

AnnotatedPart = tuple[slice, slice, Any]  # rows and columns of a part of a picture, and its annotation


@dataclass(frozen=True, slots=True)
class TaskKind(Generic[_Head]):
    """How the networks of one kind of task are built.

    Attributes:
        finest: Stride of the finest map that the head reads.
        head: Makes a head with random weights for a task, the channels of an encoder, and an upsampler.
        host: Joins an encoder and a head.
        annotation: Turns a host's output for one picture into an annotation of a task.
        above: Turns it into an annotation without the objects of a lower score than a given one; None for
            outputs without objects.
        peak_bytes: Bytes for every pixel of a picture that a head of a task takes at the peak of `decode`, in
            float32 on a CPU, as measured with the networks of the recipes.
        strips_bytes: The same where the values of a picture are computed strip by strip, if they can be: the
            peak lies within the head.
        ranked: Whether the score of an annotation ranks all its objects by their scores, so that none may be
            left out.
        annotation_bytes: Bytes for every pixel of an annotation with a number of objects.
        joined: Joins annotations of parts of a picture to one of the whole; None where a part cannot be
            annotated by itself, since objects may reach beyond it.
    """

    finest: Finest
    head: Callable[[Task, tuple[int, ...], str], _Head]
    host: Callable[[Encoder, _Head], Host[_Head]]
    annotation: Callable[[Task, Any], Annotation]
    peak_bytes: Callable[[Task], int]
    above: Callable[[Task, Any, float], Annotation] | None = None
    ranked: bool = False
    strips_bytes: int | None = None
    annotation_bytes: Callable[[int], int] = lambda objects: 0
    joined: Callable[[int, int, Iterable[AnnotatedPart]], Annotation] | None = None


def _class_head(task: Task, channels: tuple[int, ...], upsampler: str) -> SegFormerHead:
    (width,) = task.widths
    return SegFormerHead(channels, width=width, classes=len(task.classes), upsampler=upsampler)


def _depth_head(task: Task, channels: tuple[int, ...], upsampler: str) -> DepthHead:
    return DepthHead(channels, widths=task.widths, upsampler=upsampler)


def _labels(task: Task, logits: Float[Tensor, "1 k h w"]) -> Labels:
    return Labels(logits.argmax(1)[0].to(torch.uint8).cpu().numpy())


def _depth(task: Task, metres: Float[Tensor, "1 1 h w"]) -> Depth:
    return Depth(metres[0, 0].float().contiguous().cpu().numpy())


# torchvision's detectors are loaded where a task needs them: they take half a second.


def _object_head(task: Task, channels: tuple[int, ...], upsampler: str) -> "ObjectHead":
    from dysample.models.object_head import ObjectHead, Widths

    things = len(task.things)
    return ObjectHead(
        channels,
        widths=Widths(*task.widths),
        things=things,
        stuff=len(task.classes) - things,
        upsampler=upsampler,
    )


def _object_host(encoder: Encoder, head: "ObjectHead") -> "ObjectDetector":
    from dysample.models.object_head import ObjectDetector

    return ObjectDetector(encoder, head)


def _boxes(task: Task, found: "Detections") -> Objects:
    return replace(found, masks=None).objects(0, _things(task))


def _instances(task: Task, found: "Detections") -> Objects:
    return found.objects(0, _things(task))


def _sure_boxes(task: Task, found: "Detections", score: float) -> Objects:
    return _boxes(task, found).above(score)


def _sure_instances(task: Task, found: "Detections", score: float) -> Objects:
    return _instances(task, found.above(score))  # filtered before the masks are drawn, which takes long


def _panoptic(task: Task, found: "Detections", score: float = 0.5) -> Panoptic:
    stuff = [k for k, name in enumerate(task.classes) if name not in task.things]
    least = round(_LEAST_STUFF * found.height * found.width)
    objects = _sure_instances(task, found, score)
    return merge(objects, found.stuff(0, stuff), threshold=score, stuff_area=least)


def _things(task: Task) -> list[int]:
    return [k for k, name in enumerate(task.classes) if name in task.things]


_FUSION_BYTES = 175
_OBJECT_BYTES = 215

KINDS: dict[Kind, TaskKind[Any]] = {
    "segmentation": TaskKind(
        finest=4,
        head=_class_head,
        host=SegmentationHost,
        annotation=_labels,
        # Maps of the steps, and the logits; with few classes, the fusion of four maps takes more.
        peak_bytes=lambda task: max(_FUSION_BYTES, 110 + 4 * len(task.classes)),
        strips_bytes=_FUSION_BYTES,
        annotation_bytes=lambda objects: 1,
        joined=Labels.joined,
    ),
    "depth": TaskKind(
        finest=2,
        head=_depth_head,
        host=DepthEstimator,
        annotation=_depth,
        peak_bytes=lambda task: 275,
        strips_bytes=272,
        annotation_bytes=lambda objects: 4,
        joined=Depth.joined,
    ),
    "detection": TaskKind(
        finest=4,
        head=_object_head,
        host=_object_host,
        annotation=_boxes,
        peak_bytes=lambda task: _OBJECT_BYTES,
        above=_sure_boxes,
        ranked=True,
    ),
    "instances": TaskKind(
        finest=4,
        head=_object_head,
        host=_object_host,
        annotation=_instances,
        peak_bytes=lambda task: _OBJECT_BYTES,
        annotation_bytes=lambda objects: objects,
        above=_sure_instances,
        ranked=True,
    ),
    "panoptic": TaskKind(
        finest=4,
        head=_object_head,
        host=_object_host,
        annotation=_panoptic,
        peak_bytes=lambda task: _OBJECT_BYTES,
        annotation_bytes=lambda objects: 1,
        above=_panoptic,
    ),
}
