"""“Check yourself” in a browser: by keyboard alone, and in a narrow window."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_app import START_MS, expect_no_sideways_scroll

pytestmark = pytest.mark.browser


@pytest.fixture
def url(app_url: str) -> str:
    return f"{app_url}/quiz"


def open_question(page: Page, url: str, number: int) -> None:
    page.goto(f"{url}?question={number}", timeout=START_MS)
    expect(page.get_by_role("heading", name=f"{number}. ")).to_be_visible(timeout=START_MS)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until a button has the focus, as somebody without a mouse does."""
    button = page.get_by_role("button", name=name, exact=True)
    expect(button).to_be_enabled()
    for _ in range(40):
        if button.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} was not reached with Tab")


def test_predictions_are_made_with_the_keyboard_and_kept(page: Page, url: str) -> None:
    open_question(page, url, 7)
    page.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    tab_to(page, "Check")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stAlert")).to_contain_text("Right: B: about a ninth")
    figure = page.get_by_role("img", name="CARAFE has 74,148 parameters").or_(
        page.locator("[aria-label*='CARAFE has 74,148 parameters']")
    )
    expect(figure.first).to_be_attached()
    tab_to(page, "Next question")
    page.keyboard.press("Enter")
    page.wait_for_url("**question=8*")
    page.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    tab_to(page, "Check")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stAlert")).to_contain_text(
        "Not this one. The answer is D: CARAFE gets darker"
    )
    tab_to(page, "See your score")
    page.keyboard.press("Enter")
    page.wait_for_url("**question=score*")
    expect(page.get_by_role("heading", name="You predicted 1 of 8")).to_be_visible()
    for words in ("✓ right", "✗ wrong"):
        expect(page.get_by_role("cell", name=words)).to_have_count(1)
    expect(page.get_by_role("cell", name="not answered")).to_have_count(6)


def test_answers_fit_a_narrow_window_in_the_dark(page: Page, url: str) -> None:
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size({"width": 390, "height": 844})
    open_question(page, url, 3)
    page.get_by_text("right, away from the edge").click()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("Right: B")
    expect(page.locator(".js-plotly-plot .annotation-text", has_text="end: reads 1.00")).to_be_visible()
    expect_no_sideways_scroll(page, 390)
    box = page.locator(".js-plotly-plot").first.bounding_box()
    assert box is not None
    assert box["width"] <= 390


def test_letters_choose_enter_checks_arrows_go_on_and_a_reload_keeps_the_answer(page: Page, url: str) -> None:
    listening = page.locator(".st-key-quiz-keys [data-listening]")
    open_question(page, url, 7)
    expect(listening).to_be_attached()
    page.keyboard.press("b")
    expect(page.get_by_role("radio").nth(1)).to_be_checked()
    page.keyboard.press("c")  # Streamlit would offer to clear its cache
    expect(page.get_by_role("radio").nth(2)).to_be_checked()
    page.keyboard.press("b")
    expect(page.get_by_role("button", name="Check")).to_be_enabled()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="7. ").click()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stAlert")).to_contain_text("Right: B: about a ninth")
    page.reload()
    expect(page.get_by_test_id("stAlert")).to_contain_text("Right: B: about a ninth")
    expect(listening).to_be_attached()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**question=8*")
