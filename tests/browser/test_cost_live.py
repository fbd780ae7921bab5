"""The page about cost as a visitor meets it: look, measure a tiny map, go away and come back, cancel."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser_app import START_MS, expect_no_sideways_scroll, go_to
from tests.browser.charts import expect_shown

pytestmark = pytest.mark.browser

TINY = "cost_map=My+own+size&cost_channels=8&cost_rows=8&cost_columns=8&cost_up=Bilinear&cost_up=DySample"


@pytest.fixture
def url(app_url: str) -> str:
    return app_url


def open_page(page: Page, url: str, query: str = "") -> None:
    page.goto(f"{url}/cost?{query}", timeout=START_MS)
    expect(page.get_by_role("heading", name="Cost", exact=True)).to_be_visible(timeout=START_MS)
    settled(page)


def settled(page: Page) -> None:
    last = page.get_by_role("heading", name="Measure it elsewhere")
    expect(last).to_have_count(1, timeout=START_MS)  # there are two while it is exchanged
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=START_MS)
    expect(last).to_be_visible()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_a_tiny_map_is_measured_and_the_result_stays(page: Page, url: str) -> None:
    open_page(page, url, TINY)
    button(page, "Measure").click()
    expect(button(page, "Cancel")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d of 3: (Bilinear|DySample).*8×8×8$"))).to_be_visible(
        timeout=START_MS
    )
    expect(page.get_by_role("radio", name="Measured by you")).to_be_checked(timeout=2 * START_MS)
    settled(page)
    headline = page.get_by_role("heading", name=re.compile("with a map of 8×8×8, .*DySample"))
    expect(headline).to_be_visible()
    drawn = page.locator(".js-plotly-plot").first
    names = "plot => plot.data.filter(t => t.type == 'bar').flatMap(t => t.y).sort().join('; ')"
    expect_shown(lambda: drawn.evaluate(names), "Bilinear, NCHW; Bilinear, channels last; DySample")
    words = headline.inner_text()
    go_to(page, "See", "Evidence")
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible(timeout=START_MS)
    go_to(page, "Use", "Cost")
    expect(page.get_by_role("heading", name=words)).to_be_visible(timeout=START_MS)


def test_cancelling_works_at_once_on_a_telephone(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, url, "cost_also=Memory&cost_up=Pixel+shuffle&cost_up=IndexNet")
    expect_no_sideways_scroll(page, 390)
    button(page, "Measure").click()
    expect(button(page, "Measure")).to_be_disabled()
    button(page, "Cancel").click()
    expect(page.get_by_test_id("stAlert").filter(has_text="Cancelled.")).to_be_visible()
    expect(button(page, "Measure")).to_be_enabled()
    page.wait_for_url("**cost_also=Memory*")
