"""How tasks of objects are scored, for tests of what a row of `SCORERS` is used for."""

from dataclasses import replace
from typing import Any

from dysample.models.tasks import Kind, Task
from dysample.scores.scorers import SCORERS, Scoring
from dysample.training.recipe import load_recipe

CLASSES = ("background", "cat", "cow", "dog")
_KINDS: tuple[Kind, ...] = ("detection", "instances", "panoptic")
ROWS: dict[Kind, Scoring[Any]] = {kind: SCORERS[kind] for kind in _KINDS}


def task(scored: tuple[str, ...] = CLASSES[1:]) -> Task:
    """A task with three classes of objects and one of stuff."""
    made = load_recipe("everyday-segmentation").task
    return replace(made, classes=CLASSES, scored=scored, things=CLASSES[1:])
