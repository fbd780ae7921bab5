"""The viewer's record: its text in the URL, and who wins when page and browser both move it."""

import math
from dataclasses import asdict

import pytest
from streamlit.testing.v1 import AppTest

from app.components.exchange import View, ViewExchange, tolerant_view
from app.components.viewer.viewer import compare_viewer
from app.records import Layer, LegendEntry
from tests import ROOT

START = View()
USER = View(x=0.2, y=0.7, zoom=3.5)
PAGE = View(x=0.9, y=0.1, zoom=8)
THIRD = View(x=0.3, zoom=2, opacity=1)


@pytest.mark.parametrize(
    ("view", "query"),
    [
        (View(), "0.5,0.5,1,0.6,0.5"),
        (View(x=0, y=1, zoom=64, opacity=0, split=1), "0,1,64,0,1"),
        (View(x=0.123456, y=1e-6, zoom=10.25), "0.123456,0.000001,10.25,0.6,0.5"),
    ],
)
def test_query_is_short_and_comes_back(view: View, query: str) -> None:
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


@pytest.mark.parametrize(
    "values", [{"x": 1.1}, {"y": -0.1}, {"zoom": 0.5}, {"opacity": 2}, {"split": math.nan}]
)
def test_view_states_its_limits(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(values))} must be from"):
        View(**values)


def run(*runs: tuple[View, View | None]) -> ViewExchange:
    """What an exchange has become after runs of a page, each given as (passed, reported)."""
    exchange = ViewExchange.start(runs[0][0])
    for passed, reported in runs:
        exchange = exchange.advance(passed, reported)
    return exchange


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        ([(START, None)], START),
        ([(START, None), (START, USER)], USER),  # the page has not read the report yet
        ([(START, None), (START, USER), (USER, USER)], USER),
        ([(START, None), (START, USER), (USER, THIRD)], THIRD),  # the user moved on meanwhile
        ([(START, None), (START, USER), (START, PAGE), (USER, THIRD), (PAGE, THIRD)], THIRD),  # far behind
        ([(START, None), *[(START, View(x=i / 99)) for i in range(99)]], View(x=98 / 99)),  # never reads
    ],
)
def test_reports_are_not_sent_back(runs: list[tuple[View, View | None]], shown: View) -> None:
    exchange = run(*runs)
    assert (exchange.returned, exchange.sent, exchange.revision) == (shown, START, 0)


@pytest.mark.parametrize("wanted", [PAGE, START])
def test_page_may_move_the_view(wanted: View) -> None:
    moved = run((START, None), (START, USER), (USER, USER), (wanted, USER))
    assert (moved.returned, moved.sent, moved.revision) == (wanted, wanted, 1)
    assert moved.advance(wanted, USER).returned == wanted  # the outdated report must not win later
    assert moved.advance(wanted, THIRD).returned == THIRD  # a fresh report does


def test_page_may_move_the_view_again_after_the_user() -> None:
    moved = run((START, None), (PAGE, None), (PAGE, USER), (USER, USER), (PAGE, USER))
    assert (moved.returned, moved.revision) == (PAGE, 2)


def test_viewer_that_was_hidden_gets_the_users_view() -> None:
    """Streamlit forgets reports of what it does not draw; the URL does not."""
    again = run((START, None), (START, USER), (USER, None))
    assert (again.returned, again.sent, again.revision) == (USER, USER, 1)


def test_page_gets_what_the_browser_reports() -> None:
    page = AppTest.from_file(ROOT / "tests" / "browser" / "pages" / "viewer_page.py", default_timeout=120)
    page.session_state["main"] = {"view": asdict(USER)}
    page.run()
    assert not page.exception
    assert [line.value for line in page.text] == ["main 0.2,0.7,3.5,0.6,0.5", "strip 0.5,0.5,6,0.6,0.5"]
    assert page.query_params["view"] == USER.to_query()


def test_slider_needs_two_layers() -> None:
    layers = [Layer("nearest", "", b"", "")]
    with pytest.raises(ValueError, match="'slider' needs at least 2 layers, got 1"):
        compare_viewer(b"", layers, mode="slider", size=(4, 4), view=START, legend=(), key="viewer")


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g"])
def test_legend_colours_are_hexadecimal(colour: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        LegendEntry("road", colour)
