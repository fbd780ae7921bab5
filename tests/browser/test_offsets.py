"""The Offsets page as a person uses it: click a cell, walk to another, read its numbers."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_app import expect_no_sideways_scroll

pytestmark = pytest.mark.browser


@pytest.fixture
def offsets(page: Page, app_url: str) -> Page:
    page.goto(f"{app_url}/offsets")
    expect(page.locator(".offsets .frame")).to_be_visible()
    return page


def test_a_cell_is_chosen_by_mouse_and_keyboard(offsets: Page) -> None:
    frame = offsets.locator(".offsets .frame")
    expect(offsets.get_by_text("Step 3 of 6")).to_be_visible()
    box = frame.bounding_box()
    assert box is not None
    # 30 by 20 cells fill the frame: the middle of column 10, row 5.
    frame.click(position={"x": box["width"] * 10.5 / 30, "y": box["height"] * 5.5 / 20})
    expect(offsets.get_by_text(re.compile("row 5, column 10"))).to_be_visible()
    assert re.search("cell=5(%2C|,)10", offsets.url)
    frame.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
        offsets.keyboard.press(key)
    expect(offsets.get_by_text(re.compile("row 6, column 12"))).to_be_visible()
    offsets.get_by_role("link", name="Look at one point of this cell").click()
    expect(offsets.get_by_role("heading", name="One point", exact=True)).to_be_visible()


def test_a_narrow_window_has_no_sideways_scroll(offsets: Page) -> None:
    offsets.set_viewport_size({"width": 390, "height": 800})
    expect(offsets.get_by_text("Length of every point").first).to_be_visible()
    expect_no_sideways_scroll(offsets, 390)
