"""Opening the app's pages and finding their parts."""

from playwright.sync_api import Locator, Page, expect

from tests import ROOT

MAIN = ROOT / "app" / "main.py"
START_MS = 120_000


def open_compare(page: Page, url: str, query: str = "") -> None:
    """Load the Compare page and wait until its last part is drawn."""
    page.goto(f"{url}/compare?{query}", timeout=START_MS)
    expect(page.get_by_role("heading", name="Compare upsamplers")).to_be_visible(timeout=START_MS)
    settled(page)


def go_to(page: Page, group: str, title: str) -> None:
    """Choose a page of a group in the navigation of a wide window."""
    page.get_by_role("button", name=group, exact=True).click()
    page.get_by_role("menuitem", name=title, exact=True).click()


def settled(page: Page) -> None:
    """Wait until the page has its numbers and nothing is running."""
    last = page.get_by_role("heading", name="In numbers")
    expect(last).to_have_count(1, timeout=START_MS)  # there are two while it is exchanged
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=START_MS)
    expect(last).to_be_visible()
    expect(pictures(page).locator(".layer").last).to_have_js_property("complete", True)


def pictures(page: Page) -> Locator:
    """The viewer with the photograph and the before/after bar."""
    return page.locator(".viewer:has(.frame .bar)")


def close_up(page: Page) -> Locator:
    """The viewer beside it, of the place where the upsamplers differ most."""
    return page.locator(".viewer.fixed")


def all_panes(page: Page) -> Locator:
    """The viewer with all upsamplers side by side."""
    return page.locator(".viewer.marked:not(.compact)")


def open_gallery(page: Page) -> None:
    """Unfold the choice of the picture on the Compare page."""
    page.get_by_role("button", name="Picture", exact=True).click()
    expect(page.get_by_role("radiogroup", name="Picture")).to_be_visible()


def expect_no_sideways_scroll(page: Page, width: int) -> None:
    """Expect that nothing is wider than a window; charts take its width some time after it was set."""
    page.wait_for_function(
        "width => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
        ".every(part => part === null || part.scrollWidth <= width)",
        arg=width,
    )
