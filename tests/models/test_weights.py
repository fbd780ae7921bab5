"""Shipped weights: complete, small enough, refused when damaged, and the same with every size of picture."""

import hashlib
import shutil
from pathlib import Path

import pytest
import torch

from dysample.models.hub import WeightsError
from dysample.models.manifest import load_manifest, pretrained_folder
from dysample.models.weights import load_host
from dysample.ops.registry import OPERATORS

TASKS = ("street-segmentation", "everyday-segmentation", "indoor-segmentation", "indoor-depth")
OBJECT_TASKS = ("everyday-panoptic", "everyday-instances", "everyday-detection")
UNTRAINED = {"indexnet", "a2u", "sapa"}  # for objects
MOST_BYTES = 52_000_000


def test_tasks_have_their_operators_and_all_files_match_their_checksums() -> None:
    manifest = load_manifest()
    assert {task.name for task in manifest.tasks} == {*TASKS, *OBJECT_TASKS}
    for task in (*TASKS, *OBJECT_TASKS):
        heads = [entry.upsampler for entry in manifest.heads(task)]
        assert heads == [name for name in OPERATORS if name in heads]  # in the table's order, each once
        needed = {name for name, spec in OPERATORS.items() if spec.in_paper}
        assert set(heads) >= (needed if task in TASKS else needed - UNTRAINED)
    for entry in manifest.weights:
        data = (manifest.folder / entry.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry.sha256
        assert entry.command.startswith("python -m dysample train")


def test_the_folder_is_small_and_holds_nothing_else() -> None:
    manifest = load_manifest()
    files = {path.relative_to(manifest.folder).as_posix() for path in manifest.folder.rglob("*.packed")}
    assert files == {entry.file for entry in manifest.weights}
    assert not list(manifest.folder.rglob("*.safetensors"))
    assert sum((manifest.folder / file).stat().st_size for file in files) <= MOST_BYTES


def test_tasks_of_objects_share_their_files() -> None:
    manifest = load_manifest()
    files = [[entry.file for entry in manifest.weights if entry.task == task] for task in OBJECT_TASKS]
    assert files[0] == files[1] == files[2]
    assert len(files[0]) > 1


@pytest.mark.parametrize("task", OBJECT_TASKS)
def test_a_host_of_objects_takes_any_size_from_32_pixels(task: str) -> None:
    host = load_host(task, upsampler="dysample+")
    for height, width in ((32, 32), (33, 95)):
        with torch.no_grad():
            found = host(torch.rand(1, 3, height, width))
        assert (found.height, found.width) == (height, width)
        for boxes in found.boxes:
            assert boxes.isfinite().all()
            assert (boxes >= 0).all()
            assert (boxes <= torch.tensor([width, height, width, height])).all()


@pytest.mark.parametrize("task", TASKS)
def test_a_host_takes_any_size_from_32_pixels(task: str) -> None:
    host = load_host(task, upsampler="dysample+")
    for height, width in ((32, 32), (33, 95), (61, 40)):
        with torch.no_grad():
            output = host(torch.rand(1, 3, height, width))
        # A depth is one number for every pixel, where classes are several.
        assert output.shape == (1, len(load_manifest().task(task).classes) or 1, height, width)
        assert output.isfinite().all()


def test_offsets_have_learned_to_move() -> None:
    """A trained DySample differs from a fresh one, whose offsets have a spread of about a thousandth."""
    host = load_host("street-segmentation", upsampler="dysample")
    with torch.no_grad():
        steps = host.intermediates(torch.rand(1, 3, 64, 64)).steps
    moved = [host.operator(step.name).plan(step.input).offset.abs().mean().item() for step in steps]
    assert max(moved) > 0.01


@pytest.mark.parametrize(
    ("task", "upsampler", "sentence"),
    [
        ("no-task", "bilinear", "no task is called 'no-task'"),
        (TASKS[0], "magic", "has no weights for 'magic'"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(task: str, upsampler: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        load_host(task, upsampler=upsampler)


def test_missing_and_damaged_files_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "pretrained"
    shutil.copytree(pretrained_folder(), copy)
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(copy))
    for name in ("nearest", "bilinear"):  # the second is what the first one rests on
        head = copy / TASKS[0] / f"{name}.packed"
        whole = head.read_bytes()
        head.write_bytes(whole[:-1])
        with pytest.raises(WeightsError, match=rf"{name}\.packed are damaged \(checksum\)"):
            load_host(TASKS[0], upsampler="nearest")
        head.unlink()
        with pytest.raises(WeightsError, match=rf"{name}\.packed are missing"):
            load_host(TASKS[0], upsampler="nearest")
        head.write_bytes(whole)
    (copy / "MANIFEST.toml").write_text("tasks = 3 3")
    with pytest.raises(WeightsError, match="damaged"):
        load_host(TASKS[0])
    (copy / "MANIFEST.toml").unlink()
    with pytest.raises(WeightsError, match="DYSAMPLE_PRETRAINED"):
        load_host(TASKS[0])
