"""Training on made-up data: it learns, survives interruptions, refuses what it must."""

import errno
import itertools
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_data import make_data, make_recipe, make_start
from torch import nn

from dysample.analysis.evidence import read_evidence
from dysample.cli import main
from dysample.models.manifest import load_manifest
from dysample.models.weights import load_host
from dysample.training import loop, stages
from dysample.training.checkpoint import load_checkpoint, read_log, save_checkpoint
from dysample.training.datasets import DataError, PictureData, data_folder
from dysample.training.networks import make_encoder, make_head
from dysample.training.recipe import load_recipe

HEADS = ("nearest", "bilinear", "dysample")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, starting weights, recipe, and a finished run of both stages, packed and scored."""
    folder = tmp_path_factory.mktemp("workshop")
    make_data(folder)
    make_start(folder)
    make_recipe(folder)
    assert run(folder, "train", "--upsampler", *HEADS) == 0
    assert run(folder, "pack", "--pretrained", str(folder / "pretrained")) == 0
    return folder


def run(folder: Path, verb: str, *options: str, runs: str = "runs") -> int:
    where = [] if verb == "evaluate" else ["--runs", str(folder / runs)]
    return main([verb, str(folder / "made.toml"), "--data", str(folder), *where, *options])


def part(folder: Path, runs: str, stage: str, name: str = "bilinear") -> Path:
    return folder / runs / "made-task" / stage / f"{name}-seed0"


def ends_alike(first: Path, second: Path) -> None:
    ends = [load_checkpoint(folder / "checkpoint.pt") for folder in (first, second)]
    assert ends[0] is not None
    assert ends[1] is not None
    for key, value in ends[0]["module"].items():
        torch.testing.assert_close(ends[1]["module"][key], value, msg=key)


def test_losses_fall_and_every_epoch_is_logged(workshop: Path) -> None:
    for stage, names in (("whole", ("bilinear",)), ("heads", HEADS)):
        for name in names:
            log = read_log(part(workshop, "runs", stage, name) / "log.jsonl")
            assert [entry["epoch"] for entry in log] == [1, 2]
            assert log[1]["loss"] < log[0]["loss"]
            assert all(entry["seconds"] >= 0 for entry in log)


def test_packed_weights_load_offline_and_give_the_scores_of_the_manifest(
    workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(workshop / "pretrained"))
    manifest = load_manifest()
    scores = json.loads((workshop / "pretrained" / "made-task" / "scores.json").read_text())
    data = PictureData(workshop, "camvid", "test")
    for name in HEADS:
        host = load_host("made-task", upsampler=name)
        correct = np.zeros((2, 2), np.int64)
        for index in range(len(data)):
            picture = data[index]
            with torch.no_grad():
                logits = host(torch.from_numpy(picture.image).permute(2, 0, 1)[None].float() / 255)
            guess = logits.argmax(1)[0].numpy()
            known = picture.label != 255
            for true in range(2):
                for said in range(2):
                    correct[true, said] += int(((picture.label == true) & (guess == said) & known).sum())
        union = correct.sum(0) + correct.sum(1) - correct.diagonal()
        expected = float((correct.diagonal() / union).mean())
        assert manifest.entry("made-task", name).miou == pytest.approx(expected)
        assert scores["scores"][name]["miou"] == pytest.approx(expected)


def test_finished_runs_become_evidence(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scores of the runs are those of the shipped weights, up to their rounding; scored once only."""
    pretrained = workshop / "pretrained"
    both = ("--pretrained", str(pretrained), "--runs", str(workshop / "runs"))
    assert main(["evaluate", str(workshop / "made.toml"), "--data", str(workshop), *both]) == 0
    assert "| Bilinear" in capsys.readouterr().out
    evidence = read_evidence(pretrained / "made-task" / "evidence.json")
    shipped = json.loads((pretrained / "made-task" / "scores.json").read_text())["scores"]
    rows = {(row.upsampler, row.trained): row for row in evidence.rows}
    assert set(rows) == {("bilinear", "end-to-end"), *((name, "heads") for name in HEADS)}
    for name in HEADS:
        row = rows[name, "heads"]
        assert row.scores[0].spread.values[0] == pytest.approx(shipped[name]["miou"], abs=0.02)
        assert (row.scores[0].difference is None) == (name == "bilinear")
        record = json.loads((pretrained / "made-task" / "runs" / f"heads-{name}-seed0.json").read_text())
        assert record["scores"]["miou"] == row.scores[0].spread.values[0]
        assert record["trained_by"].endswith(f"--upsampler {name} --seed 0")
    before = (part(workshop, "runs", "heads") / "scores.json").stat().st_mtime_ns
    assert main(["evaluate", str(workshop / "made.toml"), "--data", str(workshop), *both]) == 0
    assert (part(workshop, "runs", "heads") / "scores.json").stat().st_mtime_ns == before


