"""What components take as text: files joined into one, and pictures as addresses."""

import base64
from pathlib import Path


def read_joined(folder: Path, *names: str) -> str:
    """Return files of one kind as one text, in the order given.

    Inline scripts cannot import each other, so the scripts of a component become one module this way.

    Args:
        folder: Where the component lives.
        names: Paths of the files from there.
    """
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def png_data_uri(png: bytes) -> str:
    """Return a PNG as the address of an image element."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
