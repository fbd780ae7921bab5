"""PAGES: the one table of the app's pages, and whether everything follows from it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from app import pages
from app.pages import APP, PAGES, Group, Page, page_at
from app.shared.texts import sections, split
from scripts.tables import page_table
from tests.views.opened import MAIN, forget, open_page

VIEWS = APP / "views"


def test_every_folder_of_a_page_is_in_the_table() -> None:
    folders = {path.parent.name for path in VIEWS.glob("*/page.py")}
    assert [page.address for page in PAGES] == list(dict.fromkeys(page.address for page in PAGES))
    assert folders == {page.address for page in PAGES}
    assert {page.group for page in PAGES} == set(get_args(Group))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.address)
def test_a_row_fits_the_navigation_and_the_readme(page: Page) -> None:
    assert page.file.is_file()
    assert len(page.title) <= 20
    assert page.purpose[0].islower() or page.purpose[0].isdigit()
    assert not page.purpose.endswith(".")
    assert f"| {page.title} | {page.group} | {page.purpose} |" in page_table().splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.address)
def test_every_section_of_a_pages_texts_is_drawn(page: Page) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted(page.file.parent.glob("*.py")))
    drawn = {section or "intro" for section in re.findall(rf'prose\("{page.address}"(?:, "(\w+)")?\)', code)}
    drawn |= set(re.findall(rf'sections\("{page.address}"\)\["(\w+)"\]', code))
    if page.address == "point":  # which of the two depends on the upsampler
        drawn |= {"fixed", "kernel"}
    texts = page.file.with_name("texts.md")
    assert drawn == (set(sections(page.address)) if texts.exists() else set())
    assert all(sections(page.address).values()) if texts.exists() else page.address in ("quiz", "lecture")


def test_sections_are_split_at_their_headings() -> None:
    text = "# one\n\nfirst\n\n## not a heading here\n\n# two\nsecond\n"
    assert split(text, "# ") == {"one": "first\n\n## not a heading here", "two": "second"}


def test_the_first_page_is_where_a_visitor_arrives() -> None:
    assert PAGES[0].address == "start"
    assert page_at("start") is PAGES[0]
    with pytest.raises(KeyError):
        page_at("nowhere")


def test_the_course_leads_from_the_operator_to_the_questions() -> None:
    titles = ["Anatomy", "Scope and overlap", "Offsets", "One point", "Watch it learn", "Check yourself"]
    assert [page.title for page in pages.course()] == titles
    assert [page.title for page in pages.lecture()] == ["Start", "Compare", *titles, "Evidence"]


def test_the_navigation_has_groups_and_leaves_out_what_is_only_linked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, list[str]] = {}
    navigation = st.navigation

    def spy(sections, **options):
        seen.update(
            {
                name: [page.title for page in sections[name] if page.visibility == "visible"]
                for name in sections
            }
        )
        return navigation(sections, **options)

    monkeypatch.setattr(st, "navigation", spy)
    app = open_page("lecture").run()
    assert not app.exception
    course = ["Anatomy", "Scope and overlap", "Offsets", "One point", "Watch it learn", "Check yourself"]
    expected = {
        "": ["Start"],
        "See": ["Compare", "Evidence"],
        "Understand": course,
        "Use": ["Your model", "Cost"],
    }
    assert seen == expected
    assert list(seen) == list(expected)


def test_a_link_to_a_page_reaches_its_script() -> None:
    """Links take the script relative to the entry, as the navigation does."""
    for page in PAGES:
        assert (MAIN.parent / page.script).resolve() == page.file.resolve()


@dataclass(frozen=True, slots=True)
class ElsewherePage(Page):
    """A page whose folder is not in the app."""

    folder: str = ""

    @property
    def script(self) -> str:
        return str(Path(self.folder) / self.address / "page.py")


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """An eleventh page: one folder and one row."""
    folder = tmp_path / "stub"
    folder.mkdir()
    (folder / "texts.md").write_text("# intro\n\nA page for the *tests*.\n", encoding="utf-8")
    (folder / "page.py").write_text(
        'import streamlit as st\nfrom app.shared.controls import prose\nst.title("A stub")\nprose("stub")\n',
        encoding="utf-8",
    )
    page = ElsewherePage("stub", "Stub", "Use", "a page that a test adds", folder=str(tmp_path))
    monkeypatch.setattr(pages, "PAGES", (*PAGES, page))
    monkeypatch.setattr("scripts.tables.PAGES", (*PAGES, page))
    sections.cache_clear()
    yield page
    sections.cache_clear()
    forget()


@pytest.mark.slow
def test_a_new_page_costs_a_folder_and_a_row(stub: Page) -> None:
    assert page_at("stub") is stub
    app = open_page("stub").run()
    assert not app.exception
    assert app.title[0].value == "A stub"
    assert "A page for the *tests*." in [each.value for each in app.markdown]
    assert "| Stub | Use | a page that a test adds |" in page_table()
    # The pages beside it are where they were.
    other = AppTest.from_file(str(MAIN), default_timeout=120)
    other._page_hash = calc_hash("quiz")
    other.run()
    assert not other.exception
    assert other.title[0].value == "Check yourself"
