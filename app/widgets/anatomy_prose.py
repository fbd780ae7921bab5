"""The Anatomy page's prose: files of sections under headings, of which one is shown at a time."""

from collections.abc import Mapping
from pathlib import Path

_TEXTS = Path(__file__).parents[1] / "texts"


def sections(name: str) -> Mapping[str, str]:
    """The sections of a text by their headings, in order."""
    text = (_TEXTS / f"{name}.md").read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in text.removeprefix("## ").split("\n## "))
    return {heading.strip(): body.strip() for heading, _, body in parts}
