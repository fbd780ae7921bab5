"""The offset canvas in a narrow window, under fingers and in motion."""

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_app import expect_no_sideways_scroll
from tests.browser.offset_canvas import (
    Place,
    drawn,
    expect_chosen,
    locate,
    open_canvas,
    place,
    start_touch,
    zoom_in,
)
from tests.browser.pages.offset_canvas_page import MAPS

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = MAPS["small"]


@pytest.fixture
def url(components_url: str) -> str:
    return f"{components_url}/offsets"


def test_narrow_window_shows_the_same_place(page: Page, url: str) -> None:
    frame = open_canvas(page, url)
    zoom_in(page, frame, 20, 4, turns=2)
    before, wide = place(frame), frame.evaluate("e => e.clientWidth")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("e => e.clientWidth <= 390", arg=frame.element_handle())
    drawn(page)
    after, narrow = place(frame), frame.evaluate("e => e.clientWidth")
    expect_no_sideways_scroll(page, 390)
    assert after.zoom == pytest.approx(before.zoom, rel=1e-3)
    assert centre(after, narrow) == pytest.approx(centre(before, wide), abs=0.1)
    canvas = frame.locator("canvas").evaluate("e => [e.width, e.height]")
    np.testing.assert_allclose(canvas, [narrow, narrow * HEIGHT / WIDTH], atol=1)
    page.mouse.click(*locate(frame, 20.5, 4.5))
    expect_chosen(page, 20, 4)


def centre(at: Place, width: float) -> float:
    """Column in the middle of the frame."""
    return (width / 2 - at.left) / at.scale


def test_fingers_pinch_drag_and_tap(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    touch = start_touch(page)
    frame = open_canvas(page, url)
    scale = place(frame).scale
    x, y = locate(frame, 12, 8)
    touch("touchStart", (x - 20, y), (x + 20, y))
    for spread in (30, 40, 50, 60):
        touch("touchMove", (x - spread, y), (x + spread, y))
    touch("touchEnd")
    drawn(page)
    assert place(frame).scale == pytest.approx(3 * scale, rel=0.05)
    assert locate(frame, 12, 8) == pytest.approx((x, y), abs=1.5)
    touch("touchStart", (x, y))
    for way in (20, 40, 60):
        touch("touchMove", (x + way, y + way / 2))
    touch("touchEnd")
    drawn(page)
    assert locate(frame, 12, 8) == pytest.approx((x + 60, y + 30), abs=1.5)
    expect(frame).to_have_attribute("data-cell", "")
    touch("touchStart", locate(frame, 10.5, 7.5))
    touch("touchEnd")
    expect_chosen(page, 10, 7)


def test_a_second_press_goes_on_from_where_the_first_would_end(page: Page, url: str) -> None:
    page.emulate_media(reduced_motion="no-preference")
    frame = open_canvas(page, url)
    zooms = frame.evaluate(
        """async e => {
            const seen = [];
            const press = key => e.dispatchEvent(new KeyboardEvent("keydown", { key }));
            press("+");
            press("+");
            for (let turn = 0; turn < 100 && seen.at(-1) !== 2.25; turn++) {
                await new Promise(done => requestAnimationFrame(done));
                seen.push(Number(e.dataset.zoom));
            }
            return seen;
        }"""
    )
    assert zooms == sorted(zooms)
    assert zooms[-1] == 2.25
