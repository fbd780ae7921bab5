"""The picture viewer in a real browser."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Locator, Page, expect

from app.widgets.compare_viewer import View
from tests.browser.pages import viewer_page

pytestmark = pytest.mark.browser
PAGE = Path(__file__).parent / "pages" / "viewer_page.py"
START = View().to_query()


@pytest.fixture
def open_viewer(page: Page, streamlit_server: Callable[..., str]) -> Callable[..., Locator]:
    def open_viewer(query: str = "") -> Locator:
        page.goto(f"{streamlit_server(PAGE)}/?{query}", timeout=120_000)
        expect(page.get_by_text(re.compile("^strip "))).to_be_visible(timeout=120_000)
        viewer = page.locator(".viewer").first
        expect(viewer.locator(".frame").first).to_be_visible()
        expect(viewer.locator(".layer").first).to_have_js_property("complete", True)
        return viewer

    return open_viewer


def places(viewer: Locator) -> list[str]:
    """The transforms of all pictures; those of one viewer must agree."""
    return viewer.locator(".stage").evaluate_all("stages => stages.map(e => getComputedStyle(e).transform)")


def place(viewer: Locator) -> tuple[float, float, float]:
    """Scale, left and top of all pictures of a viewer, in CSS pixels."""
    (matrix,) = set(places(viewer))
    scale, _, _, _, left, top = map(float, matrix.removeprefix("matrix(").removesuffix(")").split(","))
    return scale, left, top


def told(page: Page, name: str = "main") -> Locator:
    return page.get_by_text(re.compile(f"^{name} [0-9]"))


def told_view(page: Page) -> View:
    return View.from_query(told(page).inner_text().removeprefix("main "))


def point(page: Page, frame: Locator, x: float, y: float) -> None:
    """Move the pointer to a place in a frame, given as shares of its size."""
    box = frame.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def zoom_in(page: Page, frame: Locator, x: float, y: float, turns: int) -> None:
    point(page, frame, x, y)
    for _ in range(turns):
        page.mouse.wheel(0, -250)
    expect(told(page)).not_to_have_text(f"main {START}")


def test_panes_show_photograph_and_layers(open_viewer: Callable[..., Locator]) -> None:
    viewer = open_viewer()
    expect(viewer.locator(".title")).to_have_text(["nearest", "bilinear", "DySample+"])
    expect(viewer.get_by_alt_text("Label map of the nearest upsampler")).to_be_visible()
    expect(viewer.get_by_role("group", name="DySample+. 4.2 ms, cells of 1 pixels")).to_be_visible()
    assert len(set(viewer.locator(".photo").evaluate_all("all => all.map(e => e.src)"))) == 1


def test_wheel_zooms_all_panes_about_the_pointer(page: Page, open_viewer: Callable[..., Locator]) -> None:
    viewer, strip = open_viewer(), page.locator(".viewer").nth(1)
    scale, left, top = place(viewer)
    untouched = places(strip)
    frame = viewer.locator(".frame").nth(1)
    width, height = frame.evaluate("e => { const box = e.getBoundingClientRect(); return [box.width, box.height]; }")
    zoom_in(page, frame, 0.3, 0.6, turns=3)
    new_scale, new_left, new_top = place(viewer)
    assert new_scale > 2 * scale
    assert (0.3 * width - new_left) / new_scale == pytest.approx((0.3 * width - left) / scale, abs=0.5)
    assert (0.6 * height - new_top) / new_scale == pytest.approx((0.6 * height - top) / scale, abs=0.5)
    assert told_view(page).zoom == pytest.approx(new_scale / scale, rel=1e-4)
    assert places(strip) == untouched
    expect(told(page, "strip")).to_have_text("strip 0.5,0.5,6,0.6,0.5")


def test_url_brings_the_same_view_back(page: Page, open_viewer: Callable[..., Locator]) -> None:
    viewer = open_viewer()
    zoom_in(page, viewer.locator(".frame").first, 0.7, 0.4, turns=4)
    before = place(viewer)
    page.wait_for_url(re.compile(r"view=0\.\d+"))
    query = page.url.partition("?")[2]
    assert place(open_viewer(query)) == pytest.approx(before, abs=1.01)  # left and top keep to whole pixels


def test_drag_moves_and_double_click_resets(page: Page, open_viewer: Callable[..., Locator]) -> None:
    viewer = open_viewer(f"view={View(zoom=4).to_query()}")
    start = place(viewer)
    frame = viewer.locator(".frame").nth(2)
    point(page, frame, 0.5, 0.5)
    page.mouse.down()
    point(page, frame, 0.4, 0.7)
    page.mouse.up()
    scale, left, top = place(viewer)
    box = frame.bounding_box()
    assert box is not None
    assert (scale, left, top) == pytest.approx(
        (start[0], start[1] - 0.1 * box["width"], start[2] + 0.2 * box["height"]), abs=1.01
    )
    expect(told(page)).not_to_have_text(f"main {View(zoom=4).to_query()}")
    frame.dblclick()
    expect(told(page)).to_have_text(f"main {START}")


def test_enlarged_pixels_are_exact(page: Page, open_viewer: Callable[..., Locator]) -> None:
    viewer = open_viewer(f"view={View(x=0.65, y=0.62, zoom=14).to_query()}")
    frame = viewer.locator(".frame").nth(2)
    box = frame.bounding_box()
    assert box is not None
    scale, left, top = place(viewer)
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")).astype(int)
    palette = np.array([ImageColor.getrgb(entry.colour) for entry in viewer_page.LEGEND])
    blend = 0.4 * viewer_page.photograph() + 0.6 * palette[viewer_page.labels(1)]

    def sources(length: int, offset: float) -> tuple[np.ndarray, np.ndarray]:
        position = (np.arange(length) + 0.5 - offset) / scale
        inside = np.abs(position - np.round(position)) * scale > 1  # not within a pixel of a border
        inside[:10] = inside[-10:] = False  # nor in the frame's round corners
        return np.floor(position[inside]).astype(int), np.flatnonzero(inside)

    rows, y = sources(shot.shape[0], top)
    columns, x = sources(shot.shape[1], left)
    assert min(np.unique(rows).size, np.unique(columns).size) > 10
    assert len(np.unique(viewer_page.labels(1)[np.ix_(rows, columns)])) > 1
    error = np.abs(shot[np.ix_(y, x)] - blend[np.ix_(rows, columns)])
    assert error.max() <= 2


def test_no_pixel_grows_beyond_64_screen_pixels(page: Page, open_viewer: Callable[..., Locator]) -> None:
    viewer = open_viewer(f"view={View(zoom=9000).to_query()}")
    assert place(viewer)[0] * page.evaluate("devicePixelRatio") == pytest.approx(64)
    expect(viewer.get_by_role("button", name="Zoom in")).to_have_attribute("aria-disabled", "true")


def test_keys_zoom_pan_and_reset(page: Page, open_viewer: Callable[..., Locator]) -> None:
    viewer = open_viewer()
    frame = viewer.locator(".frame").nth(1)
    viewer.locator(".frame").first.focus()
    page.keyboard.press("Tab")
    expect(frame).to_be_focused()
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(viewer.locator(".percent")).to_have_text(re.compile("225"))
    _, left, top = place(viewer)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert place(viewer)[1] < left
    assert place(viewer)[2] > top
    page.keyboard.press("-")
    expect(told(page)).to_have_text(re.compile("main 0.5[0-9]+,0.4[0-9]+,1.5,"))
    expect(viewer.locator("[aria-live=polite]")).to_have_text(re.compile(r"Zoom 150.*Pixel \d+, \d+: nearest \w+; "))
    page.keyboard.press("0")
    expect(told(page)).to_have_text(f"main {START}")
