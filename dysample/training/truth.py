"""The truth of each kind of task: how it is stored, augmented, batched and compared in the loss."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from dysample.extras import needed_for
from dysample.models.annotations import Annotation, Depth, Labels
from dysample.models.tasks import Kind, Task
from dysample.training.distributed import mean, process_count, total

with needed_for("dysample.training"):
    import cv2

IGNORE = 255
Loss = Callable[[Tensor, Tensor], Tensor]
_VARIANCE_FOCUS = 0.85  # share of the squared mean that is subtracted
_FACTOR = 10.0
_Annotation = TypeVar("_Annotation", bound=Annotation)


class DataError(RuntimeError):
    """Data are missing or cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set keeps one kind of truth.

    Attributes:
        folder: Folder of PNG files inside the data set's folder.
        first: Value of the first class; pixels with smaller values have no class.
        metres: Metres that a stored depth of 1 stands for.
    """

    folder: str
    first: int = 0
    metres: float = 1.0


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


def _read_labels(path: Path, source: Source, size: tuple[int, int]) -> Labels:
    values = _values(path, size)
    if not source.first:
        return Labels(values)
    classes = np.where(values < source.first, IGNORE, values.astype(np.int16) - source.first)
    return Labels(classes.astype(np.uint8))


def _framed_labels(truth: Labels, framing: Framing) -> Labels:
    enlarged = truth.resized(framing.height, framing.width).classes
    return Labels(framing.cut(enlarged, (IGNORE,)))


def _label_batch(truths: Sequence[Labels]) -> Int64[Tensor, "b h w"]:
    return torch.from_numpy(np.stack([truth.classes for truth in truths])).long()


def class_shares(truths: Iterable[Labels], classes: int) -> Float[np.ndarray, " k"]:
    """Return each class's share of the labelled pixels, 0 to 1."""
    counts = np.zeros(256, np.int64)
    for truth in truths:
        counts += np.bincount(truth.classes.ravel(), minlength=256)
    return counts[:classes] / max(1, counts[:classes].sum())


def class_weights(shares: Float[np.ndarray, " k"], balance: float) -> Float[Tensor, " k"]:
    """Return a weight for each class: its share to the power of minus `balance`.

    No weight exceeds ten times the smallest one, and the mean over pixels is 1.
    """
    known = torch.from_numpy(shares).float()
    raw = known.clamp(min=1e-6) ** -balance
    raw = raw.clamp(max=10 * float(raw.min()))
    return raw / (raw * known).sum()


# --- Depths ---


def _read_depth(path: Path, source: Source, size: tuple[int, int]) -> Depth:
    return Depth(_values(path, size).astype(np.float32) * np.float32(source.metres))


def _framed_depth(truth: Depth, framing: Framing) -> Depth:
    """Crop and flip depths, divided by the enlargement: what looks twice as large is half as far away."""
    enlarged = truth.resized(framing.height, framing.width).metres / np.float32(framing.factor)
    return Depth(framing.cut(enlarged, (0,)))


def _depth_batch(truths: Sequence[Depth]) -> Float32[Tensor, "b h w"]:
    return torch.from_numpy(np.stack([truth.metres for truth in truths]))


# --- Picture files ---


def decoded(path: Path, mode: int) -> np.ndarray:
    """Read a picture file in one of OpenCV's modes.

    Raises:
        DataError: The file is missing or damaged.
    """
    picture = cv2.imread(str(path), mode)
    if picture is None:
        raise DataError(f"{path} is missing or damaged: copy the data set again")
    return picture


def _values(path: Path, size: tuple[int, int]) -> np.ndarray:
    values = decoded(path, cv2.IMREAD_UNCHANGED)
    if values.shape != size:
        raise DataError(f"{path.stem}: picture {size} and truth {values.shape} differ in size")
    return values


# --- Losses ---


def cross_entropy(class_weights: Float[Tensor, " k"]) -> Loss:
    """Return the cross entropy over the labelled pixels, each weighted by its class."""

    def loss(logits: Float[Tensor, "b k h w"], label: Int64[Tensor, "b h w"]) -> Float32[Tensor, ""]:
        weights = class_weights.to(logits.device)
        if process_count() == 1:
            return F.cross_entropy(logits.float(), label, weights, ignore_index=IGNORE)
        summed = F.cross_entropy(logits.float(), label, weights, ignore_index=IGNORE, reduction="sum")
        return total(summed) / total(weights[label[label != IGNORE]].sum())

    return loss


def scale_invariant_log(
    depth: Float[Tensor, "b 1 h w"], truth: Float32[Tensor, "b h w"]
) -> Float32[Tensor, ""]:
    """Return 10 sqrt(mean d^2 - 0.85 (mean d)^2) with d = log depth - log truth.

    After Eigen et al. (2014), in the form of Lee et al. (2019). Pixels whose truth is 0 do not count.
    An error of scale costs little, an error of shape much.

    Args:
        depth: Predicted depth in metres, positive.
        truth: True depth in metres, 0 where unknown.
    """
    known = truth > 0
    difference = torch.log(depth[:, 0][known].float()) - torch.log(truth[known])
    spread = mean(difference.square()) - _VARIANCE_FOCUS * mean(difference).square()
    return _FACTOR * torch.sqrt(spread.clamp(min=1e-8))  # the root's slope has no bound at zero


def _class_loss(task: Task, truths: Iterable[Labels], balance: float) -> Loss:
    return cross_entropy(class_weights(class_shares(truths, len(task.classes)), balance))


def _depth_loss(task: Task, truths: Iterable[Depth], balance: float) -> Loss:
    return scale_invariant_log


# --- Table of kinds ---


@dataclass(frozen=True, slots=True)
class Truth(Generic[_Annotation]):
    """How tasks of one kind read and use their truth.

    Attributes:
        sources: Where each data set stores such truth, by name of the data set.
        read: Reads the truth of one picture, which must have the given height and width.
        framed: Applies a framing to the truth of a picture.
        batch: Stacks truths of one size into the tensor that the loss reads.
        loss: Makes the loss of a task from the truths to learn from, which are read lazily, and the
            power that weighs rare classes more (`Stage.balance`).
        words: Describes a task's networks in a sentence, for its model card.
    """

    sources: Mapping[str, Source]
    read: Callable[[Path, Source, tuple[int, int]], _Annotation]
    framed: Callable[[_Annotation, Framing], _Annotation]
    batch: Callable[[Sequence[_Annotation]], Tensor]
    loss: Callable[[Task, Iterable[_Annotation], float], Loss]
    words: Callable[[Task], str]


TRUTHS: dict[Kind, Truth[Any]] = {
    "segmentation": Truth(
        {"camvid": Source("label11"), "voc_animals": Source("label21"), "nyuv2": Source("label40", first=1)},
        read=_read_labels,
        framed=_framed_labels,
        batch=_label_batch,
        loss=_class_loss,
        words=lambda task: (
            f"Networks that give every pixel of a photograph one of {len(task.classes)} classes."
        ),
    ),
    "depth": Truth(
        {"nyuv2": Source("depth", metres=0.001)},
        read=_read_depth,
        framed=_framed_depth,
        batch=_depth_batch,
        loss=_depth_loss,
        words=lambda task: "Networks that predict the depth of every pixel of a photograph in metres.",
    ),
}
