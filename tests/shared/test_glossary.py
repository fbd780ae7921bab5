"""The glossary: every term that a text opens exists, and every term is opened somewhere."""

import re

import pytest

from app.pages import APP, course
from app.shared.glossary import Term, listed, terms

MARK = re.compile(r"\[[^]]+\]\(#term-([^)]*)\)")
TEXTS = sorted([*APP.glob("views/*/texts.md"), *APP.glob("views/*/texts.toml"), *APP.rglob("*.py")])
OPENED = {(path, name) for path in TEXTS for name in MARK.findall(path.read_text(encoding="utf-8"))}


def test_every_term_that_a_text_opens_exists_and_every_term_is_opened() -> None:
    assert {name for _, name in OPENED} == set(terms())


@pytest.mark.parametrize("page", course(), ids=lambda page: page.address)
def test_every_page_of_the_course_opens_terms(page) -> None:
    assert [name for path, name in OPENED if path.parent == page.file.parent]


@pytest.mark.parametrize(
    ("name", "term"), terms().items(), ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_definition_is_short_plain_text(name: str, term: Term) -> None:
    assert re.fullmatch(r"[a-z-]+", name)
    assert term.title[0].isupper()
    assert term.meaning.endswith(".")
    assert len(term.meaning) <= 220
    assert not set("$*[]<>`") & set(term.title + term.meaning)


def test_the_whole_glossary_is_in_alphabetical_order() -> None:
    titles = re.findall(r"^\*\*(.+?)\*\*: ", listed(), re.MULTILINE)
    assert len(titles) == len(terms())
    assert titles == sorted(titles, key=str.lower)
