"""Files that survive an interruption: written aside, then renamed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint so that at any moment either the old or the new one is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    torch.save(dict(state), aside)
    os.replace(aside, path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint, tensors only; `None` where there is none yet."""
    if not path.is_file():
        return None
    return torch.load(path, weights_only=True, map_location="cpu")


def append_log(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one line of JSON to a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The entries of a log, oldest first; none if it does not exist."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
