"""The frame as a person meets it: groups, old links, terms, the foot of the course, presentation, paper."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser_app import START_MS, expect_no_sideways_scroll, go_to, pictures

pytestmark = pytest.mark.browser

REACH = "scope?section=Reach+and+overlap"


def opened(page: Page, url: str, address: str, heading: str) -> None:
    page.goto(f"{url}/{address}", timeout=START_MS)
    arrived(page, heading)


def arrived(page: Page, heading: str) -> None:
    """Wait until a page is drawn to its end."""
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible(timeout=START_MS)
    expect(page.get_by_text("Networks run on the")).to_be_attached(timeout=START_MS)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=START_MS)


def foot(page: Page) -> Locator:
    return page.locator(".st-key-course-foot")


def press(page: Page, key: str) -> None:
    """Press a key of a presentation once the page listens to it."""
    expect(page.locator(".st-key-present-leave button")).to_be_enabled()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=START_MS)
    page.keyboard.press(key)


def bottom(part: Locator) -> float:
    box = part.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900)], ids=str)
def test_start_has_picture_and_doors_on_the_first_screen(
    page: Page, app_url: str, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, app_url, "", "DySample Lab")
    frame = page.locator(".viewer .frame")
    expect(page.locator(".viewer .layer").last).to_have_js_property("complete", True)
    for door in ("See it: a minute", "Teach it: a lecture", "Decide: two minutes"):
        assert bottom(page.get_by_role("link", name=door)) < size[1]
    assert bottom(frame) < size[1]
    box = frame.bounding_box()
    assert box is not None
    assert box["y"] < 300
    page.get_by_role("slider", name="Position of the before/after bar").focus()
    page.keyboard.press("ArrowRight")  # the picture is alive


def test_start_fits_a_telephone(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, app_url, "", "DySample Lab")
    assert bottom(page.locator(".viewer .frame")) < 844
    expect_no_sideways_scroll(page, 390)


def test_the_navigation_has_groups(page: Page, app_url: str) -> None:
    opened(page, app_url, "", "DySample Lab")
    for group, titles in (
        ("See", ["Compare", "Evidence"]),
        ("Use", ["Your model", "Cost"]),
        (
            "Understand",
            ["Anatomy", "Scope and overlap", "Offsets", "One point", "Watch it learn", "Check yourself"],
        ),
    ):
        page.get_by_role("button", name=group, exact=True).click()
        expect(page.get_by_role("menuitem")).to_have_text(titles)
        page.keyboard.press("Escape")
        expect(page.get_by_role("menuitem")).to_have_count(0)
    go_to(page, "Understand", "Check yourself")
    arrived(page, "Check yourself")
    expect(page).to_have_url(re.compile("/quiz$"))


def test_an_old_link_opens_the_comparison_and_back_leaves_it(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/_stcore/health")
    query = "picture=coffee&task=Street+scenes&up=Bilinear&up=DySample%2B"
    page.goto(f"{app_url}/?{query}", timeout=START_MS)
    expect(page).to_have_url(f"{app_url}/compare?{query}")
    for name in ("Bilinear", "DySample+"):
        expect(pictures(page).get_by_text(name, exact=True)).to_be_visible(timeout=START_MS)
    page.go_back()
    expect(page).to_have_url(re.compile("health$"))


def test_terms_open_where_they_stand_by_mouse_and_keyboard(page: Page, app_url: str) -> None:
    opened(page, app_url, REACH, "Scope and overlap")
    term, note = page.locator('a[href="#term-reach"]'), page.locator(".term")
    expect(term).to_have_attribute("role", "button")
    before = page.url
    term.click()
    expect(note).to_contain_text("The square around a starting point")
    expect(term).to_have_attribute("aria-expanded", "true")
    box, place = note.bounding_box(), term.bounding_box()
    assert box is not None
    assert place is not None
    assert 0 <= box["y"] - (place["y"] + place["height"]) < 20
    term.click()
    expect(note).to_be_hidden()
    for key in ("Enter", " "):
        term.focus()
        page.keyboard.press(key)
        expect(note).to_be_visible()
        page.keyboard.press("Escape")
        expect(note).to_be_hidden()
        expect(term).to_have_attribute("aria-expanded", "false")
        expect(term).to_be_focused()
    assert page.url == before
    page.set_viewport_size({"width": 390, "height": 844})
    term.click()
    box = note.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_the_foot_leads_through_the_course_and_keeps_picture_and_task(page: Page, app_url: str) -> None:
    opened(page, app_url, f"{REACH}&picture=coffee&task=Street+scenes", "Scope and overlap")
    expect(foot(page)).to_contain_text("Step 2 of 6")
    foot(page).get_by_role("link", name="Offsets").click()
    arrived(page, "Where the points go")
    expect(foot(page)).to_contain_text("Step 3 of 6")
    expect(page).to_have_url(re.compile("picture=coffee"))
    expect(page.get_by_role("radio", name="Street scenes")).to_be_checked()
    expect(page.locator(".offsets .frame")).to_be_visible()
    foot(page).get_by_role("link", name="Scope and overlap").click()
    arrived(page, "Scope and overlap")
    expect(foot(page)).to_contain_text("Step 2 of 6")


def test_present_hides_controls_and_its_keys_turn_the_pages(page: Page, app_url: str) -> None:
    opened(page, app_url, "quiz?picture=coffee", "Check yourself")
    page.get_by_role("button", name="Present", exact=True).click()
    expect(page).to_have_url(re.compile("present=1"))
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    expect(foot(page)).to_be_hidden()
    expect(page.get_by_role("radio", name=re.compile("^A"))).to_be_visible()  # what is asked stays
    press(page, "PageUp")
    arrived(page, "Watch it learn")
    expect(page).to_have_url(re.compile("/learn.*present=1"))
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stButtonGroup").first).to_be_hidden()
    press(page, "PageDown")
    arrived(page, "Check yourself")
    press(page, "Escape")
    expect(page.get_by_test_id("stHeader")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/quiz\?picture=coffee$"))


def test_a_presented_page_begins_at_its_top_and_keeps_its_own_keys(page: Page, app_url: str) -> None:
    opened(page, app_url, "anatomy", "Anatomy of DySample")
    page.get_by_role("button", name="Present", exact=True).click()
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop === 0")
    expect(page.get_by_role("button", name="Next", exact=True)).to_have_count(0)
    press(page, "ArrowRight")
    expect(page).to_have_url(re.compile("stage=linear"))
    page.locator('a[href^="#term-"]').first.click()
    expect(page.locator(".term")).to_be_visible()
    page.keyboard.press("Escape")  # closes the note alone
    expect(page.locator(".term")).to_be_hidden()
    expect(page).to_have_url(re.compile("present=1"))
    press(page, "Escape")
    expect(page.get_by_test_id("stHeader")).to_be_visible()


def test_paper_has_no_controls_and_keeps_the_figures(page: Page, app_url: str) -> None:
    opened(
        page,
        app_url,
        "handout?picture=street&task=Street+scenes&up=Bilinear&up=DySample",
        "Learning where to read",
    )
    expect(page.get_by_role("button", name="Print, or save as PDF")).to_be_visible()
    charts = page.locator(".stPlotlyChart:not(.printed-chart)")
    expect(charts).to_have_count(10)
    expect(charts.last.locator(".main-svg").first).to_be_attached()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    for control in ("stHeader", "stButtonGroup", "stExpander", "stCheckbox"):
        expect(page.get_by_test_id(control).first).to_be_hidden()
    expect(page.locator("button:visible")).to_have_count(0)
    expect(page.locator(".printed-chart")).to_have_count(10)
    expect(page.locator(".printed-chart .main-svg").first).to_be_visible()
    expect(page.get_by_text("Figure 12.")).to_be_visible()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    expect(page.locator(".printed-chart")).to_have_count(0)
    expect(charts.first).to_be_visible()


def test_every_page_prints_without_controls(page: Page, app_url: str) -> None:
    opened(page, app_url, REACH, "Scope and overlap")
    page.emulate_media(media="print")
    for part in ("stHeader", "stButtonGroup", "stSlider", "stPageLink"):
        expect(page.get_by_test_id(part).first).to_be_hidden()
    expect(page.get_by_role("button", name="Present")).to_be_hidden()
    expect(page.get_by_role("heading", name="Scope and overlap")).to_be_visible()
    page.emulate_media(media="screen")
