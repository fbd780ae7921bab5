"""The lecture notes: what they open exists, in the order of the lecture, within its minutes."""

import re
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest

from app.pages import PAGES, lecture, page_at
from app.shared.photos import gallery_items
from app.views.anatomy.tour import TOUR
from dysample.models.manifest import load_manifest
from dysample.ops.registry import OPERATORS
from tests import ROOT
from tests.views.opened import markdown, open_page

NOTES = (ROOT / "docs" / "lecture.md").read_text(encoding="utf-8")
LINKS = [urlsplit(link) for link in re.findall(r"\((http://localhost:8501/[^)\s]*)\)", NOTES)]


def rows() -> list[tuple[int, int, str]]:
    """The minutes and the page of every row of the table."""
    return [
        (int(a), int(b), title) for a, b, title in re.findall(r"^\| (\d+)–(\d+) \| (.+?) \|", NOTES, re.M)
    ]


def test_the_minutes_follow_each_other_to_the_end() -> None:
    assert rows()[0][0] == 0
    assert rows()[-1][1] == 45
    assert all(before[1] == after[0] for before, after in pairwise(rows()))


def test_the_pages_are_those_of_the_lecture_in_its_order() -> None:
    assert [title for *_, title in rows()] == [page.title for page in lecture()]
    headings = re.findall(r"^## (\d+)–(\d+): (.+)$", NOTES, re.M)
    assert [(int(a), int(b), title) for a, b, title in headings] == rows()


def test_every_part_opens_its_page_presented() -> None:
    parts = NOTES.split("\n## ")
    for page in lecture():
        (part,) = [part for part in parts if re.match(rf"\d+–\d+: {page.title}\n", part)]
        address = "" if page is PAGES[0] else page.address
        assert f"http://localhost:8501/{address}?present=1" in part
        assert "**Say.**" in part or "**Do.**" in part
        assert "Ask" in part or "**Do.**" in part


@pytest.mark.parametrize("link", LINKS, ids=lambda link: f"{link.path}?{link.query}")
def test_what_a_link_asks_for_is_there(link) -> None:
    if link.path != "/":
        assert page_at(link.path.strip("/"))
    known = {
        "present": {"1"},
        "picture": {item.key for item in gallery_items()},
        "task": {task.title for task in load_manifest().tasks},
        "up": {spec.label for spec in OPERATORS.values()},
        "tour": {str(number) for number in range(1, len(TOUR) + 1)},
        "section": {"Initial grids", "Reach and overlap", "Dynamic scope", "Boundary disorder"},
    }
    for name, values in parse_qs(link.query, strict_parsing=True).items():
        assert set(values) <= known[name], name


@pytest.mark.slow
def test_the_page_shows_the_notes_with_links_into_this_app() -> None:
    app = open_page("lecture").run()
    assert not app.exception
    assert app.title[0].value == "A lecture of 45 minutes"
    assert "localhost" not in markdown(app)
    assert "(./scope?present=1&section=Reach+and+overlap)" in markdown(app)
    assert ".md)" not in markdown(app)
