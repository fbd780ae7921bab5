"""The picture viewer in a real browser."""

import io
import re
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Page, expect

from app.components.viewer.viewer import View
from tests.browser.pages import viewer_page
from tests.browser.viewer import (
    START,
    open_viewer,
    place,
    places,
    point,
    room,
    told,
    told_view,
    zoom_in,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def url(components_url: str) -> str:
    return f"{components_url}/viewer"


def test_panes_show_photograph_and_layers(page: Page, url: str) -> None:
    viewer = open_viewer(page, url)
    expect(viewer.locator(".title")).to_have_text(["nearest", "bilinear", "DySample+"])
    expect(viewer.get_by_alt_text("Label map of the nearest upsampler")).to_be_visible()
    expect(viewer.get_by_role("group", name="DySample+. 4.2 ms, cells of 1 pixels")).to_be_visible()
    assert len(set(viewer.locator(".photo").evaluate_all("all => all.map(e => e.src)"))) == 1


def test_wheel_zooms_all_panes_about_the_pointer(page: Page, url: str) -> None:
    viewer, strip = open_viewer(page, url), page.locator(".viewer").nth(1)
    scale, left, top = place(viewer)
    untouched = places(strip)
    frame = viewer.locator(".frame").nth(1)
    _, _, width, height = room(frame)
    zoom_in(page, frame, 0.3, 0.6, turns=3)
    new_scale, new_left, new_top = place(viewer)
    assert new_scale > 2 * scale
    assert (0.3 * width - new_left) / new_scale == pytest.approx((0.3 * width - left) / scale, abs=1 / scale)
    assert (0.6 * height - new_top) / new_scale == pytest.approx((0.6 * height - top) / scale, abs=1 / scale)
    assert told_view(page).zoom == pytest.approx(new_scale / scale, rel=1e-4)
    assert places(strip) == untouched
    expect(told(page, "strip")).to_have_text("strip 0.5,0.5,6,0.6,0.5")


def test_url_brings_the_same_view_back(page: Page, url: str) -> None:
    viewer = open_viewer(page, url)
    zoom_in(page, viewer.locator(".frame").first, 0.7, 0.4, turns=4)
    before = place(viewer)
    query = urlencode({"view": told_view(page).to_query()})
    page.wait_for_url(lambda address: address.endswith(query))
    # Left and top keep to whole screen pixels, and six digits may round to the next.
    assert place(open_viewer(page, url, query)) == pytest.approx(before, abs=1.01)


def test_drag_moves_and_double_click_resets(page: Page, url: str) -> None:
    viewer = open_viewer(page, url, f"view={View(zoom=4).to_query()}")
    start = place(viewer)
    frame = viewer.locator(".frame").nth(2)
    point(page, frame, 0.5, 0.5)
    page.mouse.down()
    point(page, frame, 0.4, 0.7)
    page.mouse.up()
    scale, left, top = place(viewer)
    _, _, width, height = room(frame)
    moved = (start[0], start[1] - 0.1 * width, start[2] + 0.2 * height)
    assert (scale, left, top) == pytest.approx(moved, abs=2)
    expect(told(page)).not_to_have_text(f"main {View(zoom=4).to_query()}")
    frame.dblclick()
    expect(told(page)).to_have_text(f"main {START}")


def test_enlarged_pixels_are_exact(page: Page, url: str) -> None:
    viewer = open_viewer(page, url, f"view={View(x=0.65, y=0.62, zoom=14).to_query()}")
    frame = viewer.locator(".frame").nth(2)
    scale, left, top = place(viewer)
    _, edge, *_ = room(frame)
    shot = np.asarray(Image.open(io.BytesIO(frame.screenshot())).convert("RGB")).astype(int)
    palette = np.array([ImageColor.getrgb(entry.colour) for entry in viewer_page.LEGEND])
    blend = 0.4 * viewer_page.photograph() + 0.6 * palette[viewer_page.labels(1)]

    def sources(length: int, offset: float) -> tuple[np.ndarray, np.ndarray]:
        position = (np.arange(length) + 0.5 - offset) / scale
        inside = np.abs(position - np.round(position)) * scale > 1.5  # clear of the borders between pixels
        inside[:10] = inside[-10:] = False  # nor in the frame's round corners
        return np.floor(position[inside]).astype(int), np.flatnonzero(inside)

    rows, y = sources(shot.shape[0], top + edge % 1)
    columns, x = sources(shot.shape[1], left)
    assert min(np.unique(rows).size, np.unique(columns).size) > 10
    assert len(np.unique(viewer_page.labels(1)[np.ix_(rows, columns)])) > 1
    error = np.abs(shot[np.ix_(y, x)] - blend[np.ix_(rows, columns)])
    assert error.max() <= 2


def test_no_pixel_grows_beyond_64_screen_pixels(page: Page, url: str) -> None:
    viewer = open_viewer(page, url, f"view={View(zoom=9000).to_query()}")
    assert place(viewer)[0] * page.evaluate("devicePixelRatio") == pytest.approx(64)
    expect(viewer.get_by_role("button", name="Zoom in")).to_have_attribute("aria-disabled", "true")


def test_keys_zoom_pan_and_reset(page: Page, url: str) -> None:
    viewer = open_viewer(page, url)
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
    spoken = viewer.locator("[aria-live=polite]")
    expect(spoken).to_have_text(re.compile(r"Zoom 150.*Pixel \d+, \d+: nearest \w+; "))
    page.keyboard.press("0")
    expect(told(page)).to_have_text(f"main {START}")


def test_buttons_zoom_and_show_the_whole_picture(page: Page, url: str) -> None:
    viewer = open_viewer(page, url)
    viewer.get_by_role("button", name="Zoom in").click()
    viewer.get_by_role("button", name="Zoom in").click()
    expect(told(page)).to_have_text("main 0.5,0.5,2.25,0.6,0.5")
    viewer.get_by_role("button", name="Zoom out").click()
    expect(told(page)).to_have_text("main 0.5,0.5,1.5,0.6,0.5")
    viewer.get_by_role("button", name="Reset: show the whole picture").click()
    expect(told(page)).to_have_text(f"main {START}")
    expect(viewer.get_by_role("button", name="Zoom out")).to_have_attribute("aria-disabled", "true")


def test_reading_names_the_class_in_every_pane(page: Page, url: str) -> None:
    viewer = open_viewer(page, url, f"view={View(x=0.65, y=0.62, zoom=14).to_query()}")
    frame = viewer.locator(".frame").first
    seen: set[tuple[str, ...]] = set()
    for x, y in [(0.1, 0.2), (0.4, 0.5), (0.62, 0.3), (0.8, 0.8)]:
        point(page, frame, x, y)
        pixel = re.fullmatch(r"Pixel (\d+), (\d+)", viewer.locator(".status").inner_text())
        assert pixel is not None
        column, row = map(int, pixel.groups())
        names = [viewer_page.LEGEND[viewer_page.labels(cell)[row, column]].name for cell in (8, 4, 1)]
        expect(viewer.locator(".name")).to_have_text(names)
        seen.add(tuple(names))
    assert len(seen) > 1
    assert any(len(set(names)) > 1 for names in seen)
    page.mouse.move(0, 0)
    expect(viewer.locator(".reading").first).to_be_hidden()


def test_python_disturbs_the_view_only_when_it_asks_for_another(page: Page, url: str) -> None:
    viewer = open_viewer(page, url)
    zoom_in(page, viewer.locator(".frame").first, 0.6, 0.7, turns=3)
    before = place(viewer)
    page.get_by_role("button", name="Run again").click()
    page.get_by_text("One more layer").click()
    expect(viewer.locator(".frame")).to_have_count(4)
    page.get_by_text("One more layer").click()
    expect(viewer.locator(".frame")).to_have_count(3)
    assert place(viewer) == before
    page.get_by_role("button", name="Go to the corner").click()
    expect(told(page)).to_have_text("main 0.25,0.25,4,0.6,0.5")
    expect(viewer.locator(".percent")).to_have_text(re.compile("400"))
    corner = place(viewer)
    page.get_by_role("button", name="Run again").click()
    expect(told(page)).to_have_text("main 0.25,0.25,4,0.6,0.5")
    assert place(viewer) == corner
