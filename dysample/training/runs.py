"""Runs whose training is complete, by their folders."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dysample.files import write_aside
from dysample.scores.evidence import Trained
from dysample.training.recipe import Recipe

STAGES: dict[Trained, str] = {"heads": "heads", "end-to-end": "whole"}


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run whose training is complete.

    Attributes:
        upsampler: Its name, or a variant's.
        seed: Of the training.
        trained: What of the network was trained.
        folder: Where it is kept.
    """

    upsampler: str
    seed: int
    trained: Trained
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """Of the last epoch."""
        return self.folder / CHECKPOINT

    @property
    def stage(self) -> str:
        """What the command line calls it."""
        return STAGES[self.trained]

    @property
    def name(self) -> str:
        """Of the run's own record."""
        return f"{self.stage}-{self.folder.name}"

    def module(self) -> dict[str, Tensor]:
        """The weights: of a head alone, or of encoder and head."""
        state = load_checkpoint(self.checkpoint)
        return {} if state is None else state["module"]

    def digest(self) -> str:
        """SHA-256 of the checkpoint."""
        return hashlib.sha256(self.checkpoint.read_bytes()).hexdigest()


def training_command(recipe: Recipe, stage: str, *options: str, device: str) -> str:
    """The command that trains such a run, in the precision that `device_name` told."""
    half = ("--bfloat16",) if device.endswith("bfloat16") else ()
    return " ".join(("python -m dysample train", recipe.task.name, "--stage", stage, *options, *half))


def finished_runs(recipe: Recipe, runs: Path) -> tuple[FinishedRun, ...]:
    """All complete runs of a recipe, by their folders."""
    return tuple(_finished(recipe, runs))


def _finished(recipe: Recipe, runs: Path) -> Iterator[FinishedRun]:
    epochs = {"heads": recipe.head_stage.epochs, "whole": recipe.encoder_stage.epochs}
    for trained, stage in STAGES.items():
        for folder in sorted((runs / recipe.task.name / stage).glob("*-seed*")):
            if epochs_done(folder) >= epochs[stage]:
                upsampler, _, seed = folder.name.rpartition("-seed")
                yield FinishedRun(upsampler, int(seed), trained, folder)


# Where runs are kept, and which of them all heads of a task rest on.


BASELINE = "bilinear"
ENCODER_SEED = 0  # all heads of a task learn on the encoder of this run


def whole_folder(recipe: Recipe, runs: Path, upsampler: str, seed: int) -> Path:
    """Where `train_whole` keeps a run."""
    return runs / recipe.task.name / "whole" / f"{upsampler}-seed{seed}"


def head_folder(recipe: Recipe, runs: Path, upsampler: str, seed: int) -> Path:
    """Where `train_heads` keeps one head."""
    return runs / recipe.task.name / "heads" / f"{upsampler}-seed{seed}"


def encoder_folder(recipe: Recipe, runs: Path) -> Path:
    """Where the run is kept that leaves the encoder for all heads."""
    return whole_folder(recipe, runs, BASELINE, ENCODER_SEED)


# What is kept of a run: its checkpoint and its log.


CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint aside, then rename it.

    Raises:
        DiskError: As `write_aside`.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_aside(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint, tensors only; `None` where there is none yet."""
    if not path.is_file():
        return None
    return torch.load(path, weights_only=True, map_location="cpu")


def part_of(module: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights of a part of a module, by their names inside of it; `prefix` ends with a dot."""
    return {key.removeprefix(prefix): value for key, value in module.items() if key.startswith(prefix)}


def epochs_done(folder: Path) -> int:
    """How many epochs a run has been trained, by its checkpoint; 0 where there is none."""
    state = load_checkpoint(folder / CHECKPOINT)
    return 0 if state is None else int(state["epoch"])


def append_log(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one line of JSON to a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def training_time(folder: Path) -> tuple[str, float]:
    """What a run was trained on, and how many minutes it took."""
    log = read_log(folder / LOG)
    return log[-1]["device"], sum(entry["seconds"] for entry in log) / 60


def read_log(path: Path) -> list[dict[str, Any]]:
    """The entries of a log, oldest first; none if it does not exist."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
