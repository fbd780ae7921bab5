"""The frame of every page without a browser: steps of the course, links that keep choices, presentation."""

from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from app import pages
from tests.views.opened import markdown, open_page

pytestmark = pytest.mark.slow


def links(app: AppTest) -> dict[str, tuple[str, dict[str, list[str]]]]:
    """Address and parameters of every link to a page, by its label."""
    return {
        link.proto.label: (link.proto.page, parse_qs(link.proto.query_string))
        for link in app.get("page_link")
    }


def styles(app: AppTest) -> str:
    return "\n".join(part.proto.body for part in app.get("html"))


def presented(app: AppTest) -> bool:
    return "font-size: 20px" in styles(app)


@pytest.mark.parametrize("number", range(1, 7))
def test_the_foot_of_the_course_leads_on_and_back(number: int) -> None:
    course = pages.course()
    page = course[number - 1]
    app = open_page(page.address)
    app.query_params["learn_steps"] = "40"
    app.run()
    assert not app.exception
    assert f"Step {number} of 6" in markdown(app)
    found = links(app)
    if number > 1:
        assert found[course[number - 2].title][0] == course[number - 2].address
    if number < len(course):
        assert found[course[number].title][0] == course[number].address
    assert found["Handout"][0] == "handout"


def test_other_pages_are_no_steps() -> None:
    app = open_page("lecture").run()
    assert not app.exception
    assert "Step " not in markdown(app).partition("Before the class")[0]
    assert not set(links(app)) & {page.title for page in pages.course()}


def test_links_keep_picture_task_and_presentation() -> None:
    app = open_page("scope")
    for key, value in {
        "picture": "coffee",
        "task": "Street scenes",
        "present": "1",
        "section": "Reach",
    }.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    kept = {"picture": ["coffee"], "task": ["Street scenes"], "present": ["1"]}
    assert links(app)["Offsets"] == ("offsets", kept)
    assert links(app)["Anatomy"] == ("anatomy", kept)


def test_present_is_entered_and_left_and_the_address_says_so() -> None:
    app = open_page("scope").run()
    assert not presented(app)
    assert not [button for button in app.button if button.label == "Leave"]
    app.button(key="frame-present").click().run()
    assert app.query_params["present"] == "1"
    assert presented(app)
    app.button(key="present-leave").click().run()
    assert not app.exception
    assert "present" not in app.query_params
    assert not presented(app)


@pytest.mark.parametrize("nonsense", ["0", "", "inf", "11"])
def test_only_one_value_presents(nonsense: str) -> None:
    app = open_page("scope")
    app.query_params["present"] = nonsense
    assert not presented(app.run())


def test_the_keys_turn_the_pages_of_the_lecture_from_first_to_last() -> None:
    slides = pages.lecture()
    for number, page in ((0, slides[0]), (len(slides) - 1, slides[-1])):
        app = open_page("" if page is pages.PAGES[0] else page.address)
        app.query_params["present"] = "1"
        app.run()
        assert not app.exception
        assert f"{number + 1} of 9 · {page.title}" in markdown(app)
        back, on = app.button(key="present-previous"), app.button(key="present-next")
        assert (back.proto.shortcut, on.proto.shortcut) == ("pageup", "pagedown")
        assert (back.disabled, on.disabled) == (number == 0, number == len(slides) - 1)


def test_turning_the_page_keeps_what_the_address_held() -> None:
    app = open_page("quiz")
    app.query_params["present"] = "1"
    app.query_params["picture"] = "coffee"
    app.query_params["task"] = "Street scenes"
    app.run()
    app.button(key="present-previous").click().run()
    assert not app.exception
    assert app.title[0].value == "Watch it learn"
    kept = {key: app.query_params.get(key) for key in ("present", "picture", "task")}
    assert kept == {"present": "1", "picture": "coffee", "task": "Street scenes"}
