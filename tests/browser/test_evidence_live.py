"""The page about evidence in a browser: figures drawn, the choice in the address, no scrolling sideways."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_app import MAIN, START_MS, expect_no_sideways_scroll
from tests.browser.conftest import StartServer
from tests.views.evidence.made import write_folder

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(streamlit_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = write_folder(tmp_path_factory.mktemp("pretrained"))
    return streamlit_server(MAIN, {"DYSAMPLE_PRETRAINED": str(folder)})


def open_at(page: Page, url: str, query: str, figures: int) -> None:
    page.goto(f"{url}/evidence?{query}", timeout=START_MS)
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible(timeout=START_MS)
    expect(page.locator(".js-plotly-plot")).to_have_count(figures, timeout=START_MS)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=START_MS)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_differences_and_classes_are_drawn_within_the_window(
    page: Page, url: str, scheme: str, width: int, tmp_path: Path
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    open_at(page, url, "evidence_task=Street+scenes", 2)
    names = page.locator(".js-plotly-plot").first.locator(".yaxislayer-above text")
    expect(names).to_have_count(12)  # all but bilinear
    expect_no_sideways_scroll(page, width)
    picture = page.locator(".js-plotly-plot").first.screenshot(path=tmp_path / "forest.png")
    assert len(picture) > 2000


def test_the_address_keeps_what_is_chosen(page: Page, url: str) -> None:
    open_at(page, url, "evidence_task=Street+scenes", 2)
    page.get_by_role("radio", name="Boundary IoU").click()
    expect(page.get_by_text("differences of Boundary IoU")).to_be_visible()
    page.reload()
    expect(page.get_by_text("differences of Boundary IoU")).to_be_visible(timeout=START_MS)
