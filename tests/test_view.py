"""The viewer's record: its text in the URL, and who wins when page and browser both move it."""

import math

import pytest

from app.widgets.compare_viewer import Layer, LegendEntry, compare_viewer
from app.widgets.view import Exchange, View, tolerant_view

START = View()
USER = View(x=0.2, y=0.7, zoom=3.5)
PAGE = View(x=0.9, y=0.1, zoom=8)


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


def test_report_that_returns_through_the_url_is_not_sent_back() -> None:
    late = Exchange.start(START).advance(START, USER)  # the page has not read the report yet
    settled = late.advance(USER, USER)
    assert (late.shown(USER), settled.shown(USER)) == (USER, USER)
    assert (settled.sent, settled.revision) == (START, 0)


def test_report_wins_over_the_url_of_the_run_before() -> None:
    late = Exchange.start(START).advance(START, USER)
    later = late.advance(USER, PAGE)  # the user moved on while the page read the first report
    assert (later.returned, later.revision) == (PAGE, 0)


def test_page_may_move_the_view() -> None:
    moved = Exchange.start(START).advance(START, USER).advance(USER, USER).advance(PAGE, USER)
    assert (moved.sent, moved.revision, moved.shown(USER)) == (PAGE, 1, PAGE)
    assert moved.advance(PAGE, USER) == moved  # the outdated report must not win later
    assert moved.shown(START) == START  # a fresh report does


def test_page_may_return_to_the_view_it_sent_first() -> None:
    back = Exchange.start(START).advance(START, USER).advance(USER, USER).advance(START, USER)
    assert (back.sent, back.revision) == (START, 1)


def test_viewer_that_was_hidden_gets_the_users_view() -> None:
    """Streamlit forgets reports of what it does not draw; the URL does not."""
    again = Exchange.start(START).advance(USER, USER).advance(USER, None)
    assert (again.sent, again.revision) == (USER, 1)


def test_slider_needs_two_layers() -> None:
    layers = [Layer("nearest", "", b"", "")]
    with pytest.raises(ValueError, match="'slider' needs at least 2 layers, got 1"):
        compare_viewer(b"", layers, mode="slider", size=(4, 4), view=START, legend=(), key="viewer")


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g"])
def test_legend_colours_are_hexadecimal(colour: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        LegendEntry(0, "road", colour)
