"""What is kept of a run: its checkpoint and its log."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dysample.files import write_aside

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
