"""The Compare page and the explorer pages with a depth task, without a browser."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from tests.views.depth import (
    LIMITS,
    PICTURE,
    SIDES,
    TEST_DELTA1,
    TEST_RMS,
    made_truth,
    make_pictures,
    make_weights,
)
from tests.views.opened import forget, markdown, open_page

pytestmark = pytest.mark.slow

PAGES = ["offsets", "point", "anatomy", "scope"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return folders of weights for a depth task, and of pictures with depths."""
    return make_weights(tmp_path_factory.mktemp("weights")), make_pictures(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch, folders: tuple[Path, Path]) -> Iterator[None]:
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(folders[0]))
    monkeypatch.setenv("DYSAMPLE_DATA", str(folders[1]))
    forget()
    yield
    forget()


def opened(address: str, **query: str) -> AppTest:
    app = open_page(address)
    app.query_params["picture"] = PICTURE
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def viewer(app: AppTest, key: str = "viewer") -> dict[str, Any]:
    sent = [json.loads(part.proto.json) for part in app.get("bidi_component")]
    return next(data for data in sent if data.get("key") == key)


def predicted(folder: Path, upsampler: str) -> np.ndarray:
    """Return the depths of the whole network, run without the app."""
    from dysample.models.weights import load_host

    picture = cv2.imread(str(folder / "nyuv2" / "rgb" / "p0.jpg"))
    assert picture is not None
    image = torch.from_numpy(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        return load_host("made-depth", upsampler=upsampler)(image)[0, 0].numpy().astype(np.float64)


def test_the_page_compares_depths_with_right_numbers(folders: tuple[Path, Path]) -> None:
    app = opened("compare")
    assert not app.exception
    assert not app.error
    assert LIMITS in markdown(app)
    assert "nothing has been measured on test pictures yet" in markdown(app)
    shown = app.dataframe[0].value.set_index("Upsampler")
    assert list(shown.index) == ["Nearest", "Bilinear", "DySample+"]
    truth = made_truth() / 1000
    known = truth > 0
    bilinear = predicted(folders[1], "bilinear")
    for label, name in (("Nearest", "nearest"), ("Bilinear", "bilinear"), ("DySample+", "dysample+")):
        depths = predicted(folders[1], name)
        guess, real = depths[known], truth[known]
        row = shown.loc[label]
        close = np.maximum(guess / real, real / guess) < 1.25
        assert row["δ1 here (%)"] == pytest.approx(100 * close.mean(), abs=0.1)
        assert row["AbsRel here (%)"] == pytest.approx(100 * np.mean(abs(guess - real) / real), rel=1e-3)
        assert row["RMS here (m)"] == pytest.approx(np.sqrt(np.mean((guess - real) ** 2)), rel=1e-3)
        assert row["δ1 on test (%)"] == pytest.approx(100 * TEST_DELTA1)
        assert row["RMS on test (m)"] == pytest.approx(TEST_RMS)
        if name != "bilinear":
            assert row["Mean change (cm)"] == pytest.approx(100 * abs(depths - bilinear).mean(), rel=1e-2)
    assert np.isnan(shown.loc["Bilinear", "Mean change (cm)"])


def test_depths_lie_on_the_photograph_with_their_truth() -> None:
    app = opened("compare")
    data = viewer(app, "panes")
    assert [layer["title"] for layer in data["layers"]] == ["Nearest", "Bilinear", "DySample+", "Truth"]
    assert data["size"] == [SIDES[1], SIDES[0]]
    assert data["value"]["opacity"] == 1
    (bar,) = [part.proto.body for part in app.get("html") if "Legend" in part.proto.body]
    assert "Depth (m)" in bar
    assert "near" in bar


def test_errors_or_changes_lie_beside_depths_that_look_alike() -> None:
    app = opened("compare")
    first = viewer(app)
    assert [layer["title"] for layer in first["layers"]] == ["Bilinear", "DySample+"]
    assert first["beside"]["title"] == "DySample+, errors"
    bars = "".join(part.proto.body for part in app.get("html"))
    assert "Error (% of the true depth)" in bars
    first = viewer(opened("compare", picture="coffee"))
    assert first["beside"]["title"] == "DySample+, changes"
    assert viewer(opened("compare", show="Errors"))["beside"] is None


@pytest.mark.parametrize(
    ("show", "words"), [("Changes from bilinear", "from Bilinear on average"), ("Errors", "off on average")]
)
def test_notes_report_changes_and_errors(show: str, words: str) -> None:
    data = viewer(opened("compare", show=show), "panes")
    assert words in data["layers"][0]["note"]


def test_a_picture_without_depths_has_no_errors() -> None:
    app = opened("compare", picture="coffee")
    assert not app.exception
    assert not [title for title in app.dataframe[0].value if "here" in title]
    (show,) = [control for control in app.get("button_group") if control.key == "show"]
    assert list(show.options) == ["Depth", "Changes from bilinear"]


def test_pictures_of_two_tasks_are_in_the_gallery_once() -> None:
    from app.shared.photos import gallery_items

    (first, second) = (item for item in gallery_items() if item.key.startswith("nyuv2"))
    assert (first.title, second.title) == ("Indoor 1", "Indoor 2")


def test_a_picture_has_a_truth_for_each_task() -> None:
    from dataclasses import replace

    from app.shared.photos import gallery_items
    from dysample.models.manifest import load_manifest
    from dysample.training.recipe import load_recipe

    picture = next(item for item in gallery_items() if item.key == PICTURE).load()
    depth = load_manifest().task("made-depth")
    depths = picture.truth(depth)
    assert depths is not None
    np.testing.assert_allclose(depths.metres, made_truth() / 1000, atol=1e-6)
    classes = load_recipe("indoor-segmentation").task.classes
    labels = picture.truth(replace(depth, kind="segmentation", classes=classes))
    assert labels is not None
    assert (labels.classes == 1).all()  # stored from 1 on, and all are the second class
    assert picture.truth(replace(depth, kind="segmentation", classes=("sky",))) is None


def test_reducing_a_truth_mixes_no_depths() -> None:
    from app.settings import Source
    from app.shared.photos import picture

    reduced = picture(Source(PICTURE), "made-depth", 32)
    assert reduced.truth is not None
    assert reduced.truth.metres.shape == (24, 32)
    millimetres = np.round(1000 * reduced.truth.metres).astype(int)
    assert set(millimetres.ravel()) <= {0, *range(1000, 4200, 50)}


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("upsampler", ["DySample+", "CARAFE"])
def test_explorer_pages_open_depth_networks(address: str, upsampler: str) -> None:
    query = {"scope": {"section": "Dynamic scope"}, "anatomy": {"anatomy_on": "Picture"}}.get(address, {})
    app = opened(address, op=upsampler, **query)
    assert not app.exception
    assert not app.error
    steps = [box.options for box in app.selectbox if box.label == "Upsampling step"]
    for options in steps:
        assert [option.partition(":")[0] for option in options] == ["d16", "d8", "d4", "d2"]


@pytest.mark.parametrize(("step", "cells"), [("d16", (2, 2)), ("d2", (16, 16))])
def test_the_stride_of_a_step_is_that_of_its_map(step: str, cells: tuple[int, int]) -> None:
    from app.settings import Source, Subject
    from app.shared import networks
    from app.views.point import compute
    from dysample.explain.offsets import CellWindow

    subject = Subject(Source(PICTURE), "made-depth", "dysample+", 64)
    assert networks.step(subject, step).input.shape[1] == 8
    assert networks.step(subject, step).input.shape[3] == cells[1]
    window = CellWindow(row=0, column=0, rows=1, columns=2)
    stride = 64 // cells[1]
    assert compute.photo(subject, step, window).shape == (stride, 2 * stride, 3)
