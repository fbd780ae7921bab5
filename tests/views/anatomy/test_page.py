"""The page "Anatomy" without a browser: stages, formulas, tour, address."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch.nn.functional as F
from streamlit.testing.v1 import AppTest

from app.pages import page_at
from app.settings import Source, Subject
from app.shared import networks
from app.views.anatomy.tour import TOUR
from dysample.explain.anatomy import example, stage_names

pytestmark = pytest.mark.slow

PAGE = str(page_at("anatomy").file)
PATIENCE_S = 120


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    return AppTest.from_file(PAGE, default_timeout=PATIENCE_S)


def click(app: AppTest, key: str) -> None:
    app.button(key=key).click().run()
    assert not app.exception


def choose(app: AppTest, key: str, value: str) -> None:
    next(control for control in app.get("button_group") if control.key == key).set_value(value).run()
    assert not app.exception


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


def bold(app: AppTest) -> list[float]:
    """Return the results of the arithmetic on the page."""
    return [float(number) for number in re.findall(r"\\mathbf\{([-0-9.]+)\}", app.latex[0].value)]


def test_next_and_previous_walk_through_every_stage(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert app.button(key="stage-previous").disabled
    for name in stage_names(style="lp", dynamic=False)[1:]:
        click(app, "stage-next")
        assert app.session_state["stage"] == name
        assert charts(app) == 2
    assert app.button(key="stage-next").disabled
    click(app, "stage-previous")
    assert app.session_state["stage"] == "grid"


@pytest.mark.parametrize(("style", "dynamic"), [("lp", False), ("lp", True), ("pl", False), ("pl", True)])
def test_the_order_of_stages_is_that_of_the_style(app: AppTest, style: str, dynamic: bool) -> None:
    app.query_params["anatomy_style"] = style.upper()
    app.query_params["anatomy_scope"] = "Dynamic" if dynamic else "Static"
    app.run()
    assert not app.exception
    control = next(control for control in app.get("button_group") if control.key == "stage")
    middle = ["linear", *(["scope"] if dynamic else []), "× scope"]
    middle = ["pixel shuffle", *middle] if style == "pl" else [*middle, "pixel shuffle"]
    assert [option.content for option in control.proto.options] == ["X", *middle, "+ grid", "sample"]


def test_the_arithmetic_follows_the_chosen_pixel(app: AppTest) -> None:
    """Compare to the operator itself, for another pixel and another channel."""
    app.query_params["stage"] = "+ grid"
    app.run()
    for key, value in (("example_row", 6), ("example_column", 1), ("example_channel", 2)):
        app.number_input(key=key).set_value(value).run()
    op, x = example("lp", dynamic=False)
    points = op.plan(x).points[0, 0, :, 6, 1].tolist()
    assert bold(app) == pytest.approx(points, abs=0.0051)
    click(app, "stage-next")
    assert bold(app) == pytest.approx([op(x)[0, 2, 6, 1].item()], abs=0.0051)
    plain = F.interpolate(x, scale_factor=2, mode="bilinear")[0, 2, 6, 1].item()
    assert f"(bilinear: }}{plain:.2f}" in app.latex[0].value


def test_a_stage_that_the_static_scope_lacks_gives_way(app: AppTest) -> None:
    app.query_params["anatomy_scope"] = "Dynamic"
    app.query_params["stage"] = "scope"
    app.run()
    assert app.session_state["stage"] == "factor"
    choose(app, "anatomy_scope", "static")
    assert app.session_state["stage"] == "scope"


@pytest.mark.parametrize(
    ("name", "value"),
    [("stage", "nonsense"), ("tour", "99"), ("tour", "x"), ("example_row", "8"), ("anatomy_on", "?")],
)
def test_nonsense_in_the_address_falls_back(app: AppTest, name: str, value: str) -> None:
    app.query_params[name] = value
    app.run()
    assert not app.exception
    assert app.session_state["stage"] == "input"
    assert app.session_state["example_row"] == 3
    assert app.button(key="tour-start")


def test_the_tour_sets_the_view_of_every_step_and_can_be_left(app: AppTest) -> None:
    app.query_params["side"] = "480 px"
    app.run()
    choose(app, "anatomy_style", "pl")
    app.number_input(key="example_row").set_value(0).run()
    click(app, "tour-start")
    for number, step in enumerate(TOUR, start=1):
        assert app.query_params["tour"] in (str(number), [str(number)])
        assert app.session_state["stage"] == step.stage
        assert app.session_state["anatomy_on"] == step.on
        assert any(f"{number} of {len(TOUR)}: " in element.value for element in app.markdown)
        if step.on == "example":
            assert app.session_state["anatomy_style"] == step.style
            assert app.session_state["anatomy_scope"] == step.scope
            assert app.session_state["example_row"] == 3
        if number < len(TOUR):
            click(app, "tour-next")
    assert app.button(key="tour-next").disabled
    click(app, "tour-previous")
    click(app, "tour-leave")
    assert "tour" not in app.query_params
    assert app.session_state["stage"] == "grid"
    assert app.session_state["anatomy_on"] == "picture"
    assert app.button(key="stage-next")


def test_a_link_into_the_tour_shows_its_view(app: AppTest) -> None:
    app.query_params["tour"] = "8"
    app.run()
    assert not app.exception
    assert app.session_state["stage"] == "shuffle"
    assert app.session_state["anatomy_style"] == "pl"


def test_on_the_picture_the_numbers_are_the_networks_own(app: AppTest) -> None:
    app.query_params["anatomy_on"] = "Picture"
    app.query_params["side"] = "480 px"
    app.query_params["picture"] = "coffee"
    app.query_params["stage"] = "sample"
    app.run()
    assert not app.exception
    task = app.session_state["task"]
    subject = Subject(Source("coffee"), task, "dysample+", 480)
    step = networks.step(subject, app.session_state["step"])
    row, column, channel = (
        int(app.number_input(key=f"picture_{index}").value or 0) for index in ("row", "column", "channel")
    )
    assert (row, column) == (step.output.shape[2] // 2, step.output.shape[3] // 2)
    assert bold(app) == pytest.approx([step.output[0, channel, row, column].item()], abs=0.0051)
    click(app, "stage-previous")
    record = networks.record(subject, step.name)
    points = record.points[0, channel // 16, :, row, column].tolist()
    assert bold(app) == pytest.approx(points, abs=0.0051)
    app.number_input(key="picture_row").set_value(7).run()
    assert app.session_state["kept.cell"] == f"3,{column // 2}"
    lengths = np.hypot(*record.offset[0, channel // 16].numpy())
    assert any(f"up to {lengths.max():.2f} low-res pixels" in element.value for element in app.caption)


def test_without_dysample_the_page_says_so_and_offers_it(app: AppTest) -> None:
    app.query_params["anatomy_on"] = "Picture"
    app.query_params["side"] = "480 px"
    app.query_params["op"] = "Bilinear"
    app.query_params["tour"] = "10"
    app.query_params["stage"] = "+ grid"
    app.run()
    assert not app.exception
    assert "Bilinear predicts no sampling points" in app.info[0].value
    assert app.button(key="tour-leave")
    click(app, "offer-dysample+")
    assert not app.info
    assert charts(app) == 2


def test_missing_weights_are_a_sentence(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from app.shared import photos

    photos.manifest.clear()
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(tmp_path))
    app.query_params["anatomy_on"] = "Picture"
    app.run()
    assert not app.exception
    assert "there are no weights" in app.error[0].value
    choose(app, "anatomy_on", "example")
    assert charts(app) == 2
    photos.manifest.clear()
