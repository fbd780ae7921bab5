"""Writing files: such as survive an interruption, and such as a command was asked for."""

import os
from pathlib import Path


class DiskError(OSError):
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
            f"{path} could not be written ({error.strerror or error}); what was there before is whole"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write what a command was asked to write, into folders that need not be there yet.

    Raises:
        ValueError: It cannot be written; the sentence says why.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}") from error
