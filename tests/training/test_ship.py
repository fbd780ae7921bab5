"""Products of finished runs: shipped weights, scores, evidence."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from dysample.cli import main
from dysample.models.manifest import WeightsEntry, load_manifest
from dysample.models.packing import base_of
from dysample.models.weights import load_host, read_small
from dysample.scores.evidence import read_evidence
from dysample.training import scoring
from dysample.training.data import PictureData
from dysample.training.recipe import load_recipe
from dysample.training.ship import pack, repack, write_manifest
from tests.training.workshop import HEADS, make_workshop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of both stages."""
    return make_workshop(tmp_path_factory.mktemp("workshop"))


def test_packed_weights_load_offline_and_give_the_scores_of_the_manifest(
    workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(workshop / "pretrained"))
    manifest = load_manifest()
    scores = json.loads((workshop / "pretrained" / "made-task" / "scores.json").read_text())
    data = PictureData(workshop, "camvid", "test", "segmentation")
    for name in HEADS:
        host = load_host("made-task", upsampler=name)
        correct = np.zeros((2, 2), np.int64)
        for index in range(len(data)):
            picture = data[index]
            with torch.no_grad():
                logits = host(torch.from_numpy(picture.image).permute(2, 0, 1)[None].float() / 255)
            guess = logits.argmax(1)[0].numpy()
            label = picture.truth.classes
            known = label != 255
            for true in range(2):
                for said in range(2):
                    correct[true, said] += int(((label == true) & (guess == said) & known).sum())
        union = correct.sum(0) + correct.sum(1) - correct.diagonal()
        expected = float((correct.diagonal() / union).mean())
        assert manifest.entry("made-task", name).miou == pytest.approx(expected)
        assert scores["scores"][name]["miou"] == pytest.approx(expected)


