"""The paper's ablations: which upsamplers each compares."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from dysample.ops.registry import canonical_name

_FILE = Path(__file__).parent / "ablations.toml"


@dataclass(frozen=True, slots=True)
class Ablation:
    """One table or figure of the paper, to be repeated.

    Attributes:
        name: Of the table or figure, such as "table2".
        title: For people.
        recipe: What it is trained with.
        upsamplers: Canonical names, in the order of the paper.
    """

    name: str
    title: str
    recipe: str
    upsamplers: tuple[str, ...]


def ablations() -> tuple[Ablation, ...]:
    """All of them, in the order of the paper; their upsamplers have their canonical names."""
    with _FILE.open("rb") as file:
        tables = tomllib.load(file)
    return tuple(
        Ablation(name, table["title"], table["recipe"], tuple(map(canonical_name, table["upsamplers"])))
        for name, table in tables.items()
    )


def ablation(name: str) -> Ablation:
    """Look one up.

    Raises:
        ValueError: There is none of that name.
    """
    found = {each.name: each for each in ablations()}
    if name not in found:
        raise ValueError(f"no ablation is called {name!r}; there are {', '.join(found)}")
    return found[name]
