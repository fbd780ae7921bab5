"""The Cost page without a browser, around a program that reports a made-up benchmark."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from app.pages import page_at
from app.shared import worker
from app.views.cost import compute
from dysample.measure.bench import to_json
from dysample.measure.profile import to_json as profile_to_json
from tests.views.cost.made import profile, report, write_program

pytestmark = pytest.mark.slow

PATIENCE_S = 240
PAGE = str(page_at("cost").file)
Program = Callable[..., None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a made-up benchmark in the place of `python -m dysample`."""

    def write(**options: object) -> None:
        monkeypatch.setattr(worker.sys, "executable", str(write_program(tmp_path, **options)))

    return write


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    (tmp_path / "committed").mkdir()
    path = tmp_path / "committed" / "benchmark.json"
    path.write_text(to_json(report(training=True)), encoding="utf-8")
    path.with_name("profile.json").write_text(profile_to_json(profile()), encoding="utf-8")
    monkeypatch.setenv(compute.VARIABLE, str(path))
    monkeypatch.setattr(st, "page_link", lambda *words, **options: None)  # only the whole app has other pages
    found = AppTest.from_file(PAGE, default_timeout=PATIENCE_S)
    yield found
    if "cost.run" in found.session_state:
        found.session_state["cost.run"].cancel()


def press(app: AppTest, name: str) -> None:
    app.button(key=f"cost_{name}").click().run()
    assert not app.exception


def measure(app: AppTest) -> None:
    """As the browser does, which looks every second."""
    press(app, "measure")
    deadline = time.monotonic() + PATIENCE_S
    while "cost.run" in app.session_state:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        app.run()
        assert not app.exception


def captions(app: AppTest) -> str:
    return "\n".join(each.value for each in app.caption)


def charts(app: AppTest) -> list[dict[str, object]]:
    return [json.loads(each.proto.spec) for each in app.get("plotly_chart")]


def test_before_anything_is_measured_the_repository_speaks(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert "Abacus" in captions(app)
    assert "2026-01-02" in captions(app)
    assert any("DySample 0.80 times" in each.value for each in app.markdown)
    assert any("reading the map and writing the output" in each.value for each in app.markdown)
    table = app.dataframe[-1].value.set_index("Operator")
    assert table.loc["CARAFE", "× bilinear"] == pytest.approx(4.0)
    assert table.loc["DySample", "Weights only"] == 64 * 32
    assert "python -m dysample bench --upsampler" in app.code[0].value
    assert "python -m dysample profile" in app.code[0].value
    assert len(charts(app)) >= 5


def test_a_measurement_takes_the_repository_s_place_and_stays(app: AppTest, program: Program) -> None:
    program()
    app.query_params["cost_map"] = "A small map, 64×32×32"
    app.run()
    measure(app)
    assert not app.warning
    show = next(each for each in app.get("button_group") if each.key == "cost_show")
    assert show.value == 0
    assert f"{time.strftime('%Y-%m-%d', time.gmtime())}" in captions(app)
    app.run()  # it survives that
    assert app.session_state["kept.cost.result"].rows == report().rows
    show = next(each for each in app.get("button_group") if each.key == "cost_show")
    show.set_value(1).run()
    assert "2026-01-02" in captions(app)
    assert not app.exception


def test_cancelling_says_so_and_keeps_what_there_is(app: AppTest, program: Program) -> None:
    program(ending="time.sleep(100)", told=5)
    app.run()
    before = len(charts(app))
    press(app, "measure")
    assert app.button(key="cost_measure").disabled
    run = app.session_state["cost.run"]
    deadline = time.monotonic() + PATIENCE_S
    while not run.poll().words.startswith("3 of 6"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    app.run()
    assert "3 of 6" in app.get("progress")[0].proto.text
    assert len(charts(app)) == before + 1, "what is there so far is drawn above what was there before"
    press(app, "cancel")
    assert "cost.run" not in app.session_state
    assert app.warning[0].value == "Cancelled. 2 of 7 steps had been measured and are kept."
    assert not app.button(key="cost_measure").disabled


def test_a_second_visitor_is_asked_to_wait(app: AppTest, program: Program) -> None:
    program(ending="time.sleep(100)", told=0)
    job = worker.start(["bench"], limit_s=PATIENCE_S)
    app.run()
    press(app, "measure")
    assert "another visitor" in app.get("progress")[0].proto.text
    assert any("Another visitor’s measurement is running" in each.value for each in app.info)
    assert len(charts(app)) >= 5, "meanwhile there is something to look at"
    press(app, "cancel")
    job.cancel()
    assert app.warning[0].value == "Cancelled."


def test_what_is_too_large_is_a_sentence_and_nothing_starts(app: AppTest) -> None:
    app.query_params["cost_map"] = "My own size"
    app.query_params["cost_channels"] = "512"
    app.query_params["cost_rows"] = "300"
    app.query_params["cost_columns"] = "200"
    app.run()
    press(app, "measure")
    assert "512x300x200 are 30,720,000" in app.warning[0].value
    assert "cost.run" not in app.session_state
    assert len(charts(app)) >= 5


def test_a_gpu_is_measured_where_there_is_one(
    app: AppTest, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At first as in the paper's Figure 8, in float32 and in half of it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    program(device="cuda")
    app.query_params["cost_device"] = "Some GPU"
    app.run()
    assert not app.exception
    assert "networks of other visitors" in captions(app)
    measure(app)
    asked = (tmp_path / "asked.txt").read_text(encoding="utf-8")
    for words in ("--size 256x120x120", "--scale 2", "--dtype float32 float16", "--device cuda"):
        assert words in asked
    assert any(each.value.startswith("##### On the GPU (Some GPU), with a map") for each in app.markdown)
    assert "**Machine:** Some GPU, " in captions(app)
    assert any("DySample, as a graph" in json.dumps(chart) for chart in charts(app))
    way = next(each for each in app.get("button_group") if each.key == "cost_way")
    way.set_value(1).run()
    assert "**Run:** float16; NCHW" in captions(app)
    assert not app.exception


def test_without_a_gpu_there_is_no_choice_of_one(app: AppTest) -> None:
    app.query_params["cost_device"] = "Some GPU"
    app.run()
    assert not app.exception
    assert not any(each.key in ("cost_device", "cost_types") for each in app.get("button_group"))


@pytest.mark.parametrize(
    ("name", "value"), [("cost_map", "?"), ("cost_up", "zzz"), ("cost_layout", "x"), ("cost_also", "y")]
)
def test_nonsense_in_the_address_falls_back(app: AppTest, name: str, value: str) -> None:
    app.query_params[name] = value
    app.run()
    assert not app.exception
    assert not app.error


def test_a_benchmark_that_is_missing_or_damaged(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv(compute.VARIABLE, str(tmp_path / "nowhere.json"))
    app.run()
    assert "not beside the app" in app.info[0].value
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    monkeypatch.setenv(compute.VARIABLE, str(tmp_path / "broken.json"))
    app.run()
    assert "cannot be read" in app.error[0].value
    assert not app.exception