def test_shipped_matrices_are_half_and_vectors_single(workshop: Path) -> None:
    from safetensors.torch import load_file

    tensors = load_file(workshop / "pretrained" / "made-task" / "encoder.safetensors")
    assert {t.dtype for t in tensors.values() if t.ndim > 1} == {torch.float16}
    assert {t.dtype for t in tensors.values() if t.ndim == 1} == {torch.float32}


@pytest.mark.parametrize("stage", ["whole", "heads"])
def test_an_interrupted_run_ends_like_one_that_was_not(
    workshop: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the second epoch, it repeats that epoch and arrives at the same weights."""
    again = f"again-{stage}"
    shutil.rmtree(workshop / again, ignore_errors=True)
    names = HEADS if stage == "heads" else ("bilinear",)
    if stage == "heads":
        shutil.copytree(part(workshop, "runs", "whole"), part(workshop, again, "whole"))
    options = ("--stage", stage, "--upsampler", *names)
    original, steps = loop._step, iter(range(100))

    def killed(*arguments: Any) -> None:
        if next(steps) == 3:
            raise KeyboardInterrupt
        original(*arguments)

    monkeypatch.setattr(loop, "_step", killed)
    assert run(workshop, "train", *options, runs=again) == 130
    monkeypatch.setattr(loop, "_step", original)
    assert run(workshop, "train", *options, runs=again) == 0
    for name in names:
        ends_alike(part(workshop, "runs", stage, name), part(workshop, again, stage, name))


def test_a_head_does_not_depend_on_the_heads_beside_it(workshop: Path) -> None:
    """One that is trained alone, and one that joins when another is done, end like those trained together."""
    shutil.rmtree(workshop / "alone", ignore_errors=True)
    shutil.copytree(part(workshop, "runs", "whole"), part(workshop, "alone", "whole"))
    for names in (["dysample"], ["dysample", "nearest"]):
        assert run(workshop, "train", "--stage", "heads", "--upsampler", *names, runs="alone") == 0
        for name in names:
            ends_alike(part(workshop, "runs", "heads", name), part(workshop, "alone", "heads", name))


def test_heads_of_a_seed_start_alike_outside_their_upsamplers(workshop: Path) -> None:
    recipe = load_recipe(str(workshop / "made.toml"))
    encoder = make_encoder(recipe)
    first, second = (make_head(recipe, encoder, name, 7) for name in ("bilinear", "dysample+"))
    mine = second.state_dict()
    for key, value in first.state_dict().items():
        torch.testing.assert_close(mine[key], value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("train", "no-such-recipe", "--data", "."), "no recipe is called 'no-such-recipe'"),
        (("train", "street-segmentation", "--data", "/nowhere/at/all"), "'/nowhere/at/all' does not exist"),
        (("evaluate", "street-segmentation", "--data", "."), "camvid has no test.txt"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence(
    options: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*options]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert "Traceback" not in printed


def test_absent_data_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    with pytest.raises(DataError, match="give --data FOLDER or set DYSAMPLE_DATA"):
        data_folder()


def test_heads_before_the_encoder_are_refused(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(workshop, "train", "--stage", "heads", runs="empty") == 2
    assert "--stage encoder" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_its_head_and_names_the_pictures(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The head beside it is trained to its end."""
    shutil.copytree(part(workshop, "runs", "whole"), part(workshop, "nan", "whole"))
    original = stages.decode

    def broken(head: nn.Module, *arguments: Any) -> Any:
        found = original(head, *arguments)  # pyright: ignore[reportArgumentType]
        if head.spec.label != "Nearest":  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
            return found
        return replace(found, output=found.output * float("nan"))

    monkeypatch.setattr(stages, "decode", broken)
    assert run(workshop, "train", "--stage", "heads", "--upsampler", "nearest", "dysample", runs="nan") == 2
    printed = capsys.readouterr().err
    assert "the loss of nearest is nan on the pictures p" in printed
    assert "Traceback" not in printed
    assert not (part(workshop, "nan", "heads", "nearest") / "checkpoint.pt").exists()
    ends_alike(part(workshop, "runs", "heads", "dysample"), part(workshop, "nan", "heads", "dysample"))


def test_a_full_disk_leaves_the_last_whole_epoch(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = part(workshop, "full", "whole")
    shutil.copytree(part(workshop, "runs", "whole"), folder)
    path = folder / "checkpoint.pt"
    state = load_checkpoint(path)
    assert state is not None
    save_checkpoint(state | {"epoch": 1}, path)
    before = path.read_bytes()
    original = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.parent == folder:
            original(self, data[:1000])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert run(workshop, "train", "--stage", "encoder", runs="full") == 2
    printed = capsys.readouterr().err
    assert "No space left on device" in printed
    assert "what was there before is whole" in printed
    assert path.read_bytes() == before
    assert not list(folder.glob("*.part"))


def test_the_rate_rises_then_falls_to_nothing() -> None:
    factors = [loop.rate_factor(step, 100) for step in range(100)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(a >= b for a, b in itertools.pairwise(factors[5:]))
    assert factors[-1] < 0.01
