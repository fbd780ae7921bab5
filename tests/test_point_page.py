"""The One point page without a browser: its numbers, its cell, and every kind of upsampler."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import skimage.data
import streamlit as st
import torch
import torch.nn.functional as F
from made_app import open_page
from safetensors.torch import save
from streamlit.testing.v1 import AppTest
from torch import Tensor

from dysample.images import decode, to_uint8
from dysample.models.host import SegmentationHost
from dysample.models.segformer_head import SegFormerHead
from dysample.models.weights import load_host, load_manifest, pretrained_folder
from dysample.ops.registry import OPERATORS
from dysample.training.pack import write_manifest
from dysample.types import Step

STEP = "c3_0"
TASK = "everyday-segmentation"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    return open_page("point")


@cache
def host_and_step(upsampler: str) -> tuple[SegmentationHost, Step]:
    """The network's own step on the page's first picture, without the app's caches."""
    path = next(Path(skimage.data.__file__).parent.glob("chelsea.*"))
    image = torch.from_numpy(to_uint8(decode(path.read_bytes())).copy())
    host = load_host(TASK, upsampler=upsampler)
    with torch.no_grad():
        steps = host.intermediates(image.permute(2, 0, 1)[None].float() / 255).steps
    return host, next(each for each in steps if each.name == STEP)


def read(x: Tensor, place: Tensor) -> Tensor:
    """All channels of a map at (x, y), by torch's own sampler."""
    size = torch.tensor([x.shape[3], x.shape[2]])
    grid = (2 * place / size - 1).view(1, 1, 1, 2)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)[0, :, 0, 0]


def markdown(app: AppTest) -> str:
    return "\n".join(each.value for each in app.markdown)


def footprint_titles(app: AppTest) -> list[str]:
    """What stands above the small multiples."""
    charts = [json.loads(each.proto.spec) for each in app.get("plotly_chart")]
    texts = [trace.get("text", []) for chart in charts for trace in chart["data"]]
    (titles,) = (text for text in texts if any("Σ" in each for each in text))
    return titles


def test_the_numbers_are_those_of_the_network(app: AppTest) -> None:
    """Row 8, column 12, its lower left point in group 2, channel 3 of the group: channel 35."""
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
    metrics = {each.label: float(each.value) for each in app.metric}
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
    assert "Output pixel row 6, column 0" in "".join(each.value for each in app.caption)


@pytest.mark.parametrize("asked", ["800,12", "a,b", "", "-1,2", "3"])
def test_a_cell_that_is_not_there_becomes_the_liveliest(app: AppTest, asked: str) -> None:
    app.query_params["cell"] = asked
    app.run()
    assert not app.exception
    host, step = host_and_step("dysample+")
    length = host.operator(STEP).plan(step.input).offset[0].norm(dim=1).mean(0)
    by_cell = F.avg_pool2d(length[None, None], 2)[0, 0, 2:-2, 2:-2]
    expected = divmod(int(by_cell.argmax()), by_cell.shape[1])
    found = [app.number_input(key=f"point_{name}").value for name in ("row", "column")]
    assert found == [expected[0] + 2, expected[1] + 2]


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
        (title,) = (each for each in titles if f">{OPERATORS[name].label}<" in each)
        assert ("<br>trained<br>" in title) == (name in trained)
        assert ("untrained: random start" in title) == (name not in {*trained, "nearest", "bilinear"})
    assert "DySample+" in titles[0]
    assert "Here kernels reach over the map's border" in "".join(each.value for each in app.caption)


def test_fixed_interpolation_says_so_and_offers_points(app: AppTest) -> None:
    app.query_params["cell"] = "8,12"
    app.run()
    app.selectbox(key="op").select("bilinear").run()
    assert not app.exception
    assert "learns nothing" in markdown(app)
    assert app.table[0].value["w"].tolist() == ["0.0625", "0.1875", "0.1875", "0.5625"]
    app.button(key="offer").click().run()
    assert app.selectbox(key="op").value == "dysample+"
    assert "learns nothing" not in markdown(app)


@pytest.fixture
def with_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A copy of the weights in which a kernel operator and one without a footprint count as trained."""
    copy = tmp_path / "pretrained"
    shutil.copytree(pretrained_folder(), copy)
    known = load_manifest()
    others = tuple(made_head(copy, upsampler) for upsampler in ("carafe", "deconv"))
    kept = tuple(each for each in known.weights if each.upsampler not in ("carafe", "deconv"))
    write_manifest(replace(known, folder=copy, weights=(*kept, *others)))
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(copy))
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


def made_head(folder: Path, upsampler: str) -> object:
    """A head with random weights, written into a folder of weights; gives its entry."""
    known = load_manifest()
    task = known.task(TASK)
    torch.manual_seed(0)
    channels = host_and_step("bilinear")[0].encoder.channels
    head = SegFormerHead(channels, width=task.width, classes=len(task.classes), upsampler=upsampler)
    data = save(head.state_dict())
    file = f"{TASK}/{upsampler}.safetensors"
    (folder / file).write_bytes(data)
    entry = known.entry(TASK, "bilinear")
    return replace(entry, file=file, sha256=hashlib.sha256(data).hexdigest(), upsampler=upsampler)


@pytest.mark.usefixtures("with_others")
def test_kernels_are_shown_in_the_place_of_points(app: AppTest) -> None:
    app.query_params["cell"] = "0,0"
    app.query_params["op"] = "CARAFE"
    app.run()
    assert not app.exception
    assert app.selectbox(key="op").value == "carafe"
    assert "no sampling points" in markdown(app)
    assert len(app.table) == 1
    pixels = app.table[0].value
    assert len(pixels) == 9
    assert pixels["w"].astype(float).sum() == pytest.approx(9 / 25, abs=0.02)
    assert "agrees to" in markdown(app)
    assert "(5 smaller weights)" in app.latex[0].value


@pytest.mark.usefixtures("with_others")
def test_without_a_footprint_the_page_says_why(app: AppTest) -> None:
    app.query_params["op"] = "Deconvolution"
    app.run()
    assert not app.exception
    assert "no footprint" in markdown(app)
    assert not app.table
    app.button(key="offer").click().run()
    assert not app.exception
    assert app.table
