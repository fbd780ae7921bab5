"""The offset canvas in a real browser: cells, keys, view and words."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.offset_canvas import drawn, expect_chosen, locate, open_canvas, place, zoom_in
from tests.browser.pages.offset_canvas_page import MAPS, offsets, positions

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = MAPS["small"]


@pytest.fixture
def url(components_url: str) -> str:
    return f"{components_url}/offsets"


def spoken(column: int, row: int) -> str:
    """Mean offset of a cell, computed from the field itself."""
    moved = offsets(positions(WIDTH, HEIGHT, 2), 0.0)[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
    dx, dy = moved.mean(axis=(0, 1))
    sides = ("right" if dx > 0 else "left", "down" if dy > 0 else "up")
    return f"mean offset {abs(dx):.2f} pixels {sides[0]} and {abs(dy):.2f} pixels {sides[1]}."


def test_click_chooses_the_cell_under_the_pointer(page: Page, url: str) -> None:
    frame = open_canvas(page, url)
    scale = place(frame).scale
    for cell in [(0, 0), (23, 0), (0, 15), (23, 15), (12, 8)]:
        for x, y in [(1.5 / scale, 1 - 1.5 / scale), (1 - 1.5 / scale, 1.5 / scale)]:  # inside its corners
            page.mouse.click(*locate(frame, cell[0] + x, cell[1] + y))
            expect_chosen(page, *cell)
        mark, box = frame.locator(".chosen").bounding_box(), frame.bounding_box()
        assert mark
        assert box
        inside = (mark["x"] - box["x"], mark["y"] - box["y"], mark["width"])
        assert inside == pytest.approx((cell[0] * scale, cell[1] * scale, scale), abs=0.6), cell


def test_click_after_zoom_and_pan(page: Page, url: str) -> None:
    frame = open_canvas(page, url)
    zoom_in(page, frame, 20.5, 12.5, turns=3)
    before = place(frame)
    page.mouse.move(*locate(frame, 20.5, 12.5))
    page.mouse.down()
    page.mouse.move(*locate(frame, 19.5, 13), steps=4)
    page.mouse.up()
    drawn(page)
    after = place(frame)
    assert after.left - before.left == pytest.approx(-before.scale, abs=1.5)
    assert after.top - before.top == pytest.approx(0.5 * before.scale, abs=1.5)
    expect(frame).to_have_attribute("data-cell", "")  # a drag chooses nothing
    for cell in [(21, 11), (20, 12)]:
        page.mouse.click(*locate(frame, cell[0] + 0.5, cell[1] + 0.5))
        expect_chosen(page, *cell)
    frame.dblclick()
    drawn(page)
    assert place(frame).zoom == 1


def test_ctrl_wheel_zooms_about_the_pointer_and_a_wheel_alone_scrolls(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 500})
    frame = open_canvas(page, url)
    before, point = place(frame), (5.3, 2.6)
    where = locate(frame, *point)
    zoom_in(page, frame, *point, turns=2)
    assert place(frame).scale > 2 * before.scale
    assert locate(frame, *point) == pytest.approx(where, abs=1)
    zoomed = place(frame)
    top = frame.evaluate("e => e.getBoundingClientRect().top")
    page.mouse.wheel(0, 120)
    page.wait_for_function(
        "([e, top]) => e.getBoundingClientRect().top < top", arg=[frame.element_handle(), top]
    )
    assert place(frame) == zoomed


def test_keys_walk_choose_zoom_and_leave(page: Page, url: str) -> None:
    frame = open_canvas(page, url)
    page.get_by_role("button", name="Save as SVG").focus()
    page.keyboard.press("Tab")
    expect(frame).to_be_focused()
    expect(frame).to_have_css("outline", "rgb(0, 104, 165) solid 3px")
    expect(frame).to_have_attribute("data-cursor", "12,8")
    live = page.locator(".offsets .live")
    expect(live).to_have_text("Row 8, column 12: mean offset zero.")
    for key in 8 * ["ArrowUp"] + 9 * ["ArrowLeft"] + 4 * ["ArrowDown"]:
        page.keyboard.press(key)
    expect(live).to_have_text(f"Row 4, column 3: {spoken(3, 4)}")
    expect(page.locator(".offsets .status")).to_have_text(
        re.compile(r"^Row 4, column 3: mean offset x.[+−]0\.\d\d, y")
    )
    page.keyboard.press("Enter")
    expect_chosen(page, 3, 4)
    expect(live).to_have_text(f"Row 4, column 3, chosen: {spoken(3, 4)}")
    for _ in range(5):
        page.keyboard.press("+")
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    expect(frame).to_have_attribute("data-cursor", "23,4")  # the last column, and still in sight
    drawn(page)
    assert place(frame).zoom > 4
    cursor, box = frame.locator(".cursor").bounding_box(), frame.bounding_box()
    assert cursor
    assert box
    assert cursor["x"] + cursor["width"] <= box["x"] + box["width"] + 1
    page.keyboard.press("0")
    drawn(page)
    assert place(frame).zoom == 1
    page.keyboard.press("Escape")
    expect(frame).not_to_be_focused()
    expect(frame).to_have_attribute("data-cursor", "")


def test_reruns_keep_the_view_and_another_map_resets_it(page: Page, url: str) -> None:
    frame = open_canvas(page, url)
    zoom_in(page, frame, 6, 9, turns=2)
    before, shown = place(frame), frame.get_attribute("data-arrows")
    page.get_by_text("Other arrows").click()
    expect(page.get_by_text(re.compile("^runs "))).to_have_text("runs 2")
    assert place(frame) == before
    assert frame.get_attribute("data-arrows") == shown
    page.get_by_text("large").click()
    expect(frame).to_have_attribute("data-zoom", "1.0000")
    assert place(frame).scale == pytest.approx(frame.evaluate("e => e.clientWidth") / 60, rel=1e-3)


def test_another_map_keeps_a_cell_that_it_has(page: Page, url: str) -> None:
    frame = open_canvas(page, url)
    page.mouse.click(*locate(frame, 9.5, 9.5))
    expect_chosen(page, 9, 9)
    page.get_by_text("large").click()
    expect(page.get_by_text(re.compile("^runs "))).to_have_text("runs 3")
    expect_chosen(page, 9, 9)
    page.mouse.click(*locate(frame, 50.5, 50.5))
    expect_chosen(page, 50, 50)
    page.get_by_text("small").click()
    expect(page.get_by_text(re.compile("^chosen "))).to_have_text("chosen None")
    expect(frame).to_have_attribute("data-cell", "")


def test_buttons_zoom_and_show_the_whole_map(page: Page, url: str) -> None:
    frame = open_canvas(page, url)
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    expect(frame).to_have_attribute("data-zoom", "2.2500")
    page.get_by_role("button", name="Zoom out").click()
    expect(frame).to_have_attribute("data-zoom", "1.5000")
    page.get_by_role("button", name="Reset: show the whole map").click()
    expect(frame).to_have_attribute("data-zoom", "1.0000")
    expect(page.get_by_role("button", name="Zoom out")).to_have_attribute("aria-disabled", "true")


def test_python_chooses_and_opens_a_window(page: Page, url: str) -> None:
    frame = open_canvas(page, url)
    page.mouse.click(*locate(frame, 9.5, 9.5))
    expect_chosen(page, 9, 9)
    page.get_by_role("button", name="Choose 2, 3").click()
    expect_chosen(page, 2, 3)
    zoom_in(page, frame, 22, 14, turns=4)
    page.mouse.click(*locate(frame, 21.5, 13.5))
    expect_chosen(page, 21, 13)
    page.wait_for_timeout(2100)  # Python takes an old wish for a late one until then
    page.get_by_role("button", name="Choose 2, 3").click()  # out of sight: the view follows
    expect_chosen(page, 2, 3)
    drawn(page)
    mark, box = frame.locator(".chosen").bounding_box(), frame.bounding_box()
    assert mark
    assert box
    assert mark["x"] >= box["x"] - 1
    assert mark["y"] >= box["y"] - 1
    page.get_by_text("Eight cells").click()
    expect(frame).to_have_attribute("data-zoom", "3.0000")
