"""The One point page as a visitor meets it: come with a cell, click another, walk, read the numbers."""

import pytest
import torch
from playwright.sync_api import Page, expect

from dysample.types import SamplingRecord, Step
from tests.browser.browser_app import START_MS, expect_no_sideways_scroll, go_to, open_compare
from tests.browser.charts import expect_shown
from tests.views.network import STEP, host_and_step

pytestmark = pytest.mark.browser
ROWS, COLUMNS = 20, 30


@pytest.fixture(scope="module")
def planned() -> tuple[Step, SamplingRecord]:
    """The network's own plan for the page's first picture."""
    host, step = host_and_step("dysample+")
    with torch.no_grad():
        return step, host.operator(STEP).plan(step.input)


def click_cell(page: Page, row: int, column: int) -> None:
    frame = page.locator(".offsets .frame")
    expect(frame).to_have_attribute("data-background", "drawn", timeout=START_MS)
    box = frame.bounding_box()
    assert box is not None
    frame.click(
        position={"x": box["width"] * (column + 0.5) / COLUMNS, "y": box["height"] * (row + 0.5) / ROWS}
    )


def expect_cell(page: Page, row: int, column: int) -> None:
    """The inputs name the cell, and the chart outlines it."""
    expect(page.get_by_role("spinbutton", name="Row")).to_have_value(str(row))
    expect(page.get_by_role("spinbutton", name="Column")).to_have_value(str(column))
    expect(page.get_by_text(f"Output pixel row {2 * row}, column {2 * column},")).to_be_visible()


def shown_weights(page: Page) -> list[float]:
    chart = page.locator(".st-key-point-window-figure .js-plotly-plot")
    return chart.evaluate("plot => plot.layout.annotations.map(each => Number(each.text))")


def corners(record: SamplingRecord, group: int, row: int, column: int) -> list[float]:
    """Bilinear weights of the cell's first point, upper left to lower right."""
    x, y = record.points[0, group, :, 2 * row, 2 * column].tolist()
    a, b = (x - 0.5) % 1, (y - 0.5) % 1
    return [(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b]


def test_a_cell_is_brought_clicked_walked_and_read(
    page: Page, app_url: str, planned: tuple[Step, SamplingRecord]
) -> None:
    step, record = planned
    # To its end: a page that is left while it draws misses its downloads.
    open_compare(page, app_url, "picture=chelsea")
    go_to(page, "Understand", "Offsets")
    click_cell(page, 5, 10)
    page.get_by_role("link", name="Look at one point of this cell").click()
    expect(page.get_by_role("heading", name="Under every upsampler")).to_be_visible(timeout=START_MS)
    expect_cell(page, 5, 10)

    click_cell(page, 8, 12)
    expect_cell(page, 8, 12)
    page.wait_for_url("**cell=8*12*")
    value = float(step.output[0, 0, 16, 24])
    expect(page.get_by_test_id("stMetricValue").nth(1)).to_have_text(f"{value:.4f}")
    expect_shown(lambda: shown_weights(page), pytest.approx(corners(record, 0, 8, 12), abs=2e-3))

    page.locator(".offsets .frame").focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect_cell(page, 9, 13)
    page.get_by_test_id("stButtonGroup").filter(has_text="Group").get_by_text("4", exact=True).click()
    expect(page.get_by_text("All points of the cell in group 4")).to_be_visible()
    expect(page.get_by_text("Output pixel row 18, column 26, channel 48.")).to_be_visible()
    expect_shown(lambda: shown_weights(page), pytest.approx(corners(record, 3, 9, 13), abs=2e-3))

    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(".st-key-point-footprints-figure .main-svg").first).to_be_visible()
    expect_no_sideways_scroll(page, 390)
