"""The folders of runs: where they lie, their checkpoints and logs, and which of them are complete."""

import hashlib
import io
import json
import os
import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from dysample.files import write_aside
from dysample.scores.evidence import Trained
from dysample.training.recipe import Recipe

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

STAGES: dict[Trained, str] = {"heads": "heads", "end-to-end": "whole"}
ENCODER_SEED = 0  # all heads of a task learn on the encoder of this run
CHECKPOINT, LOG, LOCK = "checkpoint.pt", "log.jsonl", "lock"


class RunError(ValueError):
    """The folder of a run is in use, or a file in it is torn; the message names it and says what to do."""


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
    unusual = {", bfloat16": ("--bfloat16",), ", float32": ("--precision", "float32")}
    precision = next((words for end, words in unusual.items() if device.endswith(end)), ())
    return " ".join(("python -m dysample train", recipe.task.owner, "--stage", stage, *options, *precision))


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
    """Read a checkpoint, tensors only; return None if there is none yet.

    Raises:
        RunError: The file is torn, or no checkpoint.
    """
    if not path.is_file():
        return None
    try:
        state: Any = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # archives, pickles and tensors raise all kinds
        raise _torn(path, type(error).__name__) from error
    if not isinstance(state, dict) or not {"epoch", "module"} <= state.keys():
        raise _torn(path, "it holds something else")
    return cast(dict[str, Any], state)


def _torn(path: Path, reason: str) -> "RunError":
    return RunError(
        f"{path} is torn or no checkpoint ({reason}): put a whole copy in its place, or move it away to "
        "train this run from its beginning"
    )


def part_of(module: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights of a submodule under their names within it; `prefix` ends with a dot."""
    return {key.removeprefix(prefix): value for key, value in module.items() if key.startswith(prefix)}


def epochs_done(folder: Path) -> int:
    """Return the number of finished epochs of a run by its checkpoint; 0 if there is none."""
    state = load_checkpoint(folder / CHECKPOINT)
    return 0 if state is None else int(state["epoch"])


def append_log(path: Path, entry: Mapping[str, Any]) -> None:
    """Append one line of JSON to a log, below a line that was torn off, if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.is_file() and path.read_bytes()[-1:] not in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * torn + json.dumps(entry) + "\n")


def training_time(folder: Path) -> tuple[str, float]:
    """Return the device that a run was trained on, and the minutes it took.

    Raises:
        RunError: The log is missing, or torn.
    """
    log = read_log(folder / LOG)
    if not log:
        raise RunError(f"{folder / LOG} is missing or empty: it says where the run was trained, and how long")
    return log[-1]["device"], sum(entry["seconds"] for entry in log) / 60


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a log, oldest first; none if the log does not exist.

    Raises:
        RunError: A line is torn, or no entry.
    """
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [_entry(path, number, line) for number, line in enumerate(lines, start=1)]


def _entry(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict) or not {"epoch", "device", "seconds"} <= entry.keys():
        raise RunError(
            f"line {number} of {path} is torn or no entry of a log, {line!r:.60}: take the line out; all "
            "other epochs are whole"
        )
    return cast(dict[str, Any], entry)


# --- One process for each folder ---


@contextmanager
def alone_in(folder: Path) -> Generator[None]:
    """Keep other trainings out of a run's folder while this one lasts.

    The system takes the lock off a process that has ended, however it ended. Where it has no such locks
    (Windows), nothing is locked.

    Raises:
        RunError: Another process trains there.
    """
    if fcntl is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            other = file.read().strip() or "another process"
            raise RunError(f"{folder} is in use by {other}, which trains there: wait, or end it") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)  # never removed: another process may have it open already
