"""What is known of runtimes from elsewhere."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parents[1] / "texts" / "runtimes.toml"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of a runtime.

    Attributes:
        name: The runtime.
        said: What is said of it, a sentence without its subject.
        source: Where it is said.
    """

    name: str
    said: str
    source: str


@cache
def limits() -> tuple[Limit, ...]:
    """All of them, in the order of the page."""
    return tuple(Limit(**each) for each in tomllib.loads(_FILE.read_text(encoding="utf-8"))["limit"])


def limit_words(limit: Limit) -> str:
    """One in a line, with its source."""
    thread = "/".join(limit.source.removeprefix("https://github.com/").split("/")[1:])
    number = thread.replace("/issues/", " #").replace("/pull/", " #")
    return f"**{limit.name}** {limit.said} [{number}]({limit.source})"
