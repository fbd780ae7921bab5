"""The first screen of the Compare page: what is on it, what its frame marks, and full screen."""

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser_app import all_panes, close_up, open_compare, open_gallery, pictures
from tests.browser.viewer import place, point

pytestmark = pytest.mark.browser
HIGHEST = 300  # CSS pixels above the viewer


def box(part: Locator) -> dict[str, float]:
    found = part.bounding_box()
    assert found is not None
    x, y, width, height = (float(found[side]) for side in ("x", "y", "width", "height"))
    return {"x": x, "y": y, "width": width, "height": height, "right": x + width, "bottom": y + height}


def verdict(page: Page) -> Locator:
    return page.get_by_text("One picture proves nothing")


def test_a_projector_shows_picture_bar_close_up_and_verdict(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_compare(page, app_url)
    assert box(pictures(page))["y"] <= HIGHEST
    frames = [*pictures(page).locator(".frame").all(), *close_up(page).locator(".frame").all()]
    assert len(frames) == 4
    for part in (*frames, verdict(page), page.get_by_role("list", name="Legend").first):
        expect(part).to_be_visible()
        assert box(part)["y"] > 0
        assert box(part)["bottom"] <= 720
    assert all(box(frame)["width"] > 180 for frame in frames)
    expect(page.get_by_role("link", name="Evidence").last).to_be_visible()
    open_gallery(page)
    expect(page.get_by_role("radio", name="Chelsea the cat")).to_be_attached()


def test_a_wide_picture_with_a_notice_is_still_on_the_screen(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_compare(page, app_url, "picture=coffee&task=Everyday+photographs")
    expect(page.get_by_role("button", name="Try Indoor scenes")).to_be_visible()
    assert box(pictures(page))["y"] <= HIGHEST
    assert all(box(frame)["bottom"] <= 720 for frame in pictures(page).locator(".frame").all())


def test_a_telephone_shows_a_result_at_once(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_compare(page, app_url)
    bar = pictures(page).locator(".frame:has(.bar)")
    assert box(bar)["bottom"] <= 844
    assert box(bar)["width"] > 300
    assert box(verdict(page))["bottom"] < box(bar)["y"]


def pixels(image: Locator) -> np.ndarray:
    """Return the pixels of a picture that the page holds."""
    source = image.get_attribute("src")
    assert source is not None
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("query", ["", "picture=chelsea", "picture=motorcycle_left&task=Indoor+depth"])
def test_the_frame_marks_what_the_close_up_shows(page: Page, app_url: str, query: str) -> None:
    open_compare(page, app_url, query)
    viewer = pictures(page)
    whole, part = (pixels(each.locator(".photo").first) for each in (viewer, close_up(page)))
    scale, left, top = place(viewer)
    for frame in viewer.locator(".frame").all():
        room, mark = box(frame), box(frame.locator(".mark"))
        x, y = ((mark[side] - room[side] - start) / scale for side, start in (("x", left), ("y", top)))
        assert (mark["width"] / scale, mark["height"] / scale) == pytest.approx(part.shape[1::-1], abs=0.1)
        assert (x, y) == pytest.approx((round(x), round(y)), abs=0.1)
        row, column = round(y), round(x)
        cut = whole[row : row + part.shape[0], column : column + part.shape[1]]
        np.testing.assert_array_equal(cut, part)


def test_the_frame_moves_with_the_picture(page: Page, app_url: str) -> None:
    open_compare(page, app_url)
    viewer = pictures(page)
    frame = viewer.locator(".frame").first
    before, (scale, left, top) = box(frame.locator(".mark")), place(viewer)
    point(page, frame, 0.3, 0.5)
    page.mouse.wheel(0, -250)
    page.wait_for_function(
        "([e, width]) => e.getBoundingClientRect().width > 1.2 * width",
        arg=[frame.locator(".mark").element_handle(), before["width"]],
    )
    after, (wider, new_left, new_top) = box(frame.locator(".mark")), place(viewer)
    room = box(frame)
    for side, old, new in (("x", left, new_left), ("y", top, new_top)):
        was, now = (before[side] - room[side] - old) / scale, (after[side] - room[side] - new) / wider
        assert now == pytest.approx(was, abs=1)


def test_under_a_layer_the_photograph_is_grey(page: Page, app_url: str) -> None:
    open_compare(page, app_url, "picture=chelsea")
    photograph, before, after = pictures(page).locator(".photo").all()
    expect(photograph).to_have_css("filter", "none")
    for photo in (before, after, *close_up(page).locator(".photo").all()):
        expect(photo).to_have_css("filter", "grayscale(1)")
    shot = Image.open(io.BytesIO(pictures(page).locator(".frame").first.screenshot())).convert("RGB")
    seen = np.asarray(shot).astype(int)
    assert (seen.max(-1) - seen.min(-1) > 30).mean() > 0.2  # a ginger cat


def fills(page: Page, viewer: Locator) -> bool:
    """Whether the viewer is the browser's full-screen element."""
    return viewer.evaluate("e => e.matches(':fullscreen')") and page.evaluate(
        "document.fullscreenElement !== null"
    )


def expect_screen(page: Page, viewer: Locator, full: bool) -> None:
    page.wait_for_function(
        "([e, full]) => e.matches(':fullscreen') === full", arg=[viewer.element_handle(), full]
    )


def test_full_screen_is_full_screen(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_compare(page, app_url)
    viewer = pictures(page)
    small = box(viewer.locator(".frame").first)
    viewer.get_by_role("button", name="Full screen").click()
    expect_screen(page, viewer, True)
    window: Any = page.evaluate("[innerWidth, innerHeight]")
    assert fills(page, viewer)
    assert [box(viewer)[side] for side in ("x", "y", "right", "bottom")] == [0, 0, *window]
    page.wait_for_function(
        "([e, width]) => e.getBoundingClientRect().width > 1.5 * width",
        arg=[viewer.locator(".frame").first.element_handle(), small["width"]],
    )
    for part in (*viewer.locator(".frame").all(), viewer.locator(".toolbar"), viewer.locator(".names")):
        expect(part).to_be_visible()
        assert box(part)["bottom"] <= window[1]
    viewer.get_by_role("button", name="Leave full screen").click()
    expect_screen(page, viewer, False)
    expect(viewer.get_by_role("button", name="Full screen", exact=True)).to_be_visible()
    assert not page.evaluate("document.fullscreenElement !== null")


def test_a_key_opens_full_screen_and_escape_leaves(page: Page, app_url: str) -> None:
    open_compare(page, app_url)
    viewer = all_panes(page)
    viewer.locator(".frame").nth(1).focus()
    page.keyboard.press("f")
    expect_screen(page, viewer, True)
    for frame in viewer.locator(".frame").all():
        assert box(frame)["bottom"] <= page.evaluate("innerHeight")
    page.keyboard.press("Escape")
    expect_screen(page, viewer, False)
    page.keyboard.press("f")
    expect_screen(page, viewer, True)
    page.keyboard.press("f")
    expect_screen(page, viewer, False)


def test_resetting_does_not_look_like_full_screen(page: Page, app_url: str) -> None:
    open_compare(page, app_url)
    drawn = {
        name: pictures(page).get_by_role("button", name=name).locator("path").get_attribute("d")
        for name in ("Reset: show the whole picture", "Full screen")
    }
    corners = re.compile(r"M2\.5 6V2\.5H6")
    assert [bool(corners.search(path or "")) for path in drawn.values()] == [False, True]


def test_pictures_come_before_their_tools_for_keys(page: Page, app_url: str) -> None:
    open_compare(page, app_url)
    pictures(page).locator(".frame").first.focus()
    page.keyboard.press("Tab")
    expect(pictures(page).locator(".frame").nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("slider", name="Position of the before/after bar")).to_be_focused()
