"""The training loop: one or several modules learn from the same batches."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dysample.training.augment import Batch, batches, steps_per_epoch
from dysample.training.datasets import PictureData
from dysample.training.distributed import is_first, process_count, same_start, share
from dysample.training.learner import Learner
from dysample.training.losses import Loss
from dysample.training.progress import Progress
from dysample.training.recipe import Stage
from dysample.training.thinned import draw_phase, thinned_prediction, thinned_truth

_WARM_UP = 0.05  # share of all steps in which the rate rises


class TrainingError(RuntimeError):
    """A run cannot go on; the message says why and what is left."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is made of, apart from what learns.

    Attributes:
        title: Shown beside the progress.
        data: Training pictures.
        stage: Epochs, batch, crop.
        loss: Of a prediction and the truth.
        seed: Order and augmentation.
        device: Where to compute.
        bfloat16: Autocast to bfloat16 on the CPU too, as is done on CUDA.
        prepare: Turns a batch of pictures into what the learners read, once for all of them.
        predict: Runs a learner's module on that, giving a prediction at the stride of its finest map.
    """

    title: str
    data: PictureData
    stage: Stage
    loss: Loss
    seed: int
    device: torch.device
    bfloat16: bool
    prepare: Callable[[Tensor], Any]
    predict: Callable[[nn.Module, Any], Tensor]


@dataclass(slots=True)
class _Epoch:
    """What an epoch comes to, by learner; `failed` holds why one was left behind."""

    loss: dict[str, float] = field(default_factory=dict[str, float])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    failed: dict[str, str] = field(default_factory=dict[str, str])


def train(run: Run, learners: Sequence[Learner]) -> None:
    """Train until the stage's epochs are done, every learner going on from its own checkpoint.

    Learners that stand at the same epoch share the work of `prepare`; none depends on the others.
    Killed at any moment, a run loses at most the epoch that it was in. Processes that torchrun
    started share every batch.

    Raises:
        ValueError: The batch cannot be split evenly among the processes.
        TrainingError: There are too few pictures, or the loss of a learner is not finite; the others
            are trained to their end first.
        DiskError: A checkpoint cannot be written; the one before is whole.
    """
    per_epoch = steps_per_epoch(run.data, run.stage)
    if per_epoch == 0:
        raise TrainingError(f"batch={run.stage.batch} is more than the {len(run.data)} pictures there are")
    part = share(run.stage.batch)
    done = {each.name: each.resume() for each in learners}
    for each in learners:
        same_start(each.module)
    failed: dict[str, str] = {}
    first = min(done.values())
    progress = Progress(run.title, per_epoch * run.stage.epochs, per_epoch * first)
    for epoch in range(first, run.stage.epochs):
        active = [each for each in learners if done[each.name] <= epoch and each.name not in failed]
        result = _epoch(run, active, epoch, part, progress)
        failed |= result.failed
        for each in active:
            if each.name not in failed:
                entry = {"loss": result.loss[each.name], "seconds": round(result.seconds[each.name], 1)}
                each.keep(epoch + 1, entry | {"device": device_name(run.device, bfloat16=run.bfloat16)})
    if failed:
        raise TrainingError("; ".join(failed.values()))


def device_name(device: torch.device, *, bfloat16: bool) -> str:
    """What computed, for the records: the GPU's name, or how many CPU threads and whether in bfloat16."""
    name = f"{device.type}, {torch.get_num_threads()} threads" + (", bfloat16" if bfloat16 else "")
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return name if process_count() == 1 else f"{process_count()} × {name}"


def rate_factor(step: int, total: int) -> float:
    """Share of the peak learning rate: a short linear rise, then half a cosine down to zero."""
    rise = max(1, round(_WARM_UP * total))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def _epoch(run: Run, learners: Sequence[Learner], epoch: int, part: slice, progress: Progress) -> _Epoch:
    per_epoch = steps_per_epoch(run.data, run.stage)
    total = per_epoch * run.stage.epochs
    names = [each.name for each in learners]
    result = _Epoch(dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0))
    for k, batch in enumerate(batches(run.data, run.stage, seed=run.seed, epoch=epoch, part=part)):
        step = epoch * per_epoch + k
        _step(run, [e for e in learners if e.name not in result.failed], batch, step, total, result)
        if is_first():
            progress.update(step + 1, f"epoch {epoch + 1}")
    result.loss = {name: value / per_epoch for name, value in result.loss.items()}
    return result


def _step(run: Run, learners: Sequence[Learner], batch: Batch, step: int, total: int, result: _Epoch) -> None:
    """Let every learner learn from a batch; time that they share is split among them."""
    began = time.monotonic()
    label = batch.label.to(run.device)
    with _half(run):
        prepared = run.prepare(batch.image.to(run.device))
    share = (time.monotonic() - began) / max(1, len(learners))
    for each in learners:
        began = time.monotonic()
        # Dropout must not depend on the learners before, nor on where a run was taken up again.
        torch.manual_seed(int(np.random.default_rng([run.seed, step]).integers(2**31)))
        with _half(run):
            coarse = run.predict(each.module, prepared)
        loss = _loss(run, coarse, label, step)
        value = loss.item()
        if not math.isfinite(value):
            result.failed[each.name] = (
                f"the loss of {each.name} is {value} on the pictures {', '.join(batch.names)}; "
                f"the last whole epoch is kept in {each.checkpoint}"
            )
            continue
        each.update(loss, rate_factor(step, total))
        result.loss[each.name] += value
        result.seconds[each.name] += share + time.monotonic() - began


def _loss(run: Run, coarse: Tensor, label: Tensor, step: int) -> Tensor:
    """At one pixel of every block that a position of the prediction stands for, the same for all learners."""
    stride = label.shape[-1] // coarse.shape[-1]
    phase = draw_phase(stride, np.random.default_rng([run.seed, step, stride]))
    return run.loss(thinned_prediction(coarse.float(), stride, phase), thinned_truth(label, stride, phase))


def _half(run: Run) -> torch.autocast:
    return torch.autocast(run.device.type, torch.bfloat16, enabled=run.bfloat16 or run.device.type == "cuda")
