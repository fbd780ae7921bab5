"""The One point page without a browser: numbers, choice of cell, every kind of upsampler."""

import json

import pytest
import torch
import torch.nn.functional as F
from streamlit.testing.v1 import AppTest
from torch import Tensor

from dysample.models.manifest import load_manifest
from dysample.ops.registry import OPERATORS
from tests.views.network import STEP, TASK, host_and_step
from tests.views.opened import markdown, open_page

pytestmark = pytest.mark.slow


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    return open_page("point")


def read(x: Tensor, place: Tensor) -> Tensor:
    """Return all channels of a map at (x, y), by torch's own sampler."""
    size = torch.tensor([x.shape[3], x.shape[2]])
    grid = (2 * place / size - 1).view(1, 1, 1, 2)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)[0, :, 0, 0]


def footprint_titles(app: AppTest) -> list[str]:
    """Return the titles of the footprints."""
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    texts = [trace.get("text", []) for chart in charts for trace in chart["data"]]
    (titles,) = (text for text in texts if any("Σ" in line for line in text))
    return titles


def test_the_numbers_are_those_of_the_network(app: AppTest) -> None:
    """Compare the lower left point of row 8, column 12 in group 2, channel 3 of the group: channel 35."""
    app.query_params["cell"] = "8,12"
    app.run()
    assert not app.exception
    set_choice(app, "point", 2)
    set_choice(app, "group", 2)
    app.number_input(key="point_channel").set_value(3).run()
    assert not app.exception
    host, step = host_and_step("dysample+")
    record = host.operator(STEP).plan(step.input)
    at, channels = (17, 24), slice(32, 48)
    place = record.points[0, 2, :, *at]
    metrics = {metric.label: float(metric.value) for metric in app.metric}
    assert metrics["After"] == pytest.approx(float(step.output[0, 35, *at]), abs=2e-4)
    before = read(step.input, record.initial[0, 0, :, *at])
    assert metrics["Before"] == pytest.approx(float(before[35]), abs=2e-4)
    pixels = app.table[0].value
    after = read(step.input, place)[channels]
    for _, line in pixels.iterrows():
        row, column = map(int, line["Row, column"].split(","))
        weight = (1 - abs(place[0] - 0.5 - column)) * (1 - abs(place[1] - 0.5 - row))
        assert float(line["w"]) == pytest.approx(float(weight), abs=2e-4)
        assert float(line["x"]) == pytest.approx(float(step.input[0, 35, row, column]), abs=2e-4)
        distance = (after - step.input[0, channels, row, column]).norm()
        assert float(line["Distance after"]) == pytest.approx(float(distance), abs=2e-3)
    points = app.table[1].value
    for number, (_, line) in enumerate(points.iterrows()):
        corner = record.offset[0, 2, :, 16 + number // 2, 24 + number % 2]
        assert line["Offset (x, y)"] == f"({corner[0]:+.3f}, {corner[1]:+.3f})"
    assert "agrees to" in markdown(app)
    assert "x'_{35}" in app.latex[2].value


def set_choice(app: AppTest, key: str, value: object) -> None:
    next(control for control in app.get("button_group") if control.key == key).set_value(value).run()


def test_the_cell_is_chosen_by_numbers_and_kept(app: AppTest) -> None:
    app.query_params["cell"] = "8,12"
    app.run()
    assert [app.number_input(key=f"point_{name}").value for name in ("row", "column")] == [8, 12]
    app.number_input(key="point_row").set_value(3).run()
    app.number_input(key="point_column").set_value(0).run()
    assert not app.exception
    assert app.session_state["kept.cell"] == "3,0"
    assert app.query_params["cell"] in ("3,0", ["3,0"])
    assert "Output pixel row 6, column 0" in "".join(caption.value for caption in app.caption)


@pytest.mark.parametrize("text", ["800,12", "a,b", "", "-1,2", "3"])
def test_a_cell_that_is_not_there_becomes_the_liveliest(app: AppTest, text: str) -> None:
    app.query_params["cell"] = text
    app.run()
    assert not app.exception
    host, step = host_and_step("dysample+")
    length = host.operator(STEP).plan(step.input).offset[0].norm(dim=1).mean(0)
    by_cell = F.avg_pool2d(length[None, None], 2)[0, 0, 2:-2, 2:-2]
    expected = divmod(int(by_cell.argmax()), by_cell.shape[1])
    cell = [app.number_input(key=f"point_{name}").value for name in ("row", "column")]
    assert cell == [expected[0] + 2, expected[1] + 2]


def test_the_most_changed_channel_and_what_lies_beneath(app: AppTest) -> None:
    app.query_params["cell"] = "8,12"
    app.run()
    app.button(key="point_most_changed").click().run()
    host, step = host_and_step("dysample+")
    plain = read(step.input, host.operator(STEP).plan(step.input).initial[0, 0, :, 16, 24])
    change = (step.output[0, :16, 16, 24] - plain[:16]).abs()
    assert app.number_input(key="point_channel").value == int(change.argmax())
    for beneath in ("channel", "photo"):
        set_choice(app, "point_beneath", beneath)
        assert not app.exception


def test_fewer_channels_and_another_map_leave_no_choice_behind(app: AppTest) -> None:
    app.query_params["cell"] = "17,25"
    app.run()
    app.number_input(key="point_channel").set_value(15).run()
    app.selectbox(key="op").select("dysample-s+").run()
    assert not app.exception
    assert app.number_input(key="point_channel").value == 7
    app.selectbox(key="step").select("c4_0").run()  # 15 by 10 cells: there is no such cell
    assert not app.exception
    assert (app.number_input(key="point_row").value or 0) < 10


def test_every_footprint_is_there_and_labelled(app: AppTest) -> None:
    app.query_params["cell"] = "0,0"
    app.run()
    titles = footprint_titles(app)
    planned = [name for name, spec in OPERATORS.items() if spec.has_footprint]
    assert len(titles) == len(planned)
    trained = {entry.upsampler for entry in load_manifest().heads(TASK)} - {"nearest", "bilinear"}
    for name in planned:
        (title,) = (text for text in titles if f">{OPERATORS[name].label}<" in text)
        assert ("<br>trained<br>" in title) == (name in trained)
        assert ("untrained: random start" in title) == (name not in {*trained, "nearest", "bilinear"})
    assert "DySample+" in titles[0]
    assert "Here kernels reach over the map's border" in "".join(caption.value for caption in app.caption)


def test_fixed_interpolation_says_so_and_offers_points(app: AppTest) -> None:
    app.query_params["cell"] = "8,12"
    app.run()
    app.selectbox(key="op").select("bilinear").run()
    assert not app.exception
    assert "learns nothing" in markdown(app)
    assert app.table[0].value["w"].tolist() == ["0.0625", "0.1875", "0.1875", "0.5625"]
    app.button(key="offer-dysample+").click().run()
    assert app.selectbox(key="op").value == "dysample+"
    assert "learns nothing" not in markdown(app)
