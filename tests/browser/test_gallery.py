"""The gallery, and the field for the visitor's own picture, in a real browser."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser_app import expect_no_sideways_scroll
from tests.browser.pages.gallery_page import COPIES, ODD_TITLE, PHOTOGRAPHS, jpeg

pytestmark = pytest.mark.browser

START_MS = 120_000
LAST = f"copy-{COPIES - 1}"
PRIMARY = "rgb(0, 104, 165)"  # of the light theme


@pytest.fixture
def url(components_url: str) -> str:
    return f"{components_url}/gallery"


def open_gallery(page: Page, url: str, query: str = "") -> Locator:
    """Load the page and return its gallery, drawn."""
    page.goto(f"{url}?{query}", timeout=START_MS)
    expect(page.get_by_text(re.compile("^own "))).to_be_visible(timeout=START_MS)
    gallery = page.get_by_role("radiogroup", name="Picture")
    expect(gallery.locator("img").last).to_have_js_property("complete", True, timeout=START_MS)
    return gallery


def radio(gallery: Locator, name: str) -> Locator:
    return gallery.get_by_role("radio", name=name, exact=True)


def expect_chosen(page: Page, key: str) -> None:
    """Browser, Python and URL must agree."""
    expect(page.locator(".gallery input:checked")).to_have_value(key)
    expect(page.get_by_text(re.compile("^chosen "))).to_have_text(f"chosen {key}")
    page.wait_for_url(re.compile(rf"picture={key}$"))


def expect_runs(page: Page, count: int) -> None:
    expect(page.get_by_text(re.compile("^runs "))).to_have_text(f"runs {count}")


def test_click_chooses_at_once_and_tells_python(page: Page, url: str) -> None:
    gallery = open_gallery(page, url)
    expect_chosen(page, "astronaut")
    coffee, frames = radio(gallery, "Coffee"), gallery.locator(".frame")
    seen = coffee.evaluate(
        "e => { e.click(); return getComputedStyle(e.parentElement.querySelector('.mark')).visibility; }"
    )
    assert seen == "visible"  # in the very same task: nobody was asked
    expect_chosen(page, "coffee")
    radio(gallery, "Rocket").click()
    expect_chosen(page, "rocket")
    expect(gallery.locator(".mark").nth(3)).to_be_visible()
    expect(gallery.locator(".mark").nth(2)).to_be_hidden()
    expect(frames.nth(3)).to_have_css("outline", f"{PRIMARY} solid 3px")
    expect(frames.nth(2)).to_have_css("outline-width", "1px")
    expect_runs(page, 3)


def test_keys_move_the_choice(page: Page, url: str) -> None:
    gallery = open_gallery(page, url)
    page.get_by_label("Photographs only").focus()
    page.keyboard.press("Tab")
    expect(radio(gallery, "Astronaut")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(radio(gallery, "Chelsea the cat")).to_be_focused()
    expect(gallery.locator(".card").nth(1)).to_have_css("outline-style", "solid")
    expect_chosen(page, "chelsea")
    expect(radio(gallery, "Chelsea the cat")).to_be_focused()
    page.keyboard.press("End")
    expect(radio(gallery, ODD_TITLE)).to_be_focused()
    expect_chosen(page, LAST)
    page.keyboard.press("Home")
    expect_chosen(page, "astronaut")
    page.keyboard.press("ArrowUp")  # the group is a ring, across its sections
    expect_chosen(page, LAST)
    page.keyboard.press("Tab")
    assert not gallery.evaluate("e => e.matches(':focus-within')")  # one stop for the whole group


def test_a_walk_by_keys_is_told_once(page: Page, url: str) -> None:
    gallery = open_gallery(page, url)
    expect_runs(page, 1)
    radio(gallery, "Astronaut").evaluate(
        """e => { for (const key of ["End", "Home", "End"])
                    e.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })) }"""
    )
    expect_chosen(page, LAST)
    expect_runs(page, 2)


def test_back_button_and_the_same_choice_again(page: Page, url: str) -> None:
    gallery = open_gallery(page, url, "picture=chelsea")
    for _ in range(2):
        radio(gallery, "Rocket").click()
        expect_chosen(page, "rocket")
        page.wait_for_timeout(2100)  # Python takes an old URL for a late one until then
        page.go_back()
        expect_chosen(page, "chelsea")


def test_the_page_may_ask_for_a_picture(page: Page, url: str) -> None:
    gallery = open_gallery(page, url, "picture=copy-2")
    page.get_by_role("button", name="Ask for coffee").click()
    expect_chosen(page, "coffee")
    radio(gallery, "Rocket").click()
    expect_chosen(page, "rocket")
    page.get_by_text("Photographs only").click()
    expect(gallery.get_by_role("radio")).to_have_count(len(PHOTOGRAPHS))
    expect_chosen(page, "rocket")
    page.get_by_text("Photographs only").click()
    expect(gallery.get_by_role("radio")).to_have_count(len(PHOTOGRAPHS) + COPIES)
    expect_chosen(page, "rocket")


def test_titles_are_text_and_screen_readers_get_names(page: Page, url: str) -> None:
    gallery = open_gallery(page, url)
    expect(radio(gallery, ODD_TITLE)).to_have_count(1)
    expect(gallery.get_by_role("group", name="Copies & <i>more</i>").get_by_role("radio")).to_have_count(
        COPIES
    )
    expect(gallery.locator("b, i")).to_have_count(0)
    for key, (title, alt) in PHOTOGRAPHS.items():
        named = gallery.get_by_role("group", name="Photographs").get_by_role("radio", name=title, exact=True)
        expect(named).to_have_value(key)
        expect(named).to_have_accessible_description(alt)


@pytest.mark.parametrize("key", ["astronaut", LAST])
def test_narrow_window_scrolls_each_section_to_the_choice(page: Page, url: str, key: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    gallery = open_gallery(page, url, f"picture={key}")
    expect_chosen(page, key)
    expect_no_sideways_scroll(page, 390)
    strips = gallery.locator(".strip")
    assert strips.evaluate_all("all => all.map(e => e.scrollWidth > e.clientWidth)") == [True, True]
    tops = gallery.locator(".card").evaluate_all("all => all.map(e => e.getBoundingClientRect().top)")
    assert len(set(tops)) == 2
    box = gallery.locator(".card:has(:checked)").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("scrollY") == 0


def test_wide_window_wraps(page: Page, url: str) -> None:
    gallery = open_gallery(page, url)
    heights = gallery.locator(".frame").evaluate_all("all => all.map(e => e.offsetHeight)")
    assert set(heights) == {78}
    assert gallery.locator(".strip").evaluate_all("all => all.map(e => e.scrollWidth - e.clientWidth)") == [
        0,
        0,
    ]
    tops = gallery.locator(".card").evaluate_all("all => all.map(e => e.getBoundingClientRect().top)")
    assert len(set(tops)) == 3  # one row of photographs, two of copies


def test_dark_theme_keeps_the_marks(page: Page, url: str) -> None:
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    gallery = open_gallery(page, url)
    expect(gallery.locator(".card:has(:checked) .frame")).to_have_css("outline-color", "rgb(0, 125, 188)")
    expect(gallery.locator(".card:has(:checked) .title")).to_have_css("color", "rgb(232, 237, 244)")
    expect(gallery.locator(".card").first).to_have_css("transition-duration", "0s")


def test_own_picture_arrives(page: Page, url: str) -> None:
    open_gallery(page, url)
    expect(page.get_by_text("own nothing")).to_be_visible()
    picture = jpeg("coffee")
    page.locator("input[type=file]").set_input_files(
        {"name": "my street.jpg", "mimeType": "image/jpeg", "buffer": picture}
    )
    expect(page.get_by_text(re.compile("^own "))).to_have_text(f"own my street.jpg, {len(picture)} bytes")
    expect(page.get_by_text("Take a photograph")).to_have_count(0)
