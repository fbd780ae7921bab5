"""Recipes, which define a training run, and the paper's ablations, both read from TOML files."""

import tomllib
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dysample.models.manifest import as_tuples
from dysample.models.tasks import Task
from dysample.ops.registry import canonical_name

RECIPES = Path(__file__).parent / "recipes"
_ABLATIONS = Path(__file__).parent / "ablations.toml"


@dataclass(frozen=True, slots=True)
class Stage:
    """Settings of one of the two training stages.

    Attributes:
        epochs: Passes over the training pictures.
        batch: Pictures per step.
        crop: Side of the square crop, in pixels; a multiple of 32.
        resize: Smallest and largest random enlargement before the crop.
        encoder_rate: Peak learning rate of the encoder.
        head_rate: Peak learning rate of the head.
        balance: Classes are weighted by their share of pixels to the power of minus this; 0 weights
            all alike.
    """

    epochs: int
    batch: int
    crop: int
    resize: tuple[float, float]
    encoder_rate: float
    head_rate: float
    balance: float


@dataclass(frozen=True, slots=True)
class CocoFiles:
    """Where a data set keeps truth in COCO's format.

    Paths are relative to the data set's folder, and "{split}" in them stands for the name of the split.

    Attributes:
        annotations: The JSON file, such as "annotations/instances_{split}2017.json".
        pictures: Folder that the `file_name` of every picture is relative to; empty for the data set's own.
        maps: Folder of the PNG files of panoptic truth; empty for one beside the JSON file, of its name.
    """

    annotations: str
    pictures: str = ""
    maps: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A task and how its networks are trained.

    Attributes:
        task: The task; its name is that of the recipe's file.
        train_sha256: Digest of the training split used for the shipped weights.
        test_sha256: Digest of the test split that the shipped weights were scored on.
        test_split: Name of the test split.
        start: Starting weights of the encoder: a path inside the data folder.
        frozen_norms: Keep the starting statistics of the encoder's normalisation layers.
        encoder_stage: Training of the whole network, with the task's reference or any other upsampler.
        head_stage: Training of the heads alone, on the frozen encoder.
        coco: Where the truth lies, for objects of a data set that has no row in `TRUTHS`.
    """

    task: Task
    train_sha256: str
    test_sha256: str
    test_split: str
    start: str
    frozen_norms: bool
    encoder_stage: Stage
    head_stage: Stage
    coco: CocoFiles | None = None

    def flat(self) -> dict[str, Any]:
        """Return all values under the keys of the recipe's file, without those that may be left out there."""
        own, task = _without_defaults(self), _without_defaults(self.task)
        del own["task"]
        return {"task": task.pop("name")} | task | own


def _without_defaults(record: "Recipe | Task") -> dict[str, Any]:
    values = asdict(record)
    return {
        field.name: values[field.name]
        for field in fields(record)
        if field.default is MISSING or field.default != getattr(record, field.name)
    }


def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes that come with the package."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))


def load_recipe(name: str) -> Recipe:
    """Read a recipe of the package by name, or any recipe file by path.

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
    """Make a recipe from a file's table, which mixes the keys of the task and of the recipe."""
    names = {field.name for field in fields(Task)} - {"name"}
    task = Task(name=table.pop("task"), **{key: table.pop(key) for key in names & table.keys()})
    stages = {key: Stage(**as_tuples(table.pop(key))) for key in ("encoder_stage", "head_stage")}
    coco = CocoFiles(**table.pop("coco")) if "coco" in table else None
    return Recipe(task=task, coco=coco, **stages, **table)


def check_own_networks(recipe: Recipe) -> None:
    """Check that a recipe's networks are its own to train.

    Raises:
        ValueError: They are those of another task.
    """
    task = recipe.task
    if task.networks:
        raise ValueError(
            f"{task.name} shares the networks of {task.networks}: train, sweep and pack {task.networks}, and "
            "evaluate either"
        )


def sharing_recipes(recipe: Recipe) -> tuple[Recipe, ...]:
    """Return the recipes of the package that share the networks of another."""
    others = (load_recipe(name) for name in recipe_names())
    return tuple(other for other in others if other.task.networks == recipe.task.name)


# --- Ablations ---


@dataclass(frozen=True, slots=True)
class Ablation:
    """Upsamplers that one table or figure of the paper compares.

    Attributes:
        name: Name of the table or figure, such as "table2".
        title: Title.
        recipe: Name of the recipe to train with.
        upsamplers: Canonical names, in the order of the paper.
    """

    name: str
    title: str
    recipe: str
    upsamplers: tuple[str, ...]


def ablations() -> tuple[Ablation, ...]:
    """Return all ablations, in the order of the paper."""
    with _ABLATIONS.open("rb") as file:
        tables = tomllib.load(file)
    return tuple(
        Ablation(name, table["title"], table["recipe"], tuple(map(canonical_name, table["upsamplers"])))
        for name, table in tables.items()
    )


def ablation(name: str) -> Ablation:
    """Return an ablation by name.

    Raises:
        ValueError: There is no ablation of that name.
    """
    known = {row.name: row for row in ablations()}
    if name not in known:
        raise ValueError(f"no ablation is called {name!r}; there are {', '.join(known)}")
    return known[name]
