"""What questions say: the prose of `app/texts/quiz.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TEXT = Path(__file__).parents[1] / "texts" / "quiz.toml"


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one question; Markdown.

    Attributes:
        title: What it is about.
        given: What one has to know.
        ask: The question.
        why: The reason for the answer.
        page: Script of the page on which to go on, relative to `app/`.
        link: What there is to do.
    """

    title: str
    given: str
    ask: str
    why: str
    page: str
    link: str


@cache
def wordings() -> Mapping[str, Wording]:
    """The words of all questions by name, in the order of asking."""
    with _TEXT.open("rb") as file:
        return {name: Wording(**words) for name, words in tomllib.load(file).items()}
