"""The prose of the pages: a `texts.md` for each page, in sections under headings."""

from collections.abc import Mapping
from functools import cache

from app.pages import page_at


@cache
def sections(address: str) -> Mapping[str, str]:
    """Return the sections of a page's `texts.md` by their headings, in order."""
    return split(page_at(address).file.with_name("texts.md").read_text(encoding="utf-8"), "# ")


def split(text: str, mark: str) -> Mapping[str, str]:
    """Return the sections of a text by heading; headings begin with a mark, for example ``"## "``."""
    parts = (part.partition("\n") for part in text.strip().removeprefix(mark).split(f"\n{mark}"))
    return {heading.strip(): body.strip() for heading, _, body in parts}
