"""Files that survive an interruption: written aside, then renamed."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


class DiskError(RuntimeError):
    """A file cannot be written; the message says why, and that the old one is whole."""


def write_aside(path: Path, data: bytes) -> None:
    """Write a file so that at any moment either the old or the new one is whole.

    Raises:
        DiskError: The disk is full, or the folder cannot be written to.
    """
    aside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(data)
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise DiskError(
            f"{path} could not be written ({error.strerror}); what was there before is whole"
        ) from error


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
