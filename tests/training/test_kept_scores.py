"""The files of kept scores: those of every kind come back whole, and shipped ones are as they were."""

import hashlib
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dysample.models.manifest import load_manifest, pretrained_folder
from dysample.scores.evidence import EvidenceError, evidence_row
from dysample.scores.scorers import SCORERS
from dysample.training.evidence import ScoredRun, keep_scores, recipe_digest
from dysample.training.recipe import RECIPES, load_recipe
from tests.scores.objects import made_pair
from tests.scores.rows import CLASSES, ROWS, task
from tests.scores.test_panoptic import made_pair as made_maps

RECORD = {
    "upsampler": "carafe",
    "seed": 3,
    "trained": "heads",
    "trained_by": "",
    "trained_on": "",
    "minutes": 1.0,
}
SCORED = {"detection": CLASSES[1:], "instances": CLASSES[1:], "panoptic": CLASSES}


@pytest.mark.parametrize("kind", ROWS)
def test_kept_statistics_give_the_same_scores(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The row takes the place of segmentation's."""
    row, recipe = ROWS[kind], replace(load_recipe("everyday-segmentation"), task=task(SCORED[kind]))
    monkeypatch.setitem(SCORERS, "segmentation", row)
    scorer = row.scorer(recipe.task)
    for seed in range(15):
        pair = made_maps(seed) if kind == "panoptic" else made_pair(seed, with_masks=True)
        scorer.update(*pair)
    path = tmp_path / "heads-carafe-seed3.json"
    keep_scores(recipe, path, RECORD, scorer)
    record = json.loads(path.read_text())
    assert record["scores"].keys() >= {*row.headline, "per_class"}
    run = ScoredRun(path, record).statistics(recipe)
    expected = scorer.statistics()
    assert [kept.score for kept in run.statistics] == pytest.approx([each.score for each in expected])
    assert [kept.score for kept in run.statistics] == pytest.approx(
        [record["scores"][name] for name in row.headline]
    )
    weights = np.random.default_rng(0).integers(0, 3, (4, 15)).astype(float)
    for kept, each in zip(run.statistics, expected, strict=True):
        assert kept.resampled(weights).tolist() == pytest.approx(each.resampled(weights).tolist())
    made = evidence_row("carafe", [run], (), trained="heads", headline=row.headline)
    assert {len(value.per_class) for value in made.scores} == {len(SCORED[kind])}
    path.with_suffix(".npz").write_bytes(b"damaged")
    with pytest.raises(EvidenceError, match=r"seed3\.npz is missing or damaged"):
        ScoredRun(path, record).statistics(recipe)


@pytest.mark.parametrize("name", [task.name for task in load_manifest().tasks])
def test_shipped_statistics_come_back_as_they_are(name: str):
    recipe = load_recipe(name)
    path = sorted((pretrained_folder() / name / "runs").glob("*.json"))[0]
    statistics = ScoredRun(path, json.loads(path.read_text())).statistics(recipe).statistics
    headline = SCORERS[recipe.task.kind].headline
    with np.load(path.with_suffix(".npz")) as kept:
        expected = dict(kept)
    again = {
        f"{score}.{part}": values
        for score, each in zip(headline, statistics, strict=True)
        for part, values in each.arrays().items()
    }
    assert list(again) == list(expected)
    for key, values in again.items():
        assert values.dtype == expected[key].dtype
        assert np.array_equal(values, expected[key])


def test_values_that_a_recipe_leaves_out_leave_the_digest():
    """By hand: the digest of all that is in the recipe's file but its words."""
    recipe = load_recipe("everyday-segmentation")
    settings = tomllib.loads((RECIPES / "everyday-segmentation.toml").read_text(encoding="utf-8"))
    for key in ("title", "licence", "limits"):
        del settings[key]
    assert "things" not in settings
    expected = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    assert recipe_digest(recipe, "heads") == expected
    things = replace(recipe, task=replace(recipe.task, things=("cat",)))
    assert recipe_digest(things, "heads") != expected
