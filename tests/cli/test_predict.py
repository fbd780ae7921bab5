"""The command `predict`, against the package's own networks and other readers of its files."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco

from dysample.cli import main, pictures
from dysample.cli import predict as command
from dysample.cli.pictures import Bar
from dysample.cli.predict import class_colours, run_lengths
from dysample.models.manifest import load_manifest
from dysample.models.tasks import KINDS
from dysample.models.weights import load_host

pytestmark = pytest.mark.slow


def answered(task: str, path: Path, threshold: float = 0.5) -> object:
    """Return what the package's own network says."""
    host, row = load_host(task, upsampler="dysample+"), load_manifest().task(task)
    with torch.no_grad():
        output = host(torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)[None])
    kind = KINDS[row.kind]
    return kind.annotation(row, output) if kind.above is None else kind.above(row, output, threshold)


def predicted(task: str, path: Path, out: Path, *options: str) -> set[str]:
    words = [str(path), "--task", task, "--upsampler", "dysample+", "--out", str(out), "--device", "cpu"]
    assert main(["predict", *words, *options]) == 0
    return {file.name for file in out.iterdir()}


def test_classes(cat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = predicted("everyday-segmentation", cat, tmp_path)
    assert names == {"cat-overlay.png", "cat-colours.png", "cat-labels.png", "cat-classes.txt"}
    assert all(name in capsys.readouterr().out or name in names for name in names)
    labels = cv2.imread(str(tmp_path / "cat-labels.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(labels, answered("everyday-segmentation", cat).classes)
    colours = cv2.imread(str(tmp_path / "cat-colours.png"))[..., ::-1]
    for label in np.unique(labels):
        assert len(np.unique(colours[labels == label], axis=0)) == 1
    lines = (tmp_path / "cat-classes.txt").read_text(encoding="utf-8").splitlines()
    assert lines[8] == "8 cat"
    assert (labels == 8).mean() > 0.2


def test_depth(cat: Path, tmp_path: Path) -> None:
    assert predicted("indoor-depth", cat, tmp_path) == {
        "cat-overlay.png", "cat-colours.png", "cat-depth.png", "cat-depth.npy"
    }  # fmt: skip
    metres = np.load(tmp_path / "cat-depth.npy")
    np.testing.assert_allclose(metres, answered("indoor-depth", cat).metres, rtol=1e-4)
    millimetres = cv2.imread(str(tmp_path / "cat-depth.png"), cv2.IMREAD_UNCHANGED)
    assert millimetres is not None
    assert millimetres.dtype == np.uint16
    assert np.abs(millimetres / 1000 - metres).max() <= 0.0006
    brightness = cv2.imread(str(tmp_path / "cat-colours.png")).sum(-1)
    assert brightness[metres == metres.min()].min() > brightness[metres == metres.max()].max()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools, NumPy 2
@pytest.mark.parametrize("task", ["everyday-instances", "everyday-detection"])
def test_objects(task: str, cat: Path, tmp_path: Path) -> None:
    """pycocotools reads the boxes and the masks."""
    least = "0.05"
    assert predicted(task, cat, tmp_path, "--threshold", least) == {"cat-overlay.png", "cat-objects.json"}
    found, wanted = json.loads((tmp_path / "cat-objects.json").read_text()), answered(task, cat, float(least))
    assert found["images"][0] | {"id": 1} == {"id": 1, "file_name": "cat.png", "height": 75, "width": 113}
    assert len(found["annotations"]) == len(wanted.boxes) > 0
    categories = {row["id"]: row["name"] for row in found["categories"]}
    classes = load_manifest().task(task).classes
    for k, row in enumerate(found["annotations"]):
        left, top, width, height = row["bbox"]
        np.testing.assert_allclose([left, top, left + width, top + height], wanted.boxes[k], atol=1e-3)
        assert row["score"] == pytest.approx(wanted.scores[k], abs=1e-4)
        assert categories[row["category_id"]] == classes[wanted.classes[k]]
        if wanted.masks is not None:
            code = coco.frPyObjects(row["segmentation"], 75, 113)
            np.testing.assert_array_equal(coco.decode(code).astype(bool), wanted.masks[k])
            assert row["area"] == wanted.masks[k].sum()
        else:
            assert "segmentation" not in row


def test_segments(cat: Path, tmp_path: Path) -> None:
    names = predicted("everyday-panoptic", cat, tmp_path)
    assert names == {"cat-overlay.png", "cat-colours.png", "cat-panoptic.png", "cat-panoptic.json"}
    ids = cv2.imread(str(tmp_path / "cat-panoptic.png"))[..., ::-1].astype(int) @ [1, 256, 65536]
    wanted = answered("everyday-panoptic", cat)
    np.testing.assert_array_equal(ids, wanted.segments)
    (row,) = json.loads((tmp_path / "cat-panoptic.json").read_text())["annotations"]
    assert row["file_name"] == "cat-panoptic.png"
    for segment in row["segments_info"]:
        pixels = ids == segment["id"]
        ys, xs = np.nonzero(pixels)
        assert segment["area"] == pixels.sum()
        assert segment["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
        assert segment["category_id"] == wanted.classes[segment["id"] - 1] + 1


def test_bfloat16_and_reduced_pictures(cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []

    def decoding(device: torch.device, precision: str) -> object:
        used.append(precision)
        return original(device, precision)

    original = pictures.decoding
    monkeypatch.setattr(pictures, "decoding", decoding)
    predicted("indoor-depth", cat, tmp_path, "--precision", "bfloat16")
    metres = np.load(tmp_path / "cat-depth.npy")
    exact = answered("indoor-depth", cat).metres
    assert 0 < np.abs(metres / exact - 1).mean() < 0.01
    predicted("indoor-depth", cat, tmp_path, "--longer-side", "56", "--overwrite")
    assert np.load(tmp_path / "cat-depth.npy").shape == (37, 56)
    assert used == ["bfloat16", "float32"]


def test_masks_are_coded_by_hand() -> None:
    pixels = np.array([[0, 1, 1], [0, 0, 1]], bool)  # by columns: 0 0, 1 0, 1 1
    assert run_lengths(pixels) == {"size": [2, 3], "counts": [2, 1, 1, 2]}
    assert run_lengths(~pixels)["counts"] == [0, 2, 1, 1, 2]
    assert run_lengths(np.zeros((2, 3), bool))["counts"] == [6]
    assert run_lengths(np.ones((2, 3), bool))["counts"] == [0, 6]


def test_colours_are_all_different() -> None:
    palette = class_colours(40)
    assert len(np.unique(palette[:40], axis=0)) == 40
    apart = np.abs(palette[:39].astype(int) - palette[1:40]).sum(1)
    assert apart.min() > 100
    assert not palette[40:].any()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{cat}", "--task", "no-such-task"], "no-such-task"),
        (["{cat}", "--device", "cuda:77"], "one that this machine has, got 'cuda:77': "),
        (["{cat}", "--out", "{text}"], "note.jpg cannot be made: File exists"),
        (["{empty}"], "empty holds no picture: .avif, "),
    ],
)
def test_what_cannot_be_is_one_sentence(
    words: list[str], sentence: str, cat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "note.jpg"
    text.write_text("no picture", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    given = [word.format(cat=cat, text=text, empty=tmp_path / "empty") for word in words]
    options = ["--task", "indoor-depth", "--upsampler", "dysample+", "--out", str(tmp_path / "out")]
    assert main(["predict", *options, *given]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert len(printed.splitlines()) == 1


def test_a_bad_picture_does_not_stop_the_others(
    cat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.jpg").write_text("no picture", encoding="utf-8")
    (folder / "notes.txt").write_text("not looked at", encoding="utf-8")
    (folder / "cat.png").write_bytes(cat.read_bytes())
    words = [
        str(folder),
        "nowhere.jpg",
        str(cat),
        "--task",
        "everyday-segmentation",
        "--upsampler",
        "bilinear",
    ]
    assert main(["predict", *words, "--out", str(out), "--device", "cpu"]) == 1
    assert len(list(out.iterdir())) == 4
    printed = capsys.readouterr()
    assert printed.out.startswith("cat.png: cat-overlay.png, cat-colours.png, ")
    first, second, third, last = printed.err.splitlines()
    assert "a.jpg: " in first
    assert second == "nowhere.jpg: it cannot be read: No such file or directory"
    assert third.endswith("another picture is called cat, and so are its answers")
    assert last.startswith("dysample: 3 of 4 pictures could not be done: ")


def test_nothing_is_overwritten_unasked(
    cat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cat-depth.npy").write_text("mine", encoding="utf-8")
    words = [str(cat), "--task", "indoor-depth", "--upsampler", "bilinear", "--out", str(tmp_path)]
    assert main(["predict", *words, "--device", "cpu"]) == 1
    assert "cat-depth.npy is there already: --overwrite replaces it" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["cat-depth.npy"]
    assert (tmp_path / "cat-depth.npy").read_text(encoding="utf-8") == "mine"
    assert main(["predict", *words, "--device", "cpu", "--overwrite"]) == 0
    assert np.load(tmp_path / "cat-depth.npy").shape == (75, 113)
    monkeypatch.setattr(command.Runner, "answers", None)  # what is done is not done again
    assert main(["predict", *words, "--device", "cpu"]) == 1


def test_the_overlay_shows_photograph_and_classes(cat: Path, tmp_path: Path) -> None:
    predicted("everyday-segmentation", cat, tmp_path)
    photo, colours, overlay = (
        cv2.imread(str(path)).astype(float)
        for path in (cat, tmp_path / "cat-colours.png", tmp_path / "cat-overlay.png")
    )
    np.testing.assert_allclose(overlay, 0.45 * photo + 0.55 * colours, atol=0.6)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_is_for_terminals_alone() -> None:
    terminal, file = _Terminal(), io.StringIO()
    for stream in (terminal, file):
        bar = Bar(2, stream)
        bar.draw("one.jpg")
        bar.step()
        bar.draw("two.jpg")
        bar.clear()
    assert file.getvalue() == ""
    assert "0/2 one.jpg" in terminal.getvalue()
    assert f"[{'#' * 12}{'.' * 12}] 1/2 two.jpg" in terminal.getvalue()


def test_memory_that_runs_out_is_one_sentence(
    cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(device: torch.device, precision: str) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(pictures, "decoding", full)
    words = [str(cat), "--task", "indoor-depth", "--upsampler", "bilinear", "--out", str(tmp_path)]
    assert main(["predict", *words, "--device", "cpu"]) == 1
    assert "the memory of cpu ran out over 113×75 pixels" in capsys.readouterr().err


@pytest.mark.parametrize("threshold", ["2", "-1", "half"])
def test_a_threshold_is_a_share(threshold: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(
            [
                "predict",
                "p",
                "--task",
                "t",
                "--upsampler",
                "nearest",
                "--out",
                "o",
                f"--threshold={threshold}",
            ]
        )
    assert f"must be a number from 0 to 1, got '{threshold}'" in capsys.readouterr().err
