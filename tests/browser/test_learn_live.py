"""Watch it learn as a visitor does: start, pause, wait for the end, look back."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from dysample.explain.learn import LearnSettings, train_steps
from dysample.explain.learn_tasks import picture_problem, rings
from tests.browser.browser_app import START_MS, expect_no_sideways_scroll
from tests.browser.charts import expect_shown

pytestmark = pytest.mark.browser


@pytest.fixture
def url(app_url: str) -> str:
    return f"{app_url}/learn"


def open_page(page: Page, url: str, query: str) -> None:
    page.goto(f"{url}?{query}", timeout=START_MS)
    expect(page.get_by_role("heading", name="Watch it learn", exact=True)).to_be_visible(timeout=START_MS)
    expect(page.locator(".js-plotly-plot .main-svg").nth(8)).to_be_attached(timeout=START_MS)
    expect(button(page, "Start")).to_be_enabled()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def titles(page: Page) -> str:
    """What stands over the four pictures."""
    panes = page.locator(".js-plotly-plot").nth(2)
    return panes.evaluate("plot => plot.layout.annotations.map(note => note.text).join('; ')")


def expect_verdict(page: Page, step: int, psnr: float, bilinear: float) -> None:
    """In words, over the pictures and in the curves."""
    numbers = f"{psnr:.2f} dB against {bilinear:.2f} dB"
    expect(page.get_by_test_id("stAlert").filter(has_text=f"After {step} steps:")).to_contain_text(numbers)
    drawn = re.compile(f"DySample, step {step}{psnr:.2f} dB")
    expect(page.locator(".js-plotly-plot").nth(2)).to_have_text(drawn)
    expect_shown(lambda: f"Bilinear<br>{bilinear:.2f} dB" in titles(page), True)
    curves = page.locator(".js-plotly-plot").first
    place = "plot => plot.data.filter(t => t.name == 'Step shown').map(t => [t.x[0], t.y[0]])[0]"
    expect_shown(lambda: curves.evaluate(place), [step, pytest.approx(psnr)])


def test_curves_and_arrows_are_on_the_first_screen_of_a_projector(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, url, "")
    for chart in range(2):
        box = page.locator(".js-plotly-plot").nth(chart).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 720


def test_a_run_to_its_end_and_back_along_the_slider(page: Page, url: str) -> None:
    snapshots = list(train_steps(picture_problem(rings(96)), LearnSettings(), steps=40, snapshot_every=2))
    open_page(page, url, "learn_steps=40")
    button(page, "Start").click()
    expect(button(page, "Start again")).to_be_enabled(timeout=START_MS)
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    last = snapshots[-1]
    expect_verdict(page, 40, last.score.psnr, last.bilinear.psnr)
    expect(page.get_by_text(f"beats bilinear on the held-out squares by {last.gain:.2f} dB")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    slider = page.get_by_role("slider")
    slider.focus()
    for step in (38, 36):
        page.keyboard.press("ArrowLeft")
        expect(page.get_by_text(f"After {step} steps:")).to_be_visible()
    expect_verdict(page, 36, snapshots[18].score.psnr, last.bilinear.psnr)
    expect(page.get_by_text(re.compile("Step 36, group 4 of 4"))).to_be_visible()


def test_a_pause_holds_and_a_setting_starts_anew(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, url, "learn_steps=400&learn_task=Enlarge+a+coarse+mask")
    button(page, "Start").click()
    expect(page.get_by_text(re.compile(r"^Step [1-9]\d* of 400$"))).to_be_visible()
    button(page, "Pause").click()
    expect(button(page, "Continue")).to_be_enabled()
    standing = page.get_by_text(re.compile(r"^Step \d+ of 400$"))
    step = standing.inner_text()
    page.wait_for_timeout(1000)
    expect(standing).to_have_text(step)
    button(page, "Continue").click()
    expect(standing).not_to_have_text(step)
    page.get_by_text("Settings of DySample").click()
    page.get_by_role("radio", name="Nearest").click()
    expect(page.get_by_test_id("stAlert").filter(has_text="starts from the beginning")).to_be_visible()
    expect(page.get_by_text("Step 0 of 400")).to_be_visible()
    page.wait_for_url("**learn_grid=Nearest*")
    expect_no_sideways_scroll(page, 390)
