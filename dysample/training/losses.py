"""Losses of heads: of values for every pixel, and of objects."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from dysample.models.annotations import Depth, Labels, Objects, Panoptic
from dysample.models.heads import DenseHead, Head
from dysample.models.object_head import ObjectHead
from dysample.models.tasks import Task
from dysample.training.distributed import mean, process_count, total

IGNORE = 255
Maps = tuple[Tensor, ...]
Draw = tuple[int, int]  # seed of the run and number of the step, on which random choices of a loss depend
Criterion = Callable[[Tensor, Tensor], Tensor]
Loss = Callable[[Head, Maps, Any, Draw], Tensor]
Phase = tuple[int, int]  # row and column within a block
_VARIANCE_FOCUS = 0.85  # share of the squared mean that is subtracted
_FACTOR = 10.0
_SEMANTIC_SHARE = 0.5  # weight of the semantic branch (Kirillov et al. 2019, Sec. 4)


# --- Values for every pixel ---


def class_loss(task: Task, truths: Iterable[Labels], balance: float) -> Loss:
    """Return the loss of a segmentation task, whose classes are weighted by their share of `truths`."""
    return dense_loss(cross_entropy(class_weights(class_shares(truths, len(task.classes)), balance)))


def depth_loss(task: Task, truths: Iterable[Depth], balance: float) -> Loss:
    """Return the loss of a depth task; it has no classes to balance."""
    return dense_loss(scale_invariant_log)


def dense_loss(criterion: Criterion) -> Loss:
    """Return the loss at one pixel of every block, the same pixel for all heads; see "Thinning"."""

    def loss(head: Head, maps: Maps, label: Tensor, draw: Draw) -> Tensor:
        coarse = cast(DenseHead, head)(maps)
        with torch.autocast(coarse.device.type, enabled=False):
            return criterion(*_thinned(coarse.float(), label, draw))

    return loss


def _thinned(coarse: Tensor, label: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    stride = label.shape[-1] // coarse.shape[-1]
    phase = draw_phase(stride, np.random.default_rng([*draw, stride]))
    return thinned_prediction(coarse, stride, phase), thinned_truth(label, stride, phase)


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


def cross_entropy(class_weights: Float[Tensor, " k"]) -> Criterion:
    """Return the cross entropy over the labelled pixels, each weighted by its class."""

    def criterion(logits: Float[Tensor, "b k h w"], label: Int64[Tensor, "b h w"]) -> Float32[Tensor, ""]:
        weights = class_weights.to(logits.device)
        if process_count() == 1:
            return F.cross_entropy(logits.float(), label, weights, ignore_index=IGNORE)
        summed = F.cross_entropy(logits.float(), label, weights, ignore_index=IGNORE, reduction="sum")
        return total(summed) / total(weights[label[label != IGNORE]].sum())

    return criterion


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


# --- Objects ---


@dataclass(frozen=True, slots=True)
class ObjectTargets:
    """The objects of a batch of pictures.

    Attributes:
        objects: For every picture, "boxes" (left, top, right, bottom), "classes", and "masks" where known.
        classes: Class of every pixel, 255 where unknown; None where only objects are known.
    """

    objects: tuple[dict[str, Tensor], ...]
    classes: Int64[Tensor, "b h w"] | None

    def to(self, device: torch.device) -> "ObjectTargets":
        """Return the same on a device."""
        objects = tuple({name: x.to(device) for name, x in row.items()} for row in self.objects)
        return ObjectTargets(objects, None if self.classes is None else self.classes.to(device))


def object_loss(task: Task, truths: Iterable[Objects | Panoptic], balance: float) -> Loss:
    """Return the sum of an object head's losses: proposals, classes, boxes, masks, and half of the stuff's.

    Nothing is balanced: regions are sampled by their overlap with objects.
    """
    things = [name in task.things for name in task.classes]
    # Objects are numbered from 1 for torchvision, 0 is "no object". The semantic branch has the classes of
    # stuff, then one class for all things.
    numbers = torch.tensor([1 + sum(things[:k]) if thing else 0 for k, thing in enumerate(things)])
    stuff = len(things) - sum(things)
    branch = torch.full((256,), IGNORE)
    for k, thing in enumerate(things):
        branch[k] = stuff if thing else k - sum(things[:k])

    def loss(head: Head, maps: Maps, targets: ObjectTargets, draw: Draw) -> Tensor:
        rows = [_of_things(row, numbers.to(row["classes"].device)) for row in targets.objects]
        losses, semantic = cast(ObjectHead, head).losses(maps, rows)
        parts = list(losses.values())
        if semantic is not None and targets.classes is not None:
            label = branch.to(targets.classes.device)[targets.classes]
            with torch.autocast(semantic.device.type, enabled=False):
                logits, label = _thinned(semantic.float(), label, draw)
                known = (label != IGNORE).sum().clamp(min=1)  # a crop may show nothing that is known
                summed = F.cross_entropy(logits, label, ignore_index=IGNORE, reduction="sum")
                parts.append(_SEMANTIC_SHARE * summed / known)
        return torch.stack([part.float() for part in parts]).sum()

    return loss


def _of_things(row: dict[str, Tensor], numbers: Tensor) -> dict[str, Tensor]:
    labels = numbers[row["classes"]]
    things = labels > 0
    known = [name for name in ("boxes", "masks") if name in row]
    return {"labels": labels[things]} | {name: row[name][things] for name in known}


# --- Thinning ---
#
# A head predicts at a stride, and the network enlarges the prediction bilinearly. Neighbouring pixels then
# carry almost the same information, while enlarging them and computing their loss take half of a step.
# So a step uses one pixel of every stride x stride block, the same in all blocks and drawn anew each time:
# the expectation over the draws is the loss over all pixels.


def draw_phase(stride: int, rng: np.random.Generator) -> Phase:
    """Draw a pixel of a block uniformly."""
    row, column = rng.integers(stride, size=2)
    return int(row), int(column)


def thinned_prediction(
    coarse: Float[Tensor, "b k h w"], stride: int, phase: Phase
) -> Float[Tensor, "b k h w"]:
    """`F.interpolate(coarse, scale_factor=stride, mode="bilinear")[..., row::stride, column::stride]`."""
    for axis, place in zip((2, 3), phase, strict=True):
        coarse = _shifted(coarse, axis, (place + 0.5) / stride - 0.5)
    return coarse


def thinned_truth(truth: Tensor, stride: int, phase: Phase) -> Tensor:
    """Return the same pixels of a map (batch, rows, columns)."""
    row, column = phase
    return truth[:, row::stride, column::stride]


def _shifted(x: Tensor, axis: int, by: float) -> Tensor:
    """Shift a map by at most half a position along an axis, repeating the border."""
    inner = x.shape[axis] - 1
    if by < 0:
        neighbours = [x.narrow(axis, 0, 1), x.narrow(axis, 0, inner)]
    else:
        neighbours = [x.narrow(axis, 1, inner), x.narrow(axis, inner, 1)]
    return torch.lerp(x, torch.cat(neighbours, dim=axis), abs(by))
