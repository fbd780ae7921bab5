"""Recipes: everything that decides a training run, read from a TOML file."""

import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dysample.models.manifest import as_tuples
from dysample.models.tasks import Task
from dysample.ops.registry import canonical_name

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True)
class Stage:
    """How one of the two stages is trained.

    Attributes:
        epochs: Passes over the training pictures.
        batch: Pictures a step.
        crop: Side of the square crop, in pixels; a multiple of 32.
        resize: Smallest and largest random enlargement of a picture before it is cropped.
        encoder_rate: Peak learning rate of the encoder.
        head_rate: Peak learning rate of the head.
        balance: Classes are weighted by their share of pixels to the power of minus this; 0 leaves
            them as they are.
    """

    epochs: int
    batch: int
    crop: int
    resize: tuple[float, float]
    encoder_rate: float
    head_rate: float
    balance: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """A task and how its weights are made.

    Attributes:
        task: What the networks have in common; its name is that of the recipe's file.
        train_sha256: Digest of the training split that the shipped weights learned from.
        test_sha256: Digest of the test split that they were scored on.
        test_split: Split that is scored.
        start: Starting weights of the encoder, below the data folder.
        frozen_norms: Keep the encoder's normalisation statistics as they start.
        encoder_stage: Whole network, with the bilinear upsampler or end to end with another.
        head_stage: Heads alone, on the frozen encoder.
    """

    task: Task
    train_sha256: str
    test_sha256: str
    test_split: str
    start: str
    frozen_norms: bool
    encoder_stage: Stage
    head_stage: Stage

    def flat(self) -> dict[str, Any]:
        """Return everything under the keys that the recipe's file has."""
        own = asdict(self)
        task: dict[str, Any] = own.pop("task")
        return {"task": task.pop("name")} | task | own


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))


def load_recipe(name: str) -> Recipe:
    """Read a recipe of the package by its name, or any file by its path.

    Raises:
        ValueError: There is no such recipe, or a key is missing or unknown.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.is_file():
        raise ValueError(f"no recipe is called {name!r}; there are {', '.join(recipe_names())}")
    with path.open("rb") as file:
        table = tomllib.load(file)
    try:
        return _recipe(as_tuples(table))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is not a complete recipe: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _recipe(table: dict[str, Any]) -> Recipe:
    """A recipe of a file's table, whose keys are the task's and the recipe's own side by side."""
    names = {field.name for field in fields(Task)} - {"name"}
    task = Task(name=table.pop("task"), **{key: table.pop(key) for key in names & table.keys()})
    stages = {key: Stage(**as_tuples(table.pop(key))) for key in ("encoder_stage", "head_stage")}
    return Recipe(task=task, **stages, **table)


# The paper's ablations: which upsamplers each compares.


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
