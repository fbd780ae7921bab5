"""The training loop: one or several modules learn from the same batches."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.training.data import Batch, PictureData, batches, steps_per_epoch
from dysample.training.distributed import (
    is_first,
    process_count,
    same_start,
    share,
    sum_gradients,
    wait,
)
from dysample.training.recipe import Stage
from dysample.training.runs import CHECKPOINT, LOG, append_log, load_checkpoint, save_checkpoint
from dysample.training.truth import Loss

# What learns in a run: a module, its optimiser, and where both are kept.


_WEIGHT_DECAY = 0.01
_GRADIENT_NORM = 5.0


@dataclass(frozen=True, slots=True)
class Learner:
    """A module, the optimiser of its parameters, and its folder.

    Attributes:
        name: What it is called in messages.
        module: What learns.
        optimiser: Of the module's parameters; every group holds its peak rate as "peak".
        folder: Checkpoint and log go there.
    """

    name: str
    module: nn.Module
    optimiser: torch.optim.Optimizer
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """Where it is kept after every epoch."""
        return self.folder / CHECKPOINT

    def resume(self) -> int:
        """Go on from the checkpoint, if there is one; gives the epochs that are done."""
        state = load_checkpoint(self.checkpoint)
        if state is None:
            return 0
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        return int(state["epoch"])

    def keep(self, epoch: int, entry: dict[str, Any]) -> None:
        """Save that `epoch` epochs are done, and log the last one.

        Raises:
            DiskError: There is no room; the checkpoint before is whole.
        """
        if is_first():
            state = {"module": self.module.state_dict(), "optimiser": self.optimiser.state_dict()}
            save_checkpoint({"epoch": epoch} | state, self.checkpoint)
            append_log(self.folder / LOG, {"epoch": epoch} | entry)
        wait()  # what is read after this is there

    def update(self, loss: Float[Tensor, ""], factor: float) -> None:
        """One step down the loss's slope, at `factor` of the peak rates."""
        for group in self.optimiser.param_groups:
            group["lr"] = factor * group["peak"]
        self.optimiser.zero_grad(set_to_none=True)
        # Every process holds the same loss of the whole batch, and gradients are summed.
        (loss / process_count()).backward()  # pyright: ignore[reportUnknownMemberType]
        sum_gradients(self.module)
        nn.utils.clip_grad_norm_(self.module.parameters(), _GRADIENT_NORM)
        self.optimiser.step()


def learner(name: str, module: nn.Module, groups: Sequence[tuple[nn.Module, float]], folder: Path) -> Learner:
    """AdamW over parts of a module, each with its own peak learning rate."""
    parts = [
        {"params": list(part.parameters()), "lr": rate, "peak": rate} for part, rate in groups if rate > 0
    ]
    return Learner(name, module, torch.optim.AdamW(parts, weight_decay=_WEIGHT_DECAY), folder)


# The part of a prediction that a training step looks at: one pixel of every block.
#
# A head predicts at a stride, and the network enlarges that bilinearly. Neighbouring pixels then tell
# almost the same, while the enlargement and the loss over all of them are half of what a step takes.
# A step looks at one pixel of every stride x stride block, the same in all blocks, drawn anew each time:
# its expectation over the draws is the loss over all pixels.


Phase = tuple[int, int]  # row and column within a block


def draw_phase(stride: int, rng: np.random.Generator) -> Phase:
    """A pixel of a block, each as likely."""
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
    """The same pixels of a map of (batch, rows, columns)."""
    row, column = phase
    return truth[:, row::stride, column::stride]


def _shifted(x: Tensor, axis: int, by: float) -> Tensor:
    """Read a map `by` positions further on, with `by` within half a position; the border repeats."""
    inner = x.shape[axis] - 1
    if by < 0:
        neighbours = [x.narrow(axis, 0, 1), x.narrow(axis, 0, inner)]
    else:
        neighbours = [x.narrow(axis, 1, inner), x.narrow(axis, inner, 1)]
    return torch.lerp(x, torch.cat(neighbours, dim=axis), abs(by))


# A progress line with the time that is left.


class ProgressLine:
    """Prints one line that renews itself on a terminal, and now and then elsewhere."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        """Start the clock; `done` of `total` steps are behind us already."""
        self.title = title
        self.total = total
        self.first = done
        self.start = time.monotonic()
        self.printed = -1e9

    def update(self, done: int, note: str) -> None:
        """Tell that `done` steps are behind us."""
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


_WARM_UP = 0.05  # share of all steps in which the rate rises


class TrainingError(RuntimeError):
    """A run cannot go on; the message says why and what is left."""


@dataclass(frozen=True, slots=True)
class TrainingRun:
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


def train(run: TrainingRun, learners: Sequence[Learner]) -> None:
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
    progress = ProgressLine(run.title, per_epoch * run.stage.epochs, per_epoch * first)
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


def _epoch(
    run: TrainingRun, learners: Sequence[Learner], epoch: int, part: slice, progress: ProgressLine
) -> _Epoch:
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


def _step(
    run: TrainingRun, learners: Sequence[Learner], batch: Batch, step: int, total: int, result: _Epoch
) -> None:
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


def _loss(run: TrainingRun, coarse: Tensor, label: Tensor, step: int) -> Tensor:
    """At one pixel of every block that a position of the prediction stands for, the same for all learners."""
    stride = label.shape[-1] // coarse.shape[-1]
    phase = draw_phase(stride, np.random.default_rng([run.seed, step, stride]))
    return run.loss(thinned_prediction(coarse.float(), stride, phase), thinned_truth(label, stride, phase))


def _half(run: TrainingRun) -> torch.autocast:
    return torch.autocast(run.device.type, torch.bfloat16, enabled=run.bfloat16 or run.device.type == "cuda")
