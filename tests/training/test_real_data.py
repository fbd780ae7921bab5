"""Tests on the real data sets: `make test-data` with DYSAMPLE_DATA set to their folder."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from dysample.models.manifest import load_manifest
from dysample.training.data import PictureData
from dysample.training.recipe import load_recipe
from dysample.training.scoring import evaluate

pytestmark = pytest.mark.data

SPLITS = [
    ("street-segmentation", "train", 367),
    ("street-segmentation", "val", 101),
    ("street-segmentation", "test", 233),
    ("everyday-segmentation", "train", 660),
    ("everyday-segmentation", "val", 180),
    ("indoor-segmentation", "train", 795),
    ("indoor-segmentation", "test", 654),
]
FLOORS = {"street-segmentation": 0.60, "everyday-segmentation": 0.74}


def folder() -> Path:
    return Path(os.environ["DYSAMPLE_DATA"])


@pytest.mark.parametrize(("task", "split", "count"), SPLITS)
def test_splits_are_complete_and_labels_are_classes(task: str, split: str, count: int) -> None:
    recipe = load_recipe(task)
    data = PictureData(folder(), recipe.task.dataset, split, recipe.task.kind)
    assert len(data) == count
    for index in range(0, count, 20):
        values = np.unique(data[index].truth.classes)
        assert set(values.tolist()) <= {*range(len(recipe.task.classes)), 255}


@pytest.mark.parametrize("task", list(FLOORS))
def test_shipped_weights_reproduce_their_scores(task: str) -> None:
    manifest, recipe = load_manifest(), load_recipe(task)
    data = PictureData(folder(), recipe.task.dataset, recipe.test_split, recipe.task.kind)
    found = evaluate(manifest, task, ["bilinear"], data, device=torch.device("cpu"))["bilinear"]
    entry = manifest.entry(task, "bilinear")
    assert found.miou == pytest.approx(entry.miou, abs=1e-3)
    assert found.boundary_miou == pytest.approx(entry.boundary_miou, abs=1e-3)
    assert found.miou is not None
    assert found.miou >= FLOORS[task]
