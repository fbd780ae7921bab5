"""The command `compare`: its sheet against the package's own networks."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dysample.cli import main
from dysample.cli.compare import ENDING, sheet
from dysample.models.annotations import Depth, Labels
from dysample.models.manifest import load_manifest
from dysample.models.weights import load_host
from dysample.scores.segmentation import difference

pytestmark = pytest.mark.slow


def compared(path: Path, task: str, out: Path, *options: str) -> int:
    words = [str(path), "--task", task, "--upsampler", "bilinear", "dysample+", "--out", str(out)]
    return main(["compare", *words, "--device", "cpu", *options])


@pytest.mark.parametrize(
    "task", ["everyday-segmentation", "indoor-depth", "everyday-detection", "everyday-panoptic"]
)
def test_a_sheet_has_the_width_of_a_page(task: str, cat: Path, tmp_path: Path) -> None:
    assert compared(cat, task, tmp_path) == 0
    assert [file.name for file in tmp_path.iterdir()] == [f"cat-{ENDING}"]
    with Image.open(tmp_path / f"cat-{ENDING}") as made:
        assert made.width == 2126
        assert made.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert len(np.unique(np.asarray(made.convert("RGB")).reshape(-1, 3), axis=0)) > 20


def test_the_panes_are_the_networks_answers(cat: Path, tmp_path: Path) -> None:
    """At full opacity a class is one colour: the sheet has as many as the answers have classes."""
    image = np.array(Image.open(cat))
    task, found = load_manifest().task("everyday-segmentation"), dict[str, Labels]()
    for name in ("bilinear", "dysample+"):
        host = load_host(task.name, upsampler=name)
        with torch.no_grad():
            output = host(torch.from_numpy(image.copy()).permute(2, 0, 1)[None])
        found[name] = Labels(output.argmax(1)[0].numpy().astype(np.uint8))
    direct = sheet(task, image, found, title="cat.png", opacity=1.0)
    assert compared(cat, task.name, tmp_path, "--opacity", "1") == 0
    written = Image.open(tmp_path / f"cat-{ENDING}")
    np.testing.assert_array_equal(np.asarray(written), np.asarray(Image.open(io.BytesIO(direct))))


def test_the_note_is_the_share_of_pixels_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    from dysample.cli import compare

    shown = list[compare.SheetPane]()
    monkeypatch.setattr(compare, "sheet_png", lambda panes, **options: shown.extend(panes) or b"")
    one = np.zeros((8, 8), np.uint8)
    other = one.copy()
    other[0, :4] = 1
    task = load_manifest().task("everyday-segmentation")
    picture = np.zeros((8, 8, 3), np.uint8)
    sheet(task, picture, {"bilinear": Labels(one), "carafe": Labels(other)}, title="it", opacity=1.0)
    assert [pane.title for pane in shown] == ["Photograph", "Bilinear", "CARAFE"]
    assert difference(other, one).share == 4 / 64
    assert [pane.note for pane in shown[1:]] == [
        "The reference that the others are compared with",
        "6.25 % of pixels differ from Bilinear",
    ]


def test_depths_are_on_one_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    from dysample.cli import compare

    shown = list[compare.SheetPane]()
    monkeypatch.setattr(compare, "sheet_png", lambda panes, **options: shown.extend(panes) or b"")
    near, far = np.full((4, 4), 1, np.float32), np.full((4, 4), 9, np.float32)
    task, picture = load_manifest().task("indoor-depth"), np.zeros((4, 4, 3), np.uint8)
    sheet(task, picture, {"bilinear": Depth(near), "carafe": Depth(far)}, title="it", opacity=1.0)
    _, first, second = (pane.image for pane in shown)
    assert first.sum() > second.sum(), "near is bright on the scale that both share"
    assert shown[2].note == "800.0 cm on average from Bilinear"


def test_what_is_there_stays(cat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / f"cat-{ENDING}").write_text("mine", encoding="utf-8")
    assert compared(cat, "indoor-depth", tmp_path) == 1
    assert f"cat-{ENDING} is there already: --overwrite replaces it" in capsys.readouterr().err
    assert (tmp_path / f"cat-{ENDING}").read_text(encoding="utf-8") == "mine"
    assert compared(cat, "indoor-depth", tmp_path, "--overwrite") == 0


def test_one_upsampler_is_nothing_to_compare(cat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(cat), "--task", "indoor-depth", "--upsampler", "bilinear", "bilinear"]
    assert main(["compare", *words]) == 2
    assert "needs at least two upsamplers" in capsys.readouterr().err