def test_finished_runs_become_evidence(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs score as their shipped weights do, up to rounding, and are scored only once."""
    pretrained = workshop / "pretrained"
    monkeypatch.setattr("sys.argv", ["dysample", "evaluate", "--runs", str(workshop / "runs")])
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
        assert str(workshop) not in record["command"]  # a path of this machine is of no use elsewhere
    record = pretrained / "made-task" / "runs" / "heads-bilinear-seed0.json"
    before = record.stat().st_mtime_ns
    assert main(["evaluate", str(workshop / "made.toml"), "--data", str(workshop), *both]) == 0
    assert record.stat().st_mtime_ns == before


def test_scores_on_other_data_leave_the_manifest_alone(
    workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same pictures under another name score as they did before."""
    other = workshop / "voc_animals"
    shutil.copytree(workshop / "camvid" / "rgb", other / "rgb")
    shutil.copytree(workshop / "camvid" / "label11", other / "label21")
    shutil.copy(workshop / "camvid" / "test.txt", other / "fresh.txt")
    folder = workshop / "pretrained" / "made-task"
    manifest = (workshop / "pretrained" / "MANIFEST.toml").read_bytes()
    card = (folder / "README.md").read_text(encoding="utf-8")
    words = ["evaluate", str(workshop / "made.toml"), "--data", str(workshop)]
    words += ["--pretrained", str(workshop / "pretrained"), "--split", "fresh"]
    assert main(words) == 2
    assert "give --dataset as well" in capsys.readouterr().err
    assert main([*words, "--dataset", "voc_animals"]) == 0
    assert (workshop / "pretrained" / "MANIFEST.toml").read_bytes() == manifest
    here, there = (json.loads((folder / f"scores{end}.json").read_text()) for end in ("", "-voc_animals"))
    assert there["scores"] == here["scores"]
    assert (there["dataset"], there["split"], there["pictures"]) == ("voc_animals", "fresh", 4)
    written = (folder / "README.md").read_text(encoding="utf-8")
    assert written.startswith(card)
    table = card[card.index("| Upsampler |") :]
    assert written.removeprefix(card) == (
        "\nOn voc_animals fresh, 4 pictures that nothing was trained or chosen on\n"
        f"(`scores-voc_animals.json`):\n\n{table}"
    )


def test_a_look_keeps_nothing_beside_the_weights(
    workshop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some heads, some pictures, bfloat16: printed, and written where a file is named."""
    pretrained = workshop / "pretrained"
    before = {path: path.read_bytes() for path in pretrained.rglob("*") if path.is_file()}
    used: list[tuple[str, str]] = []

    def decoding(device: torch.device, precision: str) -> object:
        used.append((device.type, precision))
        return original(device, precision)

    original = scoring.decoding
    monkeypatch.setattr(scoring, "decoding", decoding)
    words = ["evaluate", str(workshop / "made.toml"), "--data", str(workshop), "--device", "cpu"]
    words += ["--pretrained", str(pretrained)]
    look = ["--upsampler", "bilinear", "--first", "3", "--precision", "bfloat16"]
    file = workshop / "look.json"
    assert main([*words, *look, "--json", str(file)]) == 0
    assert used == [("cpu", "bfloat16")] * 3
    printed = capsys.readouterr().out
    assert "bilinear" in printed
    assert "dysample" not in printed
    record = json.loads(file.read_text(encoding="utf-8"))
    assert (record["pictures"], record["precision"]) == (3, "bfloat16")
    assert record["device"].endswith("threads, bfloat16")
    assert list(record["scores"]) == ["bilinear"]
    assert main([*words, "--json", str(file)]) == 0
    assert used[3:] == [("cpu", "float32")] * (4 * len(HEADS))
    whole = json.loads(file.read_text(encoding="utf-8"))["scores"]
    assert whole == json.loads((pretrained / "made-task" / "scores.json").read_text())["scores"]
    assert whole["bilinear"]["miou"] == pytest.approx(record["scores"]["bilinear"]["miou"], abs=0.2)
    assert {path: path.read_bytes() for path in pretrained.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--runs", "runs", "--first", "3"], "scores of runs are compared with each other"),
        (["--first", "3", "--split", "fresh"], "give --dataset as well"),
        (["--first", "3", "--device", "cuda:77"], "device must be one that this machine has, got 'cuda:77'"),
    ],
)
def test_looks_that_cannot_be(
    options: list[str], sentence: str, workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(workshop / "made.toml"), "--data", str(workshop)]
    assert main([*words, "--pretrained", str(workshop / "pretrained"), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_matrices_are_half_in_the_encoder_and_large_ones_8_bits_in_heads(workshop: Path) -> None:
    manifest = load_manifest(workshop / "pretrained")
    encoder, head = (read_small(manifest, manifest.entry("made-task", name)) for name in ("", "bilinear"))
    assert {t.dtype for t in encoder.values() if t.ndim > 1} == {torch.float16}
    assert {t.dtype for t in encoder.values() if t.ndim == 1} == {torch.float32}
    assert head["project.c4.weight"].dtype == torch.int8
    assert {t.dtype for t in head.values() if t.ndim > 1} == {torch.float16, torch.int8}


def test_heads_rest_on_the_reference_and_follow_it(workshop: Path, tmp_path: Path) -> None:
    """Another seed's reference takes the place of the old one: other heads keep their values."""
    folder, recipe = tmp_path / "pretrained", load_recipe(str(workshop / "made.toml"))
    shutil.copytree(workshop / "pretrained", folder)
    before = small(folder)
    others = [name for name in HEADS if name != "bilinear"]
    runs = tmp_path / "runs"
    shutil.copytree(workshop / "runs", runs)
    for name in others:
        shutil.rmtree(runs / "made-task" / "heads" / f"{name}-seed0")
    checkpoint = runs / "made-task" / "heads" / "bilinear-seed0" / "checkpoint.pt"
    state = torch.load(checkpoint, weights_only=True)
    state["module"] = {
        key: value * 1.5 if value.is_floating_point() else value for key, value in state["module"].items()
    }
    torch.save(state, checkpoint)
    packed = pack(recipe, runs, folder, seed=0)
    assert [entry.upsampler for entry in packed] == ["", "bilinear"]
    after = small(folder)
    assert {rests_on(folder, name) for name in others} == {"made-task/bilinear.packed"}
    assert rests_on(folder, "bilinear") is None
    for name in HEADS:
        same = {key: torch.equal(value, before[name][key]) for key, value in after[name].items()}
        assert all(same.values()) == (name != "bilinear")


def test_safetensors_are_packed_with_their_values(workshop: Path, tmp_path: Path) -> None:
    """A folder as it was before there were packed files."""
    folder = tmp_path / "pretrained"
    shutil.copytree(workshop / "pretrained", folder)
    before, manifest = small(folder), load_manifest(folder)
    rows: list[WeightsEntry] = []
    for entry in manifest.weights:
        data = save(before[entry.upsampler])
        plain = replace(entry, file=entry.file.replace(".packed", ".safetensors"),
                        sha256=hashlib.sha256(data).hexdigest())  # fmt: skip
        (folder / plain.file).write_bytes(data)
        (folder / entry.file).unlink()
        rows.append(plain)
    write_manifest(replace(manifest, weights=tuple(rows)))
    assert [set(tensors) for tensors in small(folder).values()] == [set(kept) for kept in before.values()]
    repack(folder)
    assert load_manifest(folder) == manifest
    assert not list(folder.rglob("*.safetensors"))
    for name, tensors in small(folder).items():
        assert all(torch.equal(value, before[name][key]) for key, value in tensors.items())


def small(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Read all tensors of the task as they are shipped, by upsampler."""
    manifest = load_manifest(folder)
    return {entry.upsampler: read_small(manifest, entry) for entry in manifest.weights}


def rests_on(folder: Path, upsampler: str) -> str | None:
    """Return the file that a head rests on."""
    base = base_of((folder / load_manifest(folder).entry("made-task", upsampler).file).read_bytes())
    return base and base.file
