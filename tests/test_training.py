"""Training on made-up data: it learns, survives interruptions, refuses what it must."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from made_data import make_data, make_recipe, make_start

from dysample.cli import main
from dysample.models.weights import load_host, load_manifest
from dysample.training import loop
from dysample.training.checkpoint import load_checkpoint, read_log
from dysample.training.datasets import DataError, SegmentationData, data_folder
from dysample.training.recipe import load_recipe
from dysample.training.stages import make_encoder, make_head

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


def test_losses_fall_and_every_epoch_is_logged(workshop: Path) -> None:
    for stage, names in (("encoder", {"bilinear"}), ("heads", set(HEADS))):
        log = read_log(workshop / "runs" / "made-task" / f"{stage}-seed0" / "log.jsonl")
        assert [entry["epoch"] for entry in log] == [1, 2]
        assert set(log[0]["loss"]) == names
        assert all(log[1]["loss"][name] < log[0]["loss"][name] for name in names)


def test_packed_weights_load_offline_and_give_the_scores_of_the_manifest(
    workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(workshop / "pretrained"))
    manifest = load_manifest()
    scores = json.loads((workshop / "pretrained" / "made-task" / "scores.json").read_text())
    data = SegmentationData(workshop, "camvid", "test")
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


def test_shipped_matrices_are_half_and_vectors_single(workshop: Path) -> None:
    from safetensors.torch import load_file

    tensors = load_file(workshop / "pretrained" / "made-task" / "encoder.safetensors")
    assert {t.dtype for t in tensors.values() if t.ndim > 1} == {torch.float16}
    assert {t.dtype for t in tensors.values() if t.ndim == 1} == {torch.float32}


@pytest.mark.parametrize("stage", ["encoder", "heads"])
def test_an_interrupted_run_ends_like_one_that_was_not(
    workshop: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the second epoch, it repeats that epoch and arrives at the same weights."""
    again = f"again-{stage}"
    shutil.rmtree(workshop / again, ignore_errors=True)
    if stage == "heads":
        shutil.copytree(
            workshop / "runs" / "made-task" / "encoder-seed0",
            workshop / again / "made-task" / "encoder-seed0",
        )
    options = ("--stage", stage, "--upsampler", *HEADS)
    original, steps = loop._step, iter(range(100))

    def killed(*arguments: object) -> dict[str, float]:
        if next(steps) == 3:
            raise KeyboardInterrupt
        return original(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(loop, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        run(workshop, "train", *options, runs=again)
    monkeypatch.setattr(loop, "_step", original)
    assert run(workshop, "train", *options, runs=again) == 0
    ends = [
        load_checkpoint(workshop / runs / "made-task" / f"{stage}-seed0" / "checkpoint.pt")
        for runs in ("runs", again)
    ]
    for name, kept in ends[0]["learners"].items():  # pyright: ignore[reportOptionalSubscript]
        for key, value in kept["module"].items():
            torch.testing.assert_close(ends[1]["learners"][name]["module"][key], value)  # pyright: ignore[reportOptionalSubscript]


def test_a_head_does_not_depend_on_the_heads_beside_it(workshop: Path) -> None:
    folder = workshop / "alone"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(workshop / "runs" / "made-task" / "encoder-seed0", folder / "made-task" / "encoder-seed0")
    assert run(workshop, "train", "--stage", "heads", "--upsampler", "dysample", runs="alone") == 0
    together, alone = (
        load_checkpoint(workshop / runs / "made-task" / "heads-seed0" / "checkpoint.pt")
        for runs in ("runs", "alone")
    )
    assert together is not None
    assert alone is not None
    for key, value in together["learners"]["dysample"]["module"].items():
        torch.testing.assert_close(alone["learners"]["dysample"]["module"][key], value, msg=key)


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


def test_other_upsamplers_than_the_checkpoint_has_are_refused(
    workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(workshop, "train", "--stage", "heads", "--upsampler", "nearest") == 2
    assert "ask for the same upsamplers" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_and_names_the_pictures(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop.F, "cross_entropy", lambda *a, **k: torch.tensor(float("nan")))
    assert run(workshop, "train", "--stage", "encoder", runs="nan") == 2
    printed = capsys.readouterr().err
    assert "is nan on the pictures p" in printed


def test_the_rate_rises_then_falls_to_nothing() -> None:
    factors = [loop.rate_factor(step, 100) for step in range(100)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(a >= b for a, b in itertools.pairwise(factors[5:]))
    assert factors[-1] < 0.01
