"""The page about scope and overlap as a visitor meets it: sliders, sections, a reload, a telephone."""

import re
import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser_app import START_MS, expect_no_sideways_scroll
from tests.browser.charts import expect_shown

pytestmark = pytest.mark.browser
QUICK_S = 3.0  # ten times what it takes, for machines that are busy with other tests


@pytest.fixture
def url(app_url: str) -> str:
    return f"{app_url}/scope"


def open_section(page: Page, url: str, query: str, figures: int) -> None:
    page.goto(f"{url}?{query}", timeout=START_MS)
    expect(page.get_by_role("heading", name="Scope and overlap")).to_be_visible(timeout=START_MS)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=START_MS)
    expect(page.locator(".js-plotly-plot")).to_have_count(figures)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=START_MS)


def overlapped(page: Page) -> Locator:
    return page.get_by_test_id("stMetricValue").first


def test_the_scope_slider_moves_squares_numbers_and_address(page: Page, url: str) -> None:
    open_section(page, url, "section=Reach+and+overlap", 2)
    expect(overlapped(page)).to_have_text("0.0 %")
    slider = page.get_by_role("slider", name=re.compile("Scope"))
    slider.focus()
    times = []
    for index in range(1, 6):
        # Two-dimensional: each axis is reached twice over a fraction 4 * scope - 1 of the places.
        expected = 100 * (1 - (1 - 4 * 0.01 * index) ** 2)
        started = time.perf_counter()
        page.keyboard.press("ArrowRight")
        expect(overlapped(page)).to_have_text(f"{expected:.1f} %")
        times.append(time.perf_counter() - started)
    assert median(times) < QUICK_S
    page.wait_for_url("**reach_scope=0.3*")
    reach = "plot => plot.layout.shapes.filter(s => s.fillcolor).map(s => s.x1 - s.x0)"
    chart = page.locator(".js-plotly-plot").first
    expect_shown(lambda: chart.evaluate(reach), pytest.approx([0.6] * 36))
    page.get_by_role("radio", name="×3").click()
    expect(page.get_by_text("no overlap up to 1/(2s) = 0.1667")).to_be_visible()
    page.reload()
    expect(page.get_by_text("no overlap up to 1/(2s) = 0.1667")).to_be_visible(timeout=START_MS)
    page.get_by_role("radio", name="Initial grids").click()
    expect(page.get_by_text("all 9 points")).to_be_visible()


def test_stronger_offsets_swap_more_pairs(page: Page, url: str) -> None:
    open_section(page, url, "section=Boundary+disorder&disorder_strength=1.0", 4)
    row = page.get_by_role("row", name="Neighbouring points in swapped order")
    expect(row).to_contain_text("0 (0.0 %)")
    slider = page.get_by_role("slider", name="Strength of the raw offsets")
    slider.focus()
    page.keyboard.press("End")
    expect(row).not_to_contain_text(re.compile(r"order0 \(0.0 %\)"))
    counts = [int(cell.split()[0]) for cell in row.get_by_role("cell").all_inner_texts()[1:]]
    static, dynamic, limited = counts
    assert min(static, dynamic) > 100
    assert limited == 0
    chart = page.locator(".js-plotly-plot").nth(1)
    # Each pair's border is two ends and a gap; those at the edge are drawn.
    borders = "plot => plot._fullData.find(trace => trace.name === 'swapped pairs').x.length / 3"
    expect_shown(lambda: 0 < chart.evaluate(borders) < static, True)


def test_a_narrow_window_does_not_scroll_sideways(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_section(page, url, "side=480+px", 2)
    for section, figures in (("Boundary disorder", 4), ("Reach and overlap", 2), ("Dynamic scope", 3)):
        page.get_by_role("radio", name=section).click()
        expect(page.locator(".js-plotly-plot")).to_have_count(figures, timeout=START_MS)
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=START_MS)
        expect_no_sideways_scroll(page, 390)


def test_downloads_hold_the_scopes(page: Page, url: str) -> None:
    open_section(page, url, "section=Dynamic+scope&side=480+px&scope_group=Group+1&scope_axis=x+only", 3)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Data (NPZ)").first.click()
    with np.load(Path(waiting.value.path())) as arrays:
        values = arrays["scope"]
    drawn = (
        page.locator(".js-plotly-plot")
        .nth(1)
        .evaluate("plot => plot.calcdata[0][0].z.map(r => Array.from(r))")
    )
    np.testing.assert_array_equal(values, np.array(drawn, np.float32))
    assert values.min() >= 0
    assert values.max() <= 0.5
