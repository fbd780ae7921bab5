"""Assets that components take as text: joined files, and pictures as data URIs."""

import base64
from pathlib import Path


def read_joined(folder: Path, *names: str) -> str:
    """Return files of one kind joined to one text, in the order given.

    Inline scripts cannot import each other, so the scripts of a component become one module this way.

    Args:
        folder: Folder of the component.
        names: Paths of the files, relative to the folder.
    """
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def png_data_uri(png: bytes) -> str:
    """Return a PNG as a data URI, for the source of an image element."""
    return _data_uri("image/png", png)


def jpeg_data_uri(jpeg: bytes) -> str:
    """Return a JPEG as a data URI, for the source of an image element."""
    return _data_uri("image/jpeg", jpeg)


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode("ascii")
