"""The training loop: one or several modules learn from the same batches."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.models.computing import ChosenPrecision
from dysample.models.heads import Head
from dysample.training.data import Batch, PictureData, batches, steps_per_epoch
from dysample.training.distributed import (
    is_first,
    process_count,
    same_start,
    share,
    sum_gradients,
    wait,
)
from dysample.training.losses import Loss, Maps
from dysample.training.recipe import Stage
from dysample.training.runs import CHECKPOINT, LOG, alone_in, append_log, load_checkpoint, save_checkpoint

_WEIGHT_DECAY = 0.01
_GRADIENT_NORM = 5.0
_WARM_UP = 0.05  # share of all steps in which the rate rises


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what is left."""


class ProgressLine:
    """A progress line with the time left, updated in place on a terminal and printed every 20 s elsewhere."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        """Start the clock with `done` of `total` steps finished."""
        self.title = title
        self.total = total
        self.first = done
        self.start = time.monotonic()
        self.printed = -1e9

    def update(self, done: int, note: str) -> None:
        """Report that `done` steps are finished."""
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self.printed < (0.5 if terminal else 20) and done < self.total:
            return
        self.printed = now
        per_step = (now - self.start) / max(1, done - self.first)
        left = _clock(per_step * (self.total - done))
        line = f"{self.title}  {done}/{self.total}  {per_step:.2f} s/step  {left} left  {note}"
        print(
            "\r\033[K" + line if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True
        )
        if terminal and done >= self.total:
            print(file=sys.stderr)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """Settings of a run that all its learners share.

    Attributes:
        title: Title of the progress line.
        data: Training pictures.
        stage: Epochs, batch, crop.
        loss: Loss of a head, given maps and truth.
        seed: Seed of the order and the augmentation.
        device: Device to compute on.
        precision: Precision of the forward pass.
        prepare: Turns a batch of pictures into the input of all learners.
        reach: Returns a learner's head and the maps that it reads, given its module and that input.
    """

    title: str
    data: PictureData
    stage: Stage
    loss: Loss
    seed: int
    device: torch.device
    precision: ChosenPrecision
    prepare: Callable[[Tensor], Any]
    reach: Callable[[nn.Module, Any], tuple[Head, Maps]]


@dataclass(frozen=True, slots=True)
class Learner:
    """A module in training, with its optimiser and folder.

    Attributes:
        name: Name in messages.
        module: The module.
        optimiser: Optimiser of the module's parameters; every group holds its peak rate as "peak".
        folder: Folder of the checkpoint and the log.
    """

    name: str
    module: nn.Module
    optimiser: torch.optim.Optimizer
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """Path of the checkpoint, which is written after every epoch."""
        return self.folder / CHECKPOINT

    def resume(self) -> int:
        """Load the checkpoint, if there is one, and return the number of finished epochs."""
        state = load_checkpoint(self.checkpoint)
        if state is None:
            return 0
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        return int(state["epoch"])

    def keep(self, epoch: int, entry: dict[str, Any]) -> None:
        """Save the state after `epoch` epochs, and log the last one.

        Raises:
            DiskError: The disk is full; the previous checkpoint is intact.
        """
        if is_first():
            state = {"module": self.module.state_dict(), "optimiser": self.optimiser.state_dict()}
            save_checkpoint({"epoch": epoch} | state, self.checkpoint)
            append_log(self.folder / LOG, {"epoch": epoch} | entry)
        wait()  # every process finds the files from here on

    def update(self, loss: Float[Tensor, ""], factor: float) -> None:
        """Take one optimiser step at `factor` times the peak rates."""
        for group in self.optimiser.param_groups:
            group["lr"] = factor * group["peak"]
        self.optimiser.zero_grad(set_to_none=True)
        # Every process holds the same loss of the whole batch, and gradients are summed.
        (loss / process_count()).backward()  # pyright: ignore[reportUnknownMemberType]
        sum_gradients(self.module)
        nn.utils.clip_grad_norm_(self.module.parameters(), _GRADIENT_NORM)
        self.optimiser.step()


def make_learner(
    name: str, module: nn.Module, groups: Sequence[tuple[nn.Module, float]], folder: Path
) -> Learner:
    """Make a learner with AdamW over parts of a module, each with its own peak learning rate."""
    parts = [
        {"params": list(part.parameters()), "lr": rate, "peak": rate} for part, rate in groups if rate > 0
    ]
    return Learner(name, module, torch.optim.AdamW(parts, weight_decay=_WEIGHT_DECAY), folder)


def train(run: TrainingRun, learners: Sequence[Learner]) -> None:
    """Train all learners for the stage's epochs, each from its own checkpoint.

    Learners at the same epoch share the work of `prepare`; none depends on the others. A run that is
    killed loses at most the current epoch. Processes started by torchrun share every batch.

    Raises:
        ValueError: The batch cannot be split evenly among the processes.
        TrainingError: There are too few pictures, or the loss of a learner is not finite; the other
            learners finish first.
        DiskError: A checkpoint cannot be written; the previous one is intact.
        RunError: Another process trains in a learner's folder, or a checkpoint there is torn.
    """
    per_epoch = steps_per_epoch(run.data, run.stage)
    if per_epoch == 0:
        raise TrainingError(f"batch={run.stage.batch} is more than the {len(run.data)} pictures there are")
    part = share(run.stage.batch)
    with ExitStack() as locks:
        if is_first():
            for learner in learners:
                locks.enter_context(alone_in(learner.folder))
        _train(run, learners, per_epoch, part)


def _train(run: TrainingRun, learners: Sequence[Learner], per_epoch: int, part: slice) -> None:
    done = {learner.name: learner.resume() for learner in learners}
    for learner in learners:
        same_start(learner.module)
    failed: dict[str, str] = {}
    first = min(done.values())
    progress = ProgressLine(run.title, per_epoch * run.stage.epochs, per_epoch * first)
    for epoch in range(first, run.stage.epochs):
        active = [
            learner for learner in learners if done[learner.name] <= epoch and learner.name not in failed
        ]
        result = _epoch(run, active, epoch, part, progress)
        failed |= result.failed
        for learner in active:
            if learner.name not in failed:
                entry = {"loss": result.loss[learner.name], "seconds": round(result.seconds[learner.name], 1)}
                learner.keep(epoch + 1, entry | {"device": device_name(run.device, run.precision)})
    if failed:
        raise TrainingError("; ".join(failed.values()))


def device_name(device: torch.device, precision: ChosenPrecision) -> str:
    """Return the GPU's name, or the number of CPU threads, and any unusual precision, for records."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device) + (", float32" if precision == "float32" else "")
    else:
        name = f"{device.type}, {torch.get_num_threads()} threads"
        name += ", bfloat16" if precision == "bfloat16" else ""
    return name if process_count() == 1 else f"{process_count()} × {name}"


