"""The page about one's own model in a browser: drawn within the window, measured, copied."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_app import START_MS, expect_no_sideways_scroll

pytestmark = pytest.mark.browser

# A small picture, for the network enlarges much.
FACTORY = "model_factory=tests.swap.networks%3ANested&model_rows_256=32&model_columns_256=32"


@pytest.fixture
def url(app_url: str) -> str:
    return app_url


def open_at(page: Page, url: str, query: str) -> None:
    page.goto(f"{url}/model?{query}", timeout=START_MS)
    last = page.get_by_role("heading", name="The same in code")
    expect(last).to_have_count(1, timeout=START_MS)  # there are two while it is exchanged
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=START_MS)
    expect(last).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_flow_is_drawn_within_the_window(
    page: Page, url: str, scheme: str, width: int, tmp_path: Path
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    open_at(page, url, "model_family=UPerNet")
    flow = page.locator(".js-plotly-plot").first
    expect(flow.locator(".legendtext")).to_have_text(
        ["Encoder (channels)", "Swapped", "Can be swapped, not selected", "Left alone"]
    )
    for number in range(12):
        expect(flow.locator(".textpoint text", has_text=f"{number}").first).to_be_attached()
    expect_no_sideways_scroll(page, width)
    assert len(flow.screenshot(path=tmp_path / "flow.png")) > 2000


def test_another_network_and_upsampler_reach_the_address_and_the_code(page: Page, url: str) -> None:
    open_at(page, url, "model_encoder=mobilenet_v2")
    page.get_by_role("combobox", name="Replace with").click()
    page.get_by_role("option", name="CARAFE", exact=True).click()
    page.wait_for_url("**model_to=*")
    expect(page.locator("pre", has_text='swap_upsamplers(model, picture, "carafe")')).to_be_visible()
    expect(page.get_by_text("limits concern sampling")).to_be_visible()
    page.get_by_role("tab", name="Command line").click()
    expect(page.locator("pre", has_text="--model smp:Unet:mobilenet_v2")).to_be_visible()


def test_a_factory_is_measured_while_the_page_stays_alive(page: Page, url: str) -> None:
    open_at(page, url, f"model_from=Your+own+factory&{FACTORY}")
    page.get_by_role("button", name="Measure on this machine").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    expect(page.get_by_text("of the swapped model is")).to_be_visible(timeout=START_MS)
    expect(page.get_by_role("button", name="Measure on this machine again")).to_be_visible()
    expect(page.get_by_role("cell", name="Swapped / original")).to_be_visible()
