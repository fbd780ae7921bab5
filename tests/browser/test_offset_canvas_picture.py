"""What the offset canvas draws and saves, in a real browser."""

import base64
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.offset_canvas import drawn, locate, open_canvas, place, zoom_in
from tests.browser.pages.offset_canvas_page import GREEN, MAPS, background

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = MAPS["small"]
START = (4.25, 2.75)  # of the one arrow that moves
LENGTH = 6.25
SVG = "{http://www.w3.org/2000/svg}"
MAP_GREY = (128, 128, 128)


@pytest.fixture
def url(components_url: str) -> str:
    return f"{components_url}/offsets"


def shot(frame: Locator) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(frame.screenshot())).convert("RGB")).astype(int)


def colour(picture: np.ndarray, scale: float, x: float, y: float) -> tuple[int, ...]:
    """Colour at a position on a map that is shown whole."""
    return tuple(picture[int(y * scale), int(x * scale)])


def save(page: Page, kind: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save as {kind}").click()
    assert download.value.suggested_filename == f"offsets.{kind.lower()}"
    return download.value.path()


@pytest.mark.parametrize("factor", [1, 0.5])
def test_arrow_runs_from_initial_to_sampling_position(page: Page, url: str, factor: float) -> None:
    frame = open_canvas(page, url, f"one=1&factor={factor}")
    zoom_in(page, frame, 7, 3, turns=1)
    page.mouse.move(0, 0)  # or the cell under it is outlined
    picture, at = shot(frame), place(frame)
    tip = START[0] + factor * LENGTH

    def seen(x: float, y: float) -> np.ndarray:
        """The pixels at a position on the map, and those above and below."""
        row, column = int(at.top + y * at.scale), int(at.left + x * at.scale)
        return picture[row - 1 : row + 2, column]

    for x in (START[0], *np.arange(START[0] + 0.25, tip, 0.5), tip - 3 / at.scale):
        assert np.abs(seen(x, START[1]) - GREEN).sum(axis=1).min() <= 6, x
    for x, y in ((tip + 6 / at.scale, START[1]), (START[0] + 1.6, START[1] - 8 / at.scale)):
        assert (seen(x, y) == MAP_GREY).all(), (x, y)
    note = page.locator(".offsets .note")
    if factor == 1:
        expect(note).to_be_hidden()
    else:
        expect(note).to_have_text(re.compile("Arrows 0.5.× their true length"))


def test_background_cells_are_exact(page: Page, url: str) -> None:
    frame = open_canvas(page, url)
    zoom_in(page, frame, 23, 15, turns=2)
    picture, at, grey = shot(frame), place(frame), background(WIDTH, HEIGHT)
    checked = 0
    for row in range(HEIGHT):
        for column in range(WIDTH):
            # Just inside two corners: no arrow starts there, and offsets are short in this part of the map.
            for inset in (3 / at.scale, 1 - 3 / at.scale):
                x, y = (int(o + (i + inset) * at.scale) for o, i in ((at.left, column), (at.top, row)))
                if column > 17 and row > 9 and x < picture.shape[1] - 5 and y < picture.shape[0] - 5:
                    assert tuple(picture[y, x]) == (grey[row, column],) * 3, (column, row)
                    checked += 1
    assert checked > 50


def test_overview_draws_every_third_point_and_zoom_fills_in(page: Page, url: str) -> None:
    frame = open_canvas(page, url, "map=large&step=3")
    expect(frame).to_have_attribute("data-arrows", str(40 * 40))
    expect(page.locator(".offsets .note")).to_have_text("Every 3rd point")
    zoom_in(page, frame, 58, 58, turns=4)
    expect(frame).to_have_attribute("data-step", "1")
    expect(page.locator(".offsets .note")).to_be_hidden()
    cells = frame.evaluate("e => e.clientWidth") / place(frame).scale
    assert int(frame.get_attribute("data-arrows") or 0) == pytest.approx((2 * cells) ** 2, rel=0.2)


@pytest.mark.parametrize(("query", "arrows"), [("", 4 * WIDTH * HEIGHT), ("map=large&step=4&factor=2", 900)])
def test_svg_holds_every_arrow_over_the_map(page: Page, url: str, query: str, arrows: int) -> None:
    frame = open_canvas(page, url, query)
    page.mouse.click(*locate(frame, 2.5, 1.5))
    root = ET.fromstring(save(page, "SVG").read_text(encoding="utf-8"))
    assert root.get("width") == "180mm"
    assert len(root.findall(f".//{SVG}path[@class='arrow']")) == arrows
    (image,) = root.iter(f"{SVG}image")
    with Image.open(io.BytesIO(base64.b64decode((image.get("href") or "").partition(",")[2]))) as embedded:
        assert embedded.width == 2126  # 180 mm at 300 dpi
        size = MAPS["large" if "large" in query else "small"]
        middle = [(np.arange(count) + 0.5) * embedded.width / size[0] for count in size]
        found = np.asarray(embedded.convert("L"))[np.ix_(middle[1].astype(int), middle[0].astype(int))]
    np.testing.assert_array_equal(found, background(*size))
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert "Length of the offset in low-res pixels" in words
    assert any("2\u00a0× their true length" in (text or "") for text in words) == bool(query)
    assert len(root.findall(f".//{SVG}g[@class='chosen']")) == 1


def test_png_is_sharp_enough_for_print(page: Page, url: str) -> None:
    open_canvas(page, url, "one=1")
    with Image.open(save(page, "PNG")) as saved:
        picture = np.asarray(saved.convert("RGB")).astype(int)
    assert picture.shape[1] == 2126
    scale = 2126 / WIDTH
    for x in np.arange(START[0] + 0.25, START[0] + LENGTH, 0.5):
        assert colour(picture, scale, x, START[1]) == pytest.approx(GREEN, abs=2)
    assert colour(picture, scale, 2.03, 2.2) != GREEN
    assert tuple(picture[-1, 0]) == (255, 255, 255)


def test_dark_theme_and_dense_screen(page: Page, url: str) -> None:
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    session = page.context.new_cdp_session(page)
    frame = open_canvas(page, url)
    expect(page.locator(".offsets .scale")).to_have_css("color", "rgb(232, 237, 244)")
    width = frame.evaluate("e => e.clientWidth")
    # Chromium tells the page of another density only together with another width.
    metrics = {"width": 1281, "height": 720, "deviceScaleFactor": 2, "mobile": False}
    session.send("Emulation.setDeviceMetricsOverride", metrics)
    expect(frame.locator("canvas")).to_have_js_property("width", 2 * width)


def test_15_000_arrows_are_quick(page: Page, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    frame = open_canvas(page, url, "map=large")
    expect(frame).to_have_attribute("data-arrows", str(14_400))
    first = frame.get_attribute("data-draw-ms")
    redrawn = frame.evaluate(REDRAW)
    frame.evaluate("e => e.scrollIntoView({ block: 'end', behavior: 'instant' })")
    clicks: list[float] = []
    for column in range(3, 13):
        page.evaluate(WATCH_ANSWER, f"chosen ({column}, 30)")
        page.mouse.click(*locate(frame, column + 0.5, 30.5))
        clicks.append(page.evaluate("() => window.answered"))
    with capsys.disabled():
        print(f"\n14,400 arrows: {first} ms of script, {np.median(redrawn):.0f} ms with rasterising;", end="")
        print(f" click to Python and back {np.median(clicks):.0f} ms (medians of 10)")
    assert np.median(redrawn) < 5_000
    drawn(page)


# From a change of the view to pixels that can be read.
REDRAW = """async frame => {
    const context = frame.querySelector("canvas").getContext("2d");
    const key = name => frame.dispatchEvent(new KeyboardEvent("keydown", { key: name }));
    const times = [];
    for (let turn = 0; turn < 10; turn++) {
        key("+");
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        context.getImageData(0, 0, 1, 1);
        const began = performance.now();
        key("0");
        await new Promise(done => requestAnimationFrame(done));
        context.getImageData(0, 0, 1, 1);
        times.push(performance.now() - began);
    }
    return times;
}"""

WATCH_ANSWER = """text => {
    window.answered = new Promise(done => {
        let began = performance.now();
        addEventListener("pointerup", () => { began = performance.now(); }, { once: true, capture: true });
        const observer = new MutationObserver(() => {
            if (!document.body.innerText.includes(text)) return;
            observer.disconnect();
            done(performance.now() - began);
        });
        observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    });
}"""
