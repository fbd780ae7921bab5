"""The Anatomy page as a lecturer drives it: by keys, by the tour, in both themes, on a telephone."""

import re
import time

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app.views.anatomy.tour import TOUR
from dysample.explain.anatomy import example
from tests.browser.browser_app import expect_no_sideways_scroll
from tests.browser.charts import expect_shown

pytestmark = pytest.mark.browser

START_MS = 120_000


@pytest.fixture
def url(app_url: str) -> str:
    return f"{app_url}/anatomy"


def open_page(page: Page, url: str, query: str = "") -> None:
    page.goto(f"{url}?{query}", timeout=START_MS)
    expect(page.get_by_role("button", name="SVG")).to_have_count(2, timeout=START_MS)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=START_MS)


def stage(page: Page, name: str) -> None:
    """Wait until a stage is chosen."""
    expect(page.get_by_role("radio", name=name, exact=True)).to_be_checked()


def expect_numbers(page: Page, chart: int, expected: np.ndarray) -> None:
    """The cells of a chart show these numbers, rounded to two decimals."""
    expect(page.get_by_role("button", name="SVG")).to_have_count(2)
    labels = page.locator(".js-plotly-plot").nth(chart).locator(".heatmap-label")
    expect(labels.first).to_be_visible()
    expect_shown(
        lambda: [float(text.replace("−", "-")) for text in labels.all_text_contents()],
        pytest.approx(expected.tolist(), abs=0.0051),
    )


def test_the_keys_walk_and_the_numbers_are_the_operators(page: Page, url: str) -> None:
    open_page(page, url)
    op, x = example("lp", dynamic=False)
    for name in ("linear", "× scope", "pixel shuffle"):
        page.keyboard.press("ArrowRight")
        stage(page, name)
    expect(page.get_by_text("Offset y", exact=False).first).to_be_visible()
    offsets = op.plan(x).offset[0, 0].flatten(1).numpy()
    for axis in range(2):
        expect_numbers(page, axis, offsets[axis])
    for name in ("+ grid", "sample"):
        page.keyboard.press("ArrowRight")
        stage(page, name)
    expect(page.get_by_text("The output", exact=True)).to_be_visible()
    expect_numbers(page, 1, op(x)[0, 0].flatten().numpy())
    page.keyboard.press("ArrowLeft")
    stage(page, "+ grid")
    page.wait_for_url(re.compile("stage="))
    page.reload()
    stage(page, "+ grid")


def test_inputs_keep_their_keys_and_buttons_walk(page: Page, url: str) -> None:
    open_page(page, url, "stage=linear")
    row = page.get_by_role("spinbutton", name="Row (to 7)")
    row.click()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_text("For output pixel (row 4, column 4):")).to_be_visible()
    stage(page, "linear")
    page.get_by_role("button", name="Next").click()
    stage(page, "× scope")
    page.keyboard.press("ArrowLeft")
    stage(page, "linear")


def test_the_tour_drives_the_figures(page: Page, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    open_page(page, url, "side=480+px")
    page.get_by_role("button", name="Take the tour").click()
    waits: list[float] = []
    for number, step in enumerate(TOUR, start=1):
        expect(page.get_by_text(f"{number} of {len(TOUR)}: ", exact=False)).to_be_visible(timeout=START_MS)
        page.wait_for_url(f"**tour={number}*")
        place = {"example": "4×4 example", "picture": "Picture"}[step.on]
        radio = page.get_by_role("radio", name=place, exact=True)
        expect(radio).to_have_count(1)  # there are two while the page takes its form for the tour
        expect(radio).to_be_checked()
        if number < len(TOUR):
            expect(page.get_by_role("button", name="Next")).to_have_count(1)  # the keys are the tour's alone
            began = time.perf_counter()
            page.keyboard.press("ArrowRight")
            following = page.get_by_text(f"{number + 1} of {len(TOUR)}: ", exact=False)
            following.wait_for(timeout=START_MS)
            waits.append(1000 * (time.perf_counter() - began))
    with capsys.disabled():
        print(f"\nanatomy: a step of the tour takes {np.median(waits):.0f} ms (median of {len(waits)})")
    expect(page.get_by_text("The output", exact=True)).to_be_visible(timeout=START_MS)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Take the tour")).to_be_visible()
    assert "tour=" not in page.url
    stage(page, "sample")


def test_the_tour_is_whole_on_a_projector_and_drawn_right_from_its_first_step(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, url)
    page.get_by_role("button", name="Take the tour").click()
    expect(page.get_by_text("1 of 11: ", exact=False)).to_be_visible(timeout=START_MS)
    expect(page.locator(".st-key-tour-head h1")).to_be_visible()
    expect_shown(lambda: room(page, 1)[0], pytest.approx(1, abs=0.03))
    charts = page.locator(".js-plotly-plot")
    for chart in range(2):
        box = charts.nth(chart).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 720
    formula = page.locator(".st-key-anatomy-text .katex-display").last.bounding_box()
    assert formula is not None
    assert formula["y"] + formula["height"] <= 720
    # A chart that was narrow for a moment, as Plotly leaves it: half as large as its place.
    charts.nth(1).evaluate(
        "chart => { for (const axis of ['xaxis', 'yaxis'])"
        " chart._fullLayout[axis].domain = chart.layout[axis].domain = [0.25, 0.75];"
        " chart.emit('plotly_afterplot') }"
    )
    expect_shown(lambda: room(page, 1)[0], pytest.approx(1, abs=0.03))


def room(page: Page, chart: int) -> list[float]:
    """Shares of a chart that its axes take, across and down."""
    return (
        page.locator(".js-plotly-plot")
        .nth(chart)
        .evaluate(
            "chart => ['xaxis', 'yaxis'].map(name => chart._fullLayout[name].domain)"
            ".map(([from, to]) => to - from)"
        )
    )


@pytest.mark.parametrize("query", ["stage=linear", "stage=sample&anatomy_style=PL"])
def test_a_narrow_window_shows_readable_numbers_and_does_not_scroll_sideways(
    page: Page, url: str, query: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    open_page(page, url, query)
    expect_no_sideways_scroll(page, 390)
    label = page.locator(".js-plotly-plot").nth(1).locator(".heatmap-label").first
    expect(label).to_be_visible()
    box = label.bounding_box()
    assert box is not None
    assert box["height"] >= 12
