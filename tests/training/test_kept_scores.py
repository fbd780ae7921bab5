"""The files of kept scores: those of every kind come back whole, and shipped ones say what records say."""

import hashlib
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dysample.models.annotations import Labels
from dysample.models.manifest import load_manifest, pretrained_folder
from dysample.scores.evidence import EvidenceError, evidence_row
from dysample.scores.scorers import SCORERS
from dysample.training.evidence import STATISTICS, ScoredRun, fold_runs, keep_scores, recipe_digest
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
    "data_sha256": "",
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
    fold_runs(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {path.name, "statistics.xz"}
    folded = ScoredRun(path, record).statistics(recipe)
    for kept, each in zip(folded.statistics, run.statistics, strict=True):
        assert kept.per_class == each.per_class
        assert np.array_equal(kept.resampled(weights), each.resampled(weights))
    path.with_suffix(".npz").write_bytes(b"damaged")
    with pytest.raises(EvidenceError, match=r"seed3\.npz is missing or damaged"):
        ScoredRun(path, record).statistics(recipe)
    path.with_suffix(".npz").unlink()
    (tmp_path / "statistics.xz").write_bytes(b"damaged, all of it")
    with pytest.raises(EvidenceError, match=r"statistics\.xz is missing or damaged \(.*format.*\): take it"):
        ScoredRun(path, record).statistics(recipe)


@pytest.mark.parametrize("name", [task.name for task in load_manifest().tasks])
def test_shipped_statistics_are_whole_small_and_have_the_scores_of_the_records(name: str):
    recipe, folder = load_recipe(name), pretrained_folder() / name / "runs"
    headline = SCORERS[recipe.task.kind].headline
    records = {path: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    for path, record in records.items():
        statistics = ScoredRun(path, record).statistics(recipe).statistics
        for score, kept in zip(headline, statistics, strict=True):
            assert kept.score == pytest.approx(record["scores"][score], abs=1e-12)
    assert set(folder.iterdir()) == {*records, folder / STATISTICS}
    assert (folder / STATISTICS).stat().st_size < 40_000 * len(records)


def test_runs_are_folded_once_and_added_to(tmp_path: Path):
    """Statistics beside a record are those of the newest scoring."""
    recipe, made = load_recipe("everyday-segmentation"), {}
    for seed, shift in ((0, 0), (1, 0), (1, 5)):
        scorer = SCORERS["segmentation"].scorer(recipe.task)
        labels = np.random.default_rng(seed).integers(0, 7, (8, 8)).astype(np.uint8)
        scorer.update(Labels(np.roll(labels, 1 + shift)), Labels(labels))
        path = tmp_path / f"heads-carafe-seed{seed}.json"
        record = RECORD | {"seed": seed}
        keep_scores(recipe, path, record, scorer)
        made[path] = scorer.score().miou
        fold_runs(tmp_path)
        before = (tmp_path / STATISTICS).read_bytes()
        fold_runs(tmp_path)
        assert (tmp_path / STATISTICS).read_bytes() == before
    for path, expected in made.items():
        assert ScoredRun(path, RECORD).statistics(recipe).statistics[0].score == pytest.approx(expected)
    other = ScoredRun(tmp_path / "heads-carafe-seed7.json", RECORD)
    with pytest.raises(
        EvidenceError, match=r"statistics\.xz has no statistics of heads-carafe-seed7: delete"
    ):
        other.statistics(recipe)


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
