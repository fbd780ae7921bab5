"""Runs whose training is complete, by their folders."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from dysample.analysis.evidence import Trained
from dysample.training.checkpoint import CHECKPOINT, epochs_done, load_checkpoint
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
    return " ".join(("python -m dysample train", recipe.task, "--stage", stage, *options, *half))


def finished_runs(recipe: Recipe, runs: Path) -> tuple[FinishedRun, ...]:
    """All complete runs of a recipe, by their folders."""
    return tuple(_finished(recipe, runs))


def _finished(recipe: Recipe, runs: Path) -> Iterator[FinishedRun]:
    epochs = {"heads": recipe.head_stage.epochs, "whole": recipe.encoder_stage.epochs}
    for trained, stage in STAGES.items():
        for folder in sorted((runs / recipe.task / stage).glob("*-seed*")):
            if epochs_done(folder) >= epochs[stage]:
                upsampler, _, seed = folder.name.rpartition("-seed")
                yield FinishedRun(upsampler, int(seed), trained, folder)
