"""The Compare page without a browser: choices, address, errors."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dysample.models.manifest import load_manifest, pretrained_folder
from dysample.training.ship import write_manifest
from tests import ROOT
from tests.views.opened import forget

pytestmark = pytest.mark.slow

MAIN = str(ROOT / "app" / "main.py")
PATIENCE_S = 120


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    return AppTest.from_file(MAIN, default_timeout=PATIENCE_S)


def png(height: int = 40, width: int = 56) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(".png", noise)[1].tobytes()


def viewer(app: AppTest, number: int = 0) -> dict[str, object]:
    """Return the data sent to the n-th picture viewer of the page."""
    sent = [json.loads(part.proto.json) for part in app.get("bidi_component")]
    return [data for data in sent if "layers" in data][number]


def titles(app: AppTest) -> list[str]:
    return [layer["title"] for layer in viewer(app)["layers"]]  # pyright: ignore[reportIndexIssue, reportUnknownVariableType, reportGeneralTypeIssues]


def test_first_visit_compares_the_usual_upsamplers(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert not app.error
    table = app.dataframe[0].value
    assert list(table["Upsampler"]) == ["Nearest", "Bilinear", "DySample", "DySample+"]
    task = load_manifest().tasks[0].name
    for row, name in enumerate(("nearest", "bilinear", "dysample", "dysample+")):
        expected = load_manifest().entry(task, name).miou
        assert expected is not None
        assert table["mIoU on test (%)"][row] == pytest.approx(100 * expected)
    assert table["Pixels changed (%)"].isna().tolist() == [False, True, False, False]


def test_upsamplers_without_weights_are_named_and_not_offered(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two upsamplers are left out of the manifest of a copy of the weights."""
    copy = tmp_path / "pretrained"
    shutil.copytree(pretrained_folder(), copy)
    known = load_manifest()
    kept = tuple(entry for entry in known.weights if entry.upsampler not in ("nearest", "dysample-s"))
    write_manifest(replace(known, folder=copy, weights=kept))
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(copy))
    forget()
    app.run()
    assert not app.exception
    offered = app.pills(key="up").options
    assert "Bilinear" in offered
    assert not {"Nearest", "DySample-S"} & set(offered)
    (note,) = [caption.value for caption in app.caption if "Not offered" in caption.value]
    assert "Nearest" in note
    assert "DySample-S." in note or "DySample-S," in note
    forget()


def test_a_rerun_encodes_no_picture_again(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    app.run()
    first = [part.proto.json for part in app.get("bidi_component")]

    def encode(*args: object) -> bytes:
        raise AssertionError("a picture was encoded again")

    monkeypatch.setattr("app.shared.drawing._png", encode)
    app.run()
    assert not app.exception
    assert [part.proto.json for part in app.get("bidi_component")] == first


def test_an_address_restores_the_view(app: AppTest) -> None:
    app.query_params["picture"] = "coffee"
    app.query_params["task"] = "Everyday photographs"
    app.query_params["up"] = ["Bilinear", "DySample-S+"]
    app.query_params["side"] = "480 px"
    app.query_params["show"] = "Changes from bilinear"
    app.query_params["mode"] = "Before / after"
    app.query_params["view"] = "0.25,0.5,4,0.8,0.3"
    app.run()
    assert not app.exception
    assert list(app.dataframe[0].value["Upsampler"]) == ["Bilinear", "DySample-S+"]
    data = viewer(app)
    assert data["mode"] == "slider"
    assert data["value"] == {"x": 0.25, "y": 0.5, "zoom": 4.0, "opacity": 0.8, "split": 0.3}
    assert max(data["size"]) == 480  # pyright: ignore[reportArgumentType]
    assert app.query_params["picture"] == "coffee"


@pytest.mark.parametrize(
    ("name", "value"),
    [("picture", "nonsense"), ("task", "x"), ("view", "a,b"), ("side", "7"), ("show", "zzz")],
)
def test_nonsense_in_the_address_falls_back(app: AppTest, name: str, value: str) -> None:
    app.query_params[name] = value
    app.run()
    assert not app.exception
    assert not app.error
    assert len(app.dataframe[0].value) == 4


def test_an_uploaded_photograph_takes_the_place_of_the_gallery(app: AppTest) -> None:
    app.run()
    app.file_uploader[0].upload("mine.png", png()).run()
    assert not app.exception
    assert "mine.png" in app.info[0].value
    assert viewer(app)["size"] == [56, 40]


@pytest.mark.parametrize("data", [b"", b"not a picture", png()[:100], png(8, 8)])
def test_a_broken_file_is_explained_and_changes_nothing(app: AppTest, data: bytes) -> None:
    app.run()
    before = titles(app)
    app.file_uploader[0].upload("broken.png", data).run()
    assert not app.exception
    assert app.error[0].value.startswith("`broken.png`: ")
    assert "Traceback" not in app.error[0].value
    assert titles(app) == before


def test_made_scenes_have_truth_scores_and_errors(app: AppTest) -> None:
    from app.scenes import SCENES

    app.query_params["picture"] = SCENES[0].key
    app.query_params["task"] = "Street scenes"
    app.run()
    assert not app.exception
    assert titles(app)[-1] == "Truth"
    table = app.dataframe[0].value
    assert table["mIoU here (%)"].between(0, 100).all()
    next(control for control in app.get("button_group") if control.key == "show").set_value("errors").run()
    assert not app.exception
    assert "wrong" in viewer(app)["layers"][0]["note"]  # pyright: ignore[reportIndexIssue]


def test_no_upsampler_asks_for_one(app: AppTest) -> None:
    app.run()
    next(control for control in app.get("button_group") if control.key == "up").set_value([]).run()
    assert not app.exception
    assert "at least one" in app.info[0].value


def test_missing_weights_are_explained(app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from app.shared import photos

    photos.manifest.clear()
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(tmp_path))
    app.run()
    assert not app.exception
    assert "there are no weights" in app.error[0].value
    photos.manifest.clear()
