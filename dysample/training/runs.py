"""The folders of runs: where they lie, their checkpoints and logs, and which of them are complete."""

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
ENCODER_SEED = 0  # all heads of a task learn on the encoder of this run
CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run whose training is complete.

    Attributes:
        upsampler: Name of the upsampler, or of a variant of one.
        seed: Seed of the training.
        trained: The part of the network that was trained.
        folder: Folder of the run.
    """

    upsampler: str
    seed: int
    trained: Trained
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """Path of the checkpoint of the last epoch."""
        return self.folder / CHECKPOINT

    @property
    def stage(self) -> str:
        """Name of the stage on the command line."""
        return STAGES[self.trained]

    @property
    def name(self) -> str:
        """Name of the run's record of scores."""
        return f"{self.stage}-{self.folder.name}"

    def module(self) -> dict[str, Tensor]:
        """Load the weights: those of a head alone, or of encoder and head."""
        state = load_checkpoint(self.checkpoint)
        return {} if state is None else state["module"]

    def digest(self) -> str:
        """Return the SHA-256 of the checkpoint."""
        return hashlib.sha256(self.checkpoint.read_bytes()).hexdigest()


def training_command(recipe: Recipe, stage: str, *options: str, device: str) -> str:
    """Return the command that trains such a run, in the precision that `device` (a `device_name`) states."""
    half = ("--bfloat16",) if device.endswith("bfloat16") else ()
    return " ".join(("python -m dysample train", recipe.task.owner, "--stage", stage, *options, *half))


def finished_runs(recipe: Recipe, runs: Path) -> tuple[FinishedRun, ...]:
    """Return all complete runs of a recipe, ordered by folder."""
    return tuple(_finished(recipe, runs))


def _finished(recipe: Recipe, runs: Path) -> Iterator[FinishedRun]:
    epochs = {"heads": recipe.head_stage.epochs, "whole": recipe.encoder_stage.epochs}
    for trained, stage in STAGES.items():
        for folder in sorted((runs / recipe.task.owner / stage).glob("*-seed*")):
            if epochs_done(folder) >= epochs[stage]:
                upsampler, _, seed = folder.name.rpartition("-seed")
                yield FinishedRun(upsampler, int(seed), trained, folder)


# --- Folders ---


def whole_folder(recipe: Recipe, runs: Path, upsampler: str, seed: int) -> Path:
    """Return the folder of a run of `train_whole`."""
    return runs / recipe.task.owner / "whole" / f"{upsampler}-seed{seed}"


def head_folder(recipe: Recipe, runs: Path, upsampler: str, seed: int) -> Path:
    """Return the folder of one head of `train_heads`."""
    return runs / recipe.task.owner / "heads" / f"{upsampler}-seed{seed}"


def encoder_folder(recipe: Recipe, runs: Path) -> Path:
    """Return the folder of the run whose encoder all heads use."""
    return whole_folder(recipe, runs, recipe.task.reference, ENCODER_SEED)


# --- Checkpoints and logs ---


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint atomically.

    Raises:
        DiskError: The file cannot be written; the previous checkpoint is intact.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_aside(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint, tensors only; return None if there is none yet."""
    if not path.is_file():
        return None
    return torch.load(path, weights_only=True, map_location="cpu")


def part_of(module: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights of a submodule under their names within it; `prefix` ends with a dot."""
    return {key.removeprefix(prefix): value for key, value in module.items() if key.startswith(prefix)}


def epochs_done(folder: Path) -> int:
    """Return the number of finished epochs of a run by its checkpoint; 0 if there is none."""
    state = load_checkpoint(folder / CHECKPOINT)
    return 0 if state is None else int(state["epoch"])


def append_log(path: Path, entry: Mapping[str, Any]) -> None:
    """Append one line of JSON to a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def training_time(folder: Path) -> tuple[str, float]:
    """Return the device that a run was trained on, and the minutes it took."""
    log = read_log(folder / LOG)
    return log[-1]["device"], sum(entry["seconds"] for entry in log) / 60


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a log, oldest first; none if the log does not exist."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
