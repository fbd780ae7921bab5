"""The start page without a browser: its picture against the network run alone, its doors, its address."""

import json
from urllib.parse import parse_qs

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app import scenes
from app.views.start.compute import before_after
from dysample.models.manifest import load_manifest
from dysample.models.weights import load_host
from tests.views.opened import open_page

pytestmark = pytest.mark.slow
TASK = "street-segmentation"


@pytest.fixture
def app() -> AppTest:
    return open_page("")


def test_the_first_screen_has_a_name_a_picture_and_three_doors(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert not app.error
    assert app.title[0].value == "DySample Lab"
    (viewer,) = [
        json.loads(part.proto.json) for part in app.get("bidi_component") if "layers" in part.proto.json
    ]
    assert viewer["mode"] == "slider"
    assert [layer["title"] for layer in viewer["layers"]] == ["Nearest", "DySample"]
    links = {link.proto.label: link.proto.page for link in app.get("page_link")}
    assert links["**See it**: a minute"] == "compare"
    assert links["**Teach it**: a lecture"] == "anatomy"
    assert links["**Decide**: two minutes"] == "model"
    assert (links["Notes"], links["Handout"]) == ("lecture", "handout")


def test_the_comparison_can_be_opened_as_it_is(app: AppTest) -> None:
    app.run()
    (link,) = [link.proto for link in app.get("page_link") if link.proto.label == "Open this comparison"]
    assert link.page == "compare"
    query = parse_qs(link.query_string)
    assert query == {
        "picture": ["street"],
        "task": ["Street scenes"],
        "up": ["Nearest", "DySample"],
        "side": ["Full size"],
    }


def test_the_numbers_are_those_of_the_networks_run_alone() -> None:
    scene = scenes.render("street", height=480, width=640)
    task = load_manifest().task(TASK)
    truth = scenes.truth(scene, task.classes)
    image = torch.from_numpy(scene.image.copy()).permute(2, 0, 1)[None].float() / 255
    pictures = before_after()
    assert pictures is not None
    assert pictures.task.name == TASK
    for side, name in zip(pictures.sides, ("nearest", "dysample"), strict=True):
        with torch.inference_mode():
            labels = load_host(TASK, upsampler=name)(image).argmax(1)[0].numpy()
        known = truth != 255
        assert side.right == pytest.approx((labels == truth)[known].mean(), abs=1e-4)
        ious = []
        for index in (task.classes.index(each) for each in task.scored):
            said, true = (labels == index) & known, truth == index
            union = np.count_nonzero(said | true)
            ious += [np.count_nonzero(said & true) / union] if union else []
        assert side.miou == pytest.approx(np.mean(ious), abs=1e-4)
    before, after = pictures.sides
    assert after.miou - before.miou > 0.02, "the difference should be seen"


def test_what_compare_left_in_the_address_goes(app: AppTest) -> None:
    """It would lead back to Compare when the page is loaded again."""
    for key, value in {
        "picture": "coffee",
        "view": "0.5,0.5,2,0.6,0.5",
        "present": "1",
        "other": "2",
    }.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    assert dict(app.query_params) == {"present": "1", "other": "2"}
