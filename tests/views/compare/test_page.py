"""The Compare page without a browser: choices, address, errors."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dysample.models.manifest import load_manifest, pretrained_folder
from dysample.training.ship import write_manifest
from tests.views.opened import forget, open_page

pytestmark = pytest.mark.slow


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    return open_page("compare")


def png(height: int = 40, width: int = 56) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(".png", noise)[1].tobytes()


FIRST, DETAIL, PANES, CLOSE_UP = range(4)  # the page's picture viewers, from above


def viewer(app: AppTest, number: int = FIRST) -> dict[str, Any]:
    """Return the data sent to the n-th picture viewer of the page."""
    sent = [json.loads(part.proto.json) for part in app.get("bidi_component")]
    return [data for data in sent if "layers" in data][number]


def titles(app: AppTest, number: int = PANES) -> list[str]:
    return [layer["title"] for layer in viewer(app, number)["layers"]]


def verdict(app: AppTest) -> str:
    """Return the sentences on what is seen and what it proves, without their emphasis."""
    (text,) = [text.value for text in app.markdown if "One picture proves nothing" in text.value]
    return text.replace("**", "")


def group(app: AppTest, key: str) -> Any:
    return next(control for control in app.get("button_group") if control.key == key)


def choose(app: AppTest, picture: str) -> AppTest:
    """Choose a picture of the gallery, as the browser reports it."""
    revision = next(
        json.loads(part.proto.json)["revision"]
        for part in app.get("bidi_component")
        if "sections" in json.loads(part.proto.json)
    )
    app.session_state["gallery"] = {"report": {"value": picture, "answers": revision}}
    return app.run()


def test_first_visit_compares_the_usual_upsamplers(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert not app.error
    table = app.dataframe[0].value
    assert list(table["Upsampler"]) == ["Nearest", "Bilinear", "DySample", "DySample+"]
    task = "street-segmentation"
    assert app.selectbox(key="task").value == task
    for row, name in enumerate(("nearest", "bilinear", "dysample", "dysample+")):
        expected = load_manifest().entry(task, name).miou
        assert expected is not None
        assert table["mIoU on test (%)"][row] == pytest.approx(100 * expected)
    assert table["Pixels changed (%)"].isna().tolist() == [False, True, False, False]
    assert titles(app, FIRST) == ["Bilinear", "DySample+"]
    assert viewer(app)["photograph"]["title"] == "Photograph: Street"
    assert not viewer(app)["photograph"]["picture"]
    assert titles(app) == ["Nearest", "Bilinear", "DySample", "DySample+", "Truth"]


def test_the_verdict_says_better_or_worse_and_what_the_test_pictures_say(app: AppTest) -> None:
    """Numbers are those of the table and of the file of evidence, read without the app."""
    app.run()
    table = app.dataframe[0].value.set_index("Upsampler")
    here, there = (table.loc[label, "mIoU here (%)"] for label in ("DySample+", "Bilinear"))
    word = "better" if here > there else "worse"
    score = f"mIoU {here:.1f} % ({here - there:+.1f})".replace("-", "−")
    assert f"DySample+ is {word} than bilinear: {score}" in verdict(app)
    assert f"differ on {table.loc['DySample+', 'Pixels changed (%)']:.1f} % of the pixels" in verdict(app)
    pictures, gap = measured("street-segmentation", "dysample+", "miou")
    numbers = "mIoU [{1:+.2f}, {2:+.2f}]".format(*gap)
    assert f"on {pictures} test pictures DySample+ is level with bilinear, {gap[0]:+.2f} " in verdict(app)
    assert f"{numbers.replace('-', '−')} (95 % interval)" in verdict(app)
    (link,) = [part.proto for part in app.get("page_link") if part.proto.label == "Evidence"]
    assert link.page == "evidence"
    assert "evidence_task=Street" in link.query_string


def measured(task: str, upsampler: str, score: str) -> tuple[int, list[float]]:
    """Return the number of test pictures, and a difference with its interval in per cent."""
    evidence = json.loads((pretrained_folder() / task / "evidence.json").read_text())
    row = next(row for row in evidence["rows"] if (row["upsampler"], row["trained"]) == (upsampler, "heads"))
    gap = next(value for value in row["scores"] if value["score"] == score)["difference"]
    return evidence["pictures"], [100 * gap[name] for name in ("value", "low", "high")]


def test_without_truth_the_verdict_calls_nothing_better(app: AppTest) -> None:
    app.query_params["picture"] = "chelsea"
    app.run()
    assert app.selectbox(key="task").value == "everyday-segmentation"
    seen, _, proven = verdict(app).partition(" One picture proves nothing")
    changed = app.dataframe[0].value.set_index("Upsampler").loc["DySample+", "Pixels changed (%)"]
    assert seen == (
        f"DySample+ differs from bilinear on {changed:.1f} % of the pixels; right or wrong cannot be told "
        "without labels."
    )
    assert "DySample+ is better than bilinear, +1.79 mIoU [+1.43, +2.17]" in proven


def test_there_are_no_times(app: AppTest) -> None:
    from app.settings import CompareSettings, Source
    from app.views.compare import compute, numbers

    app.run()
    words = [*app.dataframe[0].value.columns, *(text.value for text in (*app.markdown, *app.caption))]
    assert not [word for word in words if re.search(r"\bms\b|milliseconds?|\d seconds?", word)]
    assert "cost" in [part.proto.page for part in app.get("page_link")]
    settings = CompareSettings("street-segmentation", ("nearest", "bilinear"), 480)
    text = numbers.as_json(compute.comparison(Source("street"), settings), settings, "street")
    assert "second" not in text


def test_sides_are_chosen_and_swapped(app: AppTest) -> None:
    app.query_params["left"] = "Nearest"
    app.run()
    assert titles(app, FIRST) == titles(app, DETAIL) == ["Nearest", "DySample+"]
    app.selectbox(key="right").select("Truth").run()
    app.button(key="swap").click().run()
    assert titles(app, FIRST) == titles(app, DETAIL) == ["Truth", "Nearest"]
    assert not app.exception
    group(app, "show").set_value("changes").run()
    assert not app.exception
    assert set(titles(app, FIRST)) <= set(titles(app))
    group(app, "up").set_value(["carafe"]).run()
    assert not app.exception
    assert titles(app, FIRST) == ["CARAFE", "CARAFE"]
    assert "Both sides show CARAFE." in verdict(app)


def test_the_frame_marks_the_close_up(app: AppTest) -> None:
    from app.settings import CompareSettings, Source
    from app.views.compare import compute

    app.run()
    settings = CompareSettings("street-segmentation", ("nearest", "bilinear", "dysample", "dysample+"), 480)
    window = compute.comparison(Source("street"), settings).window
    for number in (FIRST, PANES):
        assert viewer(app, number)["mark"] == [window.x, window.y, window.size, window.size]
    assert viewer(app, DETAIL)["size"] == [window.size, window.size]


def test_the_task_follows_the_picture_until_the_visitor_chooses_one(app: AppTest) -> None:
    app.run()
    for picture, task in (("chelsea", "everyday-segmentation"), ("motorcycle_left", "indoor-segmentation")):
        choose(app, picture)
        assert app.selectbox(key="task").value == task
        assert not app.get("button") or "offer_task" not in [button.key for button in app.button]
    app.selectbox(key="task").select("indoor-depth").run()
    choose(app, "chelsea")
    assert app.selectbox(key="task").value == "indoor-depth"
    assert any("Indoor depth** have not learned" in text.value for text in app.markdown)
    app.button(key="offer_task").click().run()
    assert not app.exception
    assert app.selectbox(key="task").value == "everyday-segmentation"
    assert "offer_task" not in [button.key for button in app.button]


def test_where_nothing_is_found_the_page_says_so_and_offers_another_task(app: AppTest) -> None:
    app.query_params["picture"] = "coffee"
    app.query_params["task"] = "Everyday photographs"
    app.run()
    (notice,) = [text.value for text in app.markdown if "next to nothing" in text.value]
    share = re.search(r"([\d.]+) % background", notice)
    assert share is not None
    assert float(share[1]) > 98
    offered = app.button(key="offer_task").label
    found = re.fullmatch(r"Try Indoor scenes \((\d+) classes found\)", offered)
    assert found is not None
    app.button(key="offer_task").click().run()
    assert not app.exception
    assert app.selectbox(key="task").value == "indoor-segmentation"
    assert not [text.value for text in app.markdown if "next to nothing" in text.value]
    assert f"{found[1]} classes" == f"{classes_of_a_hundredth('coffee', 'indoor-segmentation')} classes"


def classes_of_a_hundredth(picture: str, name: str) -> int:
    """Count the classes of the reference that cover a hundredth of a picture."""
    from app.settings import Source
    from app.views.compare import compute

    task = load_manifest().task(name)
    labels = compute.run(Source(picture), name, task.working_side, task.reference).output.classes
    return int((np.unique(labels, return_counts=True)[1] >= labels.size / 100).sum())


def test_own_photographs_suit_every_task(app: AppTest) -> None:
    app.query_params["task"] = "Indoor depth"
    app.run()
    app.file_uploader[0].upload("mine.png", png()).run()
    assert not [text.value for text in app.markdown if "have not learned" in text.value]


def test_every_picture_of_the_gallery_is_known_to_a_task() -> None:
    from app.shared.photos import FIRST, gallery_items

    items = {item.key: item for item in gallery_items()}
    tasks = load_manifest().tasks
    for item in items.values():
        assert [task.name for task in tasks if item.knows(task)], item.key
    (usual, *_) = (task for task in tasks if items[FIRST].knows(task))
    assert items[FIRST].load().truth(usual) is not None


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
    app.query_params["left"] = "DySample-S+"
    app.query_params["view"] = "0.25,0.5,4,0.8,0.3"
    app.run()
    assert not app.exception
    assert list(app.dataframe[0].value["Upsampler"]) == ["Bilinear", "DySample-S+"]
    data = viewer(app)
    assert titles(app, FIRST) == ["DySample-S+", "DySample-S+"]
    assert data["mode"] == "slider"
    assert data["value"] == {"x": 0.25, "y": 0.5, "zoom": 4.0, "opacity": 0.8, "split": 0.3}
    assert max(data["size"]) == 480
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
    assert viewer(app)["photograph"]["title"] == "Photograph: mine.png"


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
    group(app, "show").set_value("errors").run()
    assert not app.exception
    assert "wrong" in viewer(app, PANES)["layers"][0]["note"]


def test_no_upsampler_asks_for_one(app: AppTest) -> None:
    app.run()
    group(app, "up").set_value([]).run()
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