def rate_factor(step: int, total: int) -> float:
    """Return the share of the peak learning rate: a short linear rise, then half a cosine down to zero."""
    rise = max(1, round(_WARM_UP * total))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


@dataclass(slots=True)
class _Epoch:
    """Losses and times of an epoch, and reasons of failures, by learner."""

    loss: dict[str, float] = field(default_factory=dict[str, float])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    failed: dict[str, str] = field(default_factory=dict[str, str])


def _epoch(
    run: TrainingRun, learners: Sequence[Learner], epoch: int, part: slice, progress: ProgressLine
) -> _Epoch:
    per_epoch = steps_per_epoch(run.data, run.stage)
    total = per_epoch * run.stage.epochs
    names = [learner.name for learner in learners]
    result = _Epoch(dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0))
    for k, batch in enumerate(batches(run.data, run.stage, seed=run.seed, epoch=epoch, part=part)):
        step = epoch * per_epoch + k
        _step(run, [e for e in learners if e.name not in result.failed], batch, step, total, result)
        if is_first():
            progress.update(step + 1, f"epoch {epoch + 1}")
    result.loss = {name: value / per_epoch for name, value in result.loss.items()}
    return result


def _step(
    run: TrainingRun, learners: Sequence[Learner], batch: Batch, step: int, total: int, result: _Epoch
) -> None:
    """Update every learner with a batch, splitting the time of shared work among them."""
    began = time.monotonic()
    label = batch.label.to(run.device)
    with _half(run):
        prepared = run.prepare(batch.image.to(run.device))
    share = (time.monotonic() - began) / max(1, len(learners))
    for learner in learners:
        began = time.monotonic()
        # Dropout must depend neither on other learners nor on where a run was resumed.
        torch.manual_seed(int(np.random.default_rng([run.seed, step]).integers(2**31)))
        with _half(run):
            loss = run.loss(*run.reach(learner.module, prepared), label, (run.seed, step))
        value = loss.item()
        if not math.isfinite(value):
            result.failed[learner.name] = (
                f"the loss of {learner.name} is {value} on the pictures {', '.join(batch.names)}; "
                f"the last whole epoch is kept in {learner.checkpoint}"
            )
            continue
        learner.update(loss, rate_factor(step, total))
        result.loss[learner.name] += value
        result.seconds[learner.name] += share + time.monotonic() - began


def _half(run: TrainingRun) -> torch.autocast:
    return torch.autocast(run.device.type, torch.bfloat16, enabled=run.precision == "bfloat16")
