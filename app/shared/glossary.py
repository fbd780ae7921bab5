"""The glossary: short definitions of the course's words, which open where they stand."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("glossary.toml")


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the glossary, and what it means; both plain text."""

    title: str
    meaning: str


@cache
def terms() -> Mapping[str, Term]:
    """Return the terms by the name that links to them have after ``#term-``."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return {name: Term(**row) for name, row in table.items()}


def listed() -> str:
    """Return the whole glossary in Markdown, in alphabetical order."""
    rows = sorted(terms().values(), key=lambda term: term.title.lower())
    return "\n\n".join(f"**{row.title}**: {row.meaning}" for row in rows)
