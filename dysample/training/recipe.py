"""Recipes: everything that decides a training run, read from a TOML file."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from dysample.models.manifest import Kind, as_tuples
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
        task: Name of the task, and of the recipe's file.
        kind: "segmentation" or "depth".
        title: Name for people.
        dataset: Folder of the data set.
        licence: What the data's owners allow, in one sentence.
        limits: What the networks have seen, and what not, for people.
        train_sha256: Digest of the training split that the shipped weights learned from.
        test_sha256: Digest of the test split that they were scored on.
        test_split: Split that is scored.
        classes: Names, in the order of the labels; none for depth.
        scored: Names of the classes that the headline score averages over.
        encoder: SMP name of the encoder.
        start: Starting weights of the encoder, below the data folder.
        mean: Subtracted from RGB in [0, 1].
        deviation: Divides it afterwards.
        context: Channels of the encoder's `ImageContext`; 0 for none.
        frozen_norms: Keep the encoder's normalisation statistics as they start.
        widths: Channels inside the head: one number for segmentation, five for depth, finest first.
        working_side: Longer side, in pixels, of the pictures as they are scored.
        encoder_stage: Whole network, with the bilinear upsampler or end to end with another.
        head_stage: Heads alone, on the frozen encoder.
    """

    task: str
    kind: Kind
    title: str
    dataset: str
    licence: str
    limits: str
    train_sha256: str
    test_sha256: str
    test_split: str
    classes: tuple[str, ...]
    scored: tuple[str, ...]
    encoder: str
    start: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    context: int
    frozen_norms: bool
    widths: tuple[int, ...]
    working_side: int
    encoder_stage: Stage
    head_stage: Stage


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
        for key in ("encoder_stage", "head_stage"):
            table[key] = Stage(**as_tuples(table[key]))
        recipe = Recipe(**as_tuples(table))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is not a complete recipe: {error}") from error
    if recipe.kind not in get_args(Kind):
        raise ValueError(f"{path.name}: kind must be one of {', '.join(get_args(Kind))}, got {recipe.kind!r}")
    return recipe


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
