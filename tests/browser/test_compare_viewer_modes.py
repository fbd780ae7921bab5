"""The picture viewer's before/after bar, opacity, small windows and touch."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from app.components.viewer.viewer import View
from tests.browser.browser_app import expect_no_sideways_scroll
from tests.browser.viewer import START, open_viewer, place, point, room, told, told_view

pytestmark = pytest.mark.browser


@pytest.fixture
def url(components_url: str) -> str:
    return f"{components_url}/viewer"


def uncovered(viewer: Locator) -> float:
    """Share of the frame's width where the second picture is cut away."""
    cut = viewer.locator(".clip").nth(1).evaluate("e => getComputedStyle(e).clipPath")
    percent = re.fullmatch(r"inset\(0px 0px 0px ([\d.]+)%\)", cut)
    assert percent is not None, cut
    return float(percent[1]) / 100


def test_slider_shows_two_layers_in_one_pane(page: Page, url: str) -> None:
    viewer = open_viewer(page, url, "mode=slider")
    expect(viewer.locator(".frame")).to_have_count(1)
    expect(viewer.locator(".title")).to_have_text(["nearest", "bilinear"])
    assert uncovered(viewer) == 0.5


def test_slider_by_keyboard(page: Page, url: str) -> None:
    viewer = open_viewer(page, url, "mode=slider")
    bar = viewer.get_by_role("slider", name="Position of the before/after bar")
    viewer.locator(".frame").focus()
    page.keyboard.press("Tab")
    expect(bar).to_be_focused()
    for _ in range(15):
        page.keyboard.press("ArrowLeft")
    expect(bar).to_have_attribute("aria-valuetext", re.compile("^35.% nearest, 65.% bilinear$"))
    expect(told(page)).to_have_text("main 0.5,0.5,1,0.6,0.35")
    assert uncovered(viewer) == pytest.approx(0.35)


def test_slider_by_dragging_the_bar(page: Page, url: str) -> None:
    viewer = open_viewer(page, url, f"mode=slider&view={View(zoom=3).to_query()}")
    frame, before = viewer.locator(".frame"), place(viewer)
    point(page, frame, 0.5, 0.3)
    page.mouse.down()
    point(page, frame, 0.7, 0.35)
    assert uncovered(viewer) == pytest.approx(0.7, abs=0.01)
    expect(told(page)).to_have_text(f"main {View(zoom=3).to_query()}")  # silent while the hand moves
    page.mouse.up()
    expect(told(page)).to_have_text(re.compile(r"main 0.5,0.5,3,0.6,0.(69|70|7)"))
    assert place(viewer) == before


def test_opacity_acts_at_once_and_is_told_at_the_end(page: Page, url: str) -> None:
    viewer = open_viewer(page, url)
    opacity = viewer.get_by_role("slider", name="Overlay opacity")
    left, top, width, height = room(opacity)
    page.mouse.move(left + 0.6 * width, top + height / 2)
    page.mouse.down()
    page.mouse.move(left + width, top + height / 2)
    for layer in viewer.locator(".layer").all():
        expect(layer).to_have_css("opacity", "1")
    expect(told(page)).to_have_text(f"main {START}")
    page.mouse.up()
    expect(told(page)).to_have_text("main 0.5,0.5,1,1,0.5")
    expect(viewer.locator(".opacity .value")).to_have_text(re.compile("100"))


def test_narrow_window_has_one_column(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    viewer = open_viewer(page, url)
    rooms = [room(frame) for frame in viewer.locator(".frame").all()]
    assert len({left for left, *_ in rooms}) == 1
    assert all(width > 300 for _, _, width, _ in rooms)
    expect_no_sideways_scroll(page, 390)


def test_wide_window_has_a_column_for_each_pane(page: Page, url: str) -> None:
    frames = open_viewer(page, url).locator(".frame").all()
    assert len({frame.evaluate("e => e.getBoundingClientRect().top") for frame in frames}) == 1


def test_turning_the_wheel_back_on_a_whole_picture_scrolls_the_page(page: Page, url: str) -> None:
    viewer = open_viewer(page, url)
    frame = viewer.locator(".frame").first
    point(page, frame, 0.5, 0.5)
    before = frame.evaluate("e => e.getBoundingClientRect().top")
    page.mouse.wheel(0, 200)
    page.wait_for_function(
        "([e, top]) => e.getBoundingClientRect().top < top - 50", arg=[frame.element_handle(), before]
    )
    expect(viewer.locator(".percent")).to_have_text(re.compile("100"))


def test_two_fingers_zoom_all_panes(page: Page, url: str) -> None:
    viewer = open_viewer(page, url)
    scale, *_ = place(viewer)
    left, top, width, height = room(viewer.locator(".frame").first)
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, distance: float) -> None:
        y = top + height / 2
        points = [{"x": left + width / 2 + side * distance, "y": y, "id": side} for side in (0, 1)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if distance else []})

    fingers("touchStart", 30)
    for distance in (40, 60, 90):
        fingers("touchMove", distance)
    fingers("touchEnd", 0)
    expect(told(page)).not_to_have_text(f"main {START}")
    assert place(viewer)[0] == pytest.approx(3 * scale, rel=0.02)
    assert told_view(page).zoom == pytest.approx(3, rel=0.02)
