"""The training loop: one or several modules learn from the same batches."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.training.augment import Batch, batches, steps_per_epoch
from dysample.training.checkpoint import append_log, load_checkpoint, save_checkpoint
from dysample.training.datasets import IGNORE, SegmentationData
from dysample.training.progress import Progress
from dysample.training.recipe import Stage

_WARM_UP = 0.05  # share of all steps in which the rate rises
_WEIGHT_DECAY = 0.01
_GRADIENT_NORM = 5.0


class TrainingError(RuntimeError):
    """A run cannot go on; the message says why and what is left."""


@dataclass(frozen=True, slots=True)
class Learner:
    """A module, and the optimiser of its parameters."""

    module: nn.Module
    optimiser: torch.optim.Optimizer

    def state(self) -> dict[str, Any]:
        """Everything needed to go on later."""
        return {"module": self.module.state_dict(), "optimiser": self.optimiser.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])


def learner(module: nn.Module, groups: Sequence[tuple[nn.Module, float]]) -> Learner:
    """AdamW over parts of a module, each with its own peak learning rate."""
    parts = [
        {"params": list(part.parameters()), "lr": rate, "peak": rate} for part, rate in groups if rate > 0
    ]
    return Learner(module, torch.optim.AdamW(parts, weight_decay=_WEIGHT_DECAY))


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is made of, apart from what learns.

    Attributes:
        title: Shown beside the progress.
        folder: Checkpoint and log go there.
        data: Training pictures.
        stage: Epochs, batch, crop.
        class_weights: Weight of each class in the loss.
        seed: Order and augmentation.
        device: Where to compute; bfloat16 autocast on CUDA.
        prepare: Turns a batch of pictures into what the learners read, once for all of them.
        logits: Runs a learner's module on that, giving logits of the crop's size.
    """

    title: str
    folder: Path
    data: SegmentationData
    stage: Stage
    class_weights: Float[Tensor, " k"]
    seed: int
    device: torch.device
    prepare: Callable[[Tensor], Any]
    logits: Callable[[nn.Module, Any], Tensor]

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept after every epoch."""
        return self.folder / "checkpoint.pt"


def train(run: Run, learners: Mapping[str, Learner]) -> None:
    """Train until the stage's epochs are done, going on from the run's checkpoint if there is one.

    Killed at any moment, it loses at most the epoch that it was in.

    Raises:
        TrainingError: The checkpoint belongs to other learners, or a loss is not finite.
    """
    done = _resume(run, learners)
    per_epoch = steps_per_epoch(run.data, run.stage)
    if per_epoch == 0:
        raise TrainingError(f"batch={run.stage.batch} is more than the {len(run.data)} pictures there are")
    total = per_epoch * run.stage.epochs
    progress = Progress(run.title, total, done * per_epoch)
    for epoch in range(done, run.stage.epochs):
        started, sums = time.monotonic(), dict.fromkeys(learners, 0.0)
        for k, batch in enumerate(batches(run.data, run.stage, seed=run.seed, epoch=epoch)):
            step = epoch * per_epoch + k
            for name, loss in _step(run, learners, batch, step, rate_factor(step, total)).items():
                sums[name] += loss / per_epoch
            progress.update(step + 1, f"epoch {epoch + 1}")
        states = {name: each.state() for name, each in learners.items()}
        save_checkpoint({"epoch": epoch + 1, "learners": states}, run.checkpoint)
        entry = {"epoch": epoch + 1, "loss": sums, "seconds": round(time.monotonic() - started, 1)}
        append_log(run.folder / "log.jsonl", entry | {"device": device_name(run.device)})


def device_name(device: torch.device) -> str:
    """What computed, for the records: the GPU's name, or how many CPU threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def rate_factor(step: int, total: int) -> float:
    """Share of the peak learning rate: a short linear rise, then half a cosine down to zero."""
    rise = max(1, round(_WARM_UP * total))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def _resume(run: Run, learners: Mapping[str, Learner]) -> int:
    state = load_checkpoint(run.checkpoint)
    if state is None:
        return 0
    if set(state["learners"]) != set(learners):
        raise TrainingError(
            f"{run.checkpoint} holds {', '.join(state['learners'])}, not {', '.join(learners)}: "
            "ask for the same upsamplers, or another folder"
        )
    for name, each in learners.items():
        each.restore(state["learners"][name])
    return int(state["epoch"])


def _step(
    run: Run, learners: Mapping[str, Learner], batch: Batch, step: int, factor: float
) -> dict[str, float]:
    label = batch.label.to(run.device)
    weights = run.class_weights.to(run.device)
    losses: dict[str, float] = {}
    half = run.device.type == "cuda"
    with torch.autocast(run.device.type, torch.bfloat16, enabled=half):
        prepared = run.prepare(batch.image.to(run.device))
    for name, each in learners.items():
        # Dropout must not depend on the learners before, nor on where a run was taken up again.
        torch.manual_seed(int(np.random.default_rng([run.seed, step]).integers(2**31)))
        with torch.autocast(run.device.type, torch.bfloat16, enabled=half):
            logits = run.logits(each.module, prepared)
        loss = F.cross_entropy(logits.float(), label, weights, ignore_index=IGNORE)
        losses[name] = loss.item()
        if not math.isfinite(losses[name]):
            raise TrainingError(
                f"the loss of {name} is {losses[name]} on the pictures {', '.join(batch.names)}; "
                f"the last whole epoch is kept in {run.checkpoint}"
            )
        _update(each, loss, factor)
    return losses


def _update(each: Learner, loss: Float[Tensor, ""], factor: float) -> None:
    for group in each.optimiser.param_groups:
        group["lr"] = factor * group["peak"]
    each.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # pyright: ignore[reportUnknownMemberType]
    nn.utils.clip_grad_norm_(each.module.parameters(), _GRADIENT_NORM)
    each.optimiser.step()
