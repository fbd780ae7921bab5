"""No value in an address stops a page: every parameter of every page, found in what the page draws."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.pages import APP, PAGES, Page
from tests.views.opened import open_page

pytestmark = pytest.mark.slow

# Choices that bring out fields which a page does not have at first.
HIDDEN: dict[str, dict[str, str]] = {
    "anatomy": {"anatomy_on": "Picture"},
    "cost": {"cost_map": "My own size"},
    "offsets": {"below": "One channel"},
    "scope": {"section": "Boundary disorder"},
}
VALUES: tuple[str | list[str], ...] = (
    "inf",
    "-1e309",
    "nan",
    "-1",
    "9" * 5000,
    "",
    "x" * 20_000,
    "Ü\u202e💥",
    "<img src=x onerror=alert(1)> ![x](https:host) $x$",
    ["1", "inf", "1"],
)


def written() -> set[str]:
    """Parameters that the app reads by itself, without a widget."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in APP.rglob("*.py"))
    names = dict(re.findall(r'^(\w+) = "(\w+)"', code, re.MULTILINE))
    names |= {
        name: value
        for line in re.findall(r"^(\w+, \w+) = (.+)$", code, re.MULTILINE)
        for name, value in pairs(*line)
    }
    asked = re.findall(r"query_params(?:\.get\(|\[)(\"?\w+\"?)", code)
    return {
        name.strip('"') if name.startswith('"') else names[name]
        for name in asked
        if name in names or name.startswith('"')
    }


def pairs(left: str, right: str) -> Iterator[tuple[str, str]]:
    values = re.findall(r'"([\w.]+)"', right)
    yield from zip(left.split(", "), values, strict=False)


def bound(app: AppTest) -> set[str]:
    """Parameters that are bound to the widgets of a page."""

    def walk(part: Any) -> Iterator[str]:
        for child in getattr(part, "children", {}).values():
            yield getattr(getattr(child, "proto", None), "query_param_key", "")
            yield from walk(child)

    return set(walk(app._tree)) - {""}


def run(page: Page, query: dict[str, Any]) -> AppTest:
    app = open_page("" if page is PAGES[0] else page.address)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_the_parameters_are_known() -> None:
    assert {"picture", "view", "tour", "cell", "question"} <= written()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.address)
def test_no_value_stops_a_page(page: Page) -> None:
    fixed = HIDDEN.get(page.address, {})
    names = written() | bound(run(page, fixed))
    values = {name: VALUES[place % len(VALUES)] for place, name in enumerate(sorted(names))}
    app = run(page, values | fixed)
    assert not app.exception, [error.message for error in app.exception]
    # What was added by the fixed choices may be a number, which infinity stops first of all.
    app = run(page, dict.fromkeys(names, "inf") | fixed)
    assert not app.exception, [error.message for error in app.exception]
    for field in app.number_input:
        value, least, most = (float(number or 0) for number in (field.value, field.min, field.max))
        assert least <= value <= most
