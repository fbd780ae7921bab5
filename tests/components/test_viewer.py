"""The viewer without a browser: its view, the view in the URL, and the value returned."""

import json
import math
from dataclasses import asdict

import pytest
from streamlit.testing.v1 import AppTest

from app.components.viewer.viewer import View, compare_viewer, tolerant_view
from app.records import Layer, LegendEntry
from tests import ROOT

USER = View(x=0.2, y=0.7, zoom=3.5)


@pytest.mark.parametrize(
    ("view", "query"),
    [
        (View(), "0.5,0.5,1,0.6,0.5"),
        (View(x=0, y=1, zoom=64, opacity=0, split=1), "0,1,64,0,1"),
        (View(x=0.123456, y=1e-6, zoom=10.25), "0.123456,0.000001,10.25,0.6,0.5"),
    ],
)
def test_a_query_is_short_and_restores_the_view(view: View, query: str) -> None:
    assert view.to_query() == query
    assert View.from_query(query) == view


@pytest.mark.parametrize(
    ("query", "view"),
    [
        ("", View()),
        ("nonsense", View()),
        ("0.1,zzz,4", View(x=0.1, zoom=4)),
        ("nan,inf,-inf,nan", View()),
        ("-3,7,0.2,9,-1", View(x=0, y=1, zoom=1, opacity=1, split=0)),
        ("0.1,0.2,3,0.4,0.5,0.6,0.7", View(x=0.1, y=0.2, zoom=3, opacity=0.4, split=0.5)),
    ],
)
def test_bad_query_falls_back(query: str, view: View) -> None:
    assert View.from_query(query) == view


def test_values_from_a_browser_are_not_trusted() -> None:
    values = {"x": None, "y": [1], "zoom": "2", "opacity": 5, "other": 1}
    assert tolerant_view(values) == View(zoom=2, opacity=1)


@pytest.mark.parametrize("share", [1 / 3, 2 / 3, 0.1234565, 1e-7, 1 - 1e-9])
def test_a_view_survives_its_way_through_the_url(share: float) -> None:
    view = View(x=share, y=1 - share, zoom=1 + 9999 * share, opacity=share)
    assert View.from_query(view.to_query()) == view


@pytest.mark.parametrize(
    "values", [{"x": 1.1}, {"y": -0.1}, {"zoom": 0.5}, {"opacity": 2}, {"split": math.nan}]
)
def test_view_checks_its_limits(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(values))} must be from"):
        View(**values)


def test_the_page_receives_the_reported_view() -> None:
    page = AppTest.from_file(ROOT / "tests" / "browser" / "pages" / "viewer_page.py", default_timeout=120)
    page.session_state["main"] = {"report": {"value": asdict(USER), "answers": 0}}
    page.run()
    assert not page.exception
    assert [line.value for line in page.text] == ["main 0.2,0.7,3.5,0.6,0.5", "strip 0.5,0.5,6,0.6,0.5"]
    assert page.query_params["view"] == USER.to_query()


def test_slider_needs_two_layers() -> None:
    layers = [Layer("nearest", "", b"", "")]
    with pytest.raises(ValueError, match="'slider' needs at least 2 layers, got 1"):
        compare_viewer(b"", layers, mode="slider", size=(4, 4), view=View(), legend=(), key="viewer")


def test_the_first_screen_has_photograph_frame_and_short_captions() -> None:
    def page() -> None:
        from app.components.viewer.viewer import View, compare_viewer
        from app.records import Layer

        layers = [Layer(name, "a note", b"png", "words") for name in ("nearest", "bilinear")]
        compare_viewer(
            b"photo",
            layers,
            mode="slider",
            size=(40, 30),
            view=View(),
            legend=(),
            key="viewer",
            photograph="Photograph",
            beside=layers[1],
            mark=(1, 2, 3, 4),
            compact=True,
        )

    (sent,) = [
        json.loads(part.proto.json) for part in AppTest.from_function(page).run().get("bidi_component")
    ]
    assert (sent["photograph"]["title"], sent["photograph"]["picture"]) == ("Photograph", "")
    assert sent["mark"] == [1, 2, 3, 4]
    assert {layer["note"] for layer in (*sent["layers"], sent["beside"])} == {""}
    assert sent["beside"]["picture"] == sent["layers"][1]["picture"] != ""


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g"])
def test_legend_colours_are_hexadecimal(colour: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        LegendEntry("road", colour)
