"""Training continues without the old runs: on the shipped encoder, with the kept scores."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dysample.cli import main
from dysample.models.manifest import load_manifest
from dysample.scores.evidence import EvidenceError, read_evidence
from dysample.training.data import PictureData
from dysample.training.evidence import ScoredRun, recipe_digest, scored_runs, trained_like
from dysample.training.recipe import load_recipe
from dysample.training.ship import pack, write_manifest
from tests.training.workshop import HEADS, make_workshop, part, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shipped weights and the scores of their runs, which are deleted."""
    folder = make_workshop(tmp_path_factory.mktemp("workshop"))
    assert evaluate(folder, "runs") == 0
    shutil.rmtree(folder / "runs")
    return folder


@pytest.fixture(autouse=True)
def _shipped(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(workshop / "pretrained"))


def evaluate(folder: Path, runs: str) -> int:
    where = ["--pretrained", str(folder / "pretrained"), "--runs", str(folder / runs)]
    return main(["evaluate", str(folder / "made.toml"), "--data", str(folder), *where])


def kept(workshop: Path) -> Path:
    return workshop / "pretrained" / "made-task" / "runs"


def test_another_seed_joins_the_evidence(workshop: Path) -> None:
    """Heads learn on the shipped encoder; the first seed counts through its kept scores."""
    names = ("bilinear", "dysample")
    assert run(workshop, "train", "--stage", "heads", "--upsampler", *names, "--seed", "1") == 0
    assert not part(workshop, "runs", "whole").exists()
    assert evaluate(workshop, "runs") == 0
    evidence = read_evidence(workshop / "pretrained" / "made-task" / "evidence.json")
    seeds = {row.upsampler: row.seeds for row in evidence.rows if row.trained == "heads"}
    assert seeds == {"nearest": (0,), "bilinear": (0, 1), "dysample": (0, 1)}


def test_a_head_is_packed_beside_the_encoder_that_it_learned_on(workshop: Path) -> None:
    before = load_manifest(workshop / "pretrained").entry("made-task", "")
    assert run(workshop, "train", "--stage", "heads", "--upsampler", "dysample-s", runs="more") == 0
    assert run(workshop, "pack", "--pretrained", str(workshop / "pretrained"), runs="more") == 0
    manifest = load_manifest(workshop / "pretrained")
    assert manifest.entry("made-task", "") == before
    assert [entry.upsampler for entry in manifest.heads("made-task")] == [*HEADS, "dysample-s"]


def test_a_task_that_is_packed_again_keeps_its_place(workshop: Path, tmp_path: Path) -> None:
    """The app offers the tasks in the order of the manifest."""
    shutil.copytree(workshop / "pretrained", tmp_path / "pretrained")
    known = load_manifest(tmp_path / "pretrained")
    other = replace(known.tasks[0], name="other-task")
    rows = tuple(replace(entry, task="other-task") for entry in known.weights)
    write_manifest(replace(known, tasks=(*known.tasks, other), weights=(*known.weights, *rows)))
    assert run(workshop, "train", "--stage", "heads", "--upsampler", "dysample", runs="place") == 0
    recipe = load_recipe(str(workshop / "made.toml"))
    pack(recipe, workshop / "place", tmp_path / "pretrained", seed=0)
    found = load_manifest(tmp_path / "pretrained")
    assert [task.name for task in found.tasks] == ["made-task", "other-task"]
    assert [each.task for each in found.weights] == [each.task for each in (*known.weights, *rows)]


def test_a_sweep_trains_only_what_has_no_scores(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", str(workshop), "--pretrained", str(workshop / "pretrained"), "--seeds", "0"]
    where = ["--runs", str(workshop / "fresh"), "--device", "cpu", "--upsamplers", "nearest", "bilinear"]
    assert main(["sweep", str(workshop / "made.toml"), *options, *where]) == 0
    assert capsys.readouterr().out.count("its scores are kept") == 2
    assert not (workshop / "fresh").exists()


def test_scores_of_another_recipe_or_of_other_pictures_do_not_count(workshop: Path) -> None:
    recipe = load_recipe(str(workshop / "made.toml"))
    digest = PictureData(workshop, "camvid", "test", "segmentation").digest
    assert {found.trained for found in scored_runs(recipe, kept(workshop), digest)} == {"heads", "end-to-end"}
    assert scored_runs(recipe, kept(workshop), "other") == ()
    text = (workshop / "made.toml").read_text()
    (workshop / "longer.toml").write_text(text.replace("epochs = 2", "epochs = 3"))
    assert scored_runs(load_recipe(str(workshop / "longer.toml")), kept(workshop), digest) == ()
    (workshop / "titled.toml").write_text(text.replace('title = "Made"', 'title = "Named"'))
    assert recipe_digest(load_recipe(str(workshop / "titled.toml")), "heads") == recipe_digest(
        recipe, "heads"
    )


def test_an_ablation_leaves_out_what_was_trained_otherwise() -> None:
    made = [("dysample@groups=1", "heads"), ("dysample", "heads"), ("dysample", "end-to-end")]
    runs = [ScoredRun(Path(), {"upsampler": name, "trained": trained}) for name, trained in made]
    assert trained_like(runs, "dysample@groups=1") == tuple(runs[:2])
    assert trained_like(runs, "dysample") == tuple(runs)


def test_a_damaged_record_is_named(workshop: Path, tmp_path: Path) -> None:
    recipe = load_recipe(str(workshop / "made.toml"))
    path = tmp_path / "heads-bilinear-seed0.json"
    for text, sentence in (("{", "is damaged"), (json.dumps({"seed": 0}), "does not say")):
        path.write_text(text)
        with pytest.raises(EvidenceError, match=rf"heads-bilinear-seed0\.json {sentence}"):
            scored_runs(recipe, tmp_path, "")
    data = PictureData(workshop, "camvid", "test", "segmentation")
    found = scored_runs(recipe, kept(workshop), data.digest)[0]
    shutil.copy(found.path, path)
    with pytest.raises(EvidenceError, match=r"statistics\.xz is missing or damaged"):
        ScoredRun(path, found.record).statistics(recipe)
