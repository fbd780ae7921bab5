"""The exchange of a value that page and browser both change."""

import math

import pytest

from app.components.exchange import Exchange, Report

COFFEE, ROCKET, NO_REPORT = Report("coffee"), Report("rocket"), None


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [("cat", COFFEE, 10, "coffee", 0), ("coffee", COFFEE, 11, "coffee", 0)],
            id="the page passes a choice back",
        ),
        pytest.param(
            [("cat", COFFEE, 10, "coffee", 0), ("cat", COFFEE, 11, "coffee", 0)],
            id="the page is a moment late",
        ),
        pytest.param(
            [
                ("cat", COFFEE, 10, "coffee", 0),
                ("coffee", COFFEE, 10.1, "coffee", 0),
                ("cat", COFFEE, 10.2, "cat", 1),
            ],
            id="the page knows and goes back",
        ),
        pytest.param(
            [("cat", COFFEE, 10, "coffee", 0), ("cat", COFFEE, 60, "cat", 1)],
            id="the page goes back after a while",
        ),
        pytest.param(
            [("cat", COFFEE, 10, "coffee", 0), ("rocket", COFFEE, 10.1, "rocket", 1)],
            id="the page asks for a third at once",
        ),
        pytest.param(
            [
                ("cat", COFFEE, 10, "coffee", 0),
                ("rocket", COFFEE, 20, "rocket", 1),
                ("rocket", Report("cat"), 30, "rocket", 1),  # half a report: the rest follows
                ("rocket", Report("cat", 1), 30, "cat", 1),
            ],
            id="a report answers the revision on show",
        ),
        pytest.param(
            [
                ("cat", COFFEE, 10, "coffee", 0),
                ("rocket", COFFEE, 20, "rocket", 1),
                ("rocket", Report("coffee", 1), 30, "coffee", 1),
                ("coffee", Report("coffee", 1), 30, "coffee", 1),
            ],
            id="the same picture is chosen again",
        ),
        pytest.param(
            [("cat", COFFEE, 10, "coffee", 0), ("coffee", NO_REPORT, 20, "coffee", 1)],
            id="elements drawn anew receive the choice",
        ),
        pytest.param(
            [("cat", COFFEE, 10, "coffee", 0), ("coffee", ROCKET, 10, "rocket", 0)],
            id="two choices at once",
        ),
        pytest.param(
            [
                ("cat", COFFEE, 10, "coffee", 0),
                ("cat", ROCKET, 10.5, "rocket", 0),
                ("coffee", ROCKET, 11, "rocket", 0),
                ("rocket", ROCKET, 12, "rocket", 0),
            ],
            id="fast choices, which the page passes late and in order",
        ),
        pytest.param(
            [
                ("cat", COFFEE, 10, "coffee", 0),
                ("coffee", COFFEE, 11, "coffee", 0),
                ("rocket", Report("cat"), 11.1, "rocket", 1),
                ("rocket", Report("cat", 1), 12, "cat", 1),
            ],
            id="page and browser ask for another at once",
        ),
        pytest.param(
            [
                ("cat", COFFEE, 10, "coffee", 0),
                ("rocket", COFFEE, 20, "rocket", 1),
                ("rocket", NO_REPORT, 30, "rocket", 2),
                ("rocket", NO_REPORT, 31, "rocket", 2),
            ],
            id="elements drawn anew receive a value once, even one sent before",
        ),
        pytest.param(
            [("cat", NO_REPORT, 10, "cat", 0), ("rocket", NO_REPORT, 10.1, "rocket", 1)],
            id="a place in the URL that arrives late",
        ),
    ],
)
def test_page_and_browser_agree(steps: list[tuple[str, Report | None, float, str, int]]) -> None:
    exchange = Exchange.start("cat").advance("cat", None, now=1)
    assert (exchange.sent, exchange.revision) == ("cat", 0)
    for passed, report, now, returned, revision in steps:
        earlier, exchange = exchange, exchange.advance(passed, report, now=now)
        assert (exchange.returned, exchange.revision) == (returned, revision)
        assert exchange.sent == (earlier.sent if revision == earlier.revision else returned)


START, USER, PAGE, THIRD = (0.5, 1.0), (0.2, 3.5), (0.9, 8.0), (0.3, 2.0)
Place = tuple[float, float]


def run(*runs: tuple[Place, Report[Place] | None]) -> Exchange[Place]:
    """Return an exchange after runs of a page with endless patience."""
    exchange = Exchange.start(runs[0][0])
    for second, (passed, report) in enumerate(runs):
        exchange = exchange.advance(passed, report, now=100.0 * second, patience_s=math.inf)
    return exchange


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        ([(START, None)], START),
        ([(START, None), (START, USER)], USER),  # the page has not read the report yet
        ([(START, None), (START, USER), (USER, USER)], USER),
        ([(START, None), (START, USER), (USER, THIRD)], THIRD),  # the user moved on meanwhile
        ([(START, None), (START, USER), (START, PAGE), (USER, THIRD), (PAGE, THIRD)], THIRD),  # far behind
        ([(START, None), *[(START, (i / 99, 1.0)) for i in range(99)]], (98 / 99, 1.0)),  # never reads
    ],
)
def test_reports_are_not_sent_back(runs: list[tuple[Place, Place | None]], shown: Place) -> None:
    exchange = run(*[(passed, value and Report(value)) for passed, value in runs])
    assert (exchange.returned, exchange.sent, exchange.revision) == (shown, START, 0)


@pytest.mark.parametrize("wanted", [PAGE, START])
def test_page_may_move_the_view(wanted: Place) -> None:
    user = Report(USER)
    moved = run((START, None), (START, user), (USER, user), (wanted, user))
    assert (moved.returned, moved.sent, moved.revision) == (wanted, wanted, 1)
    # The outdated report must not win later; a fresh one does.
    assert moved.advance(wanted, user, now=900).returned == wanted
    assert moved.advance(wanted, Report(THIRD, 1), now=900).returned == THIRD


def test_page_may_move_the_view_again_after_the_user() -> None:
    user = Report(USER, 1)
    moved = run((START, None), (PAGE, None), (PAGE, user), (USER, user), (PAGE, user))
    assert (moved.returned, moved.revision) == (PAGE, 2)


def test_viewer_that_was_hidden_gets_the_users_view() -> None:
    """Streamlit forgets reports of what it does not draw; the URL does not."""
    again = run((START, None), (START, Report(USER)), (USER, None))
    assert (again.returned, again.sent, again.revision) == (USER, USER, 1)
