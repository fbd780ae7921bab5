"""Driving and reading the picture viewers of `pages/viewer_page.py`."""

import re

from playwright.sync_api import Locator, Page, expect

from app.components.viewer.viewer import View

START = View().to_query()
START_MS = 120_000


def open_viewer(page: Page, url: str, query: str = "") -> Locator:
    """Load the page and return its first viewer, drawn."""
    page.goto(f"{url}?{query}", timeout=START_MS)
    expect(told(page, "strip")).to_be_visible(timeout=START_MS)
    viewer = page.locator(".viewer").first
    expect(viewer.locator(".frame").first).to_be_visible()
    expect(viewer.locator(".layer").last).to_have_js_property("complete", True)
    return viewer


def places(viewer: Locator) -> list[str]:
    """The transforms of all pictures; those of one viewer must agree."""
    return viewer.locator(".stage").evaluate_all("stages => stages.map(e => getComputedStyle(e).transform)")


def place(viewer: Locator) -> tuple[float, float, float]:
    """Scale, left and top of all pictures of a viewer, in CSS pixels."""
    (matrix,) = set(places(viewer))
    scale, _, _, _, left, top = map(float, matrix.removeprefix("matrix(").removesuffix(")").split(","))
    return scale, left, top


def told(page: Page, name: str = "main") -> Locator:
    """The line in which the page prints what Python was told."""
    return page.get_by_text(re.compile(f"^{name} [0-9]"))


def told_view(page: Page) -> View:
    return View.from_query(told(page).inner_text().removeprefix("main "))


def room(frame: Locator) -> tuple[float, float, float, float]:
    """Left, top, width and height of a frame in the window."""
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def point(page: Page, frame: Locator, x: float, y: float) -> None:
    """Move the pointer to a place in a frame, given as shares of its size."""
    left, top, width, height = room(frame)
    page.mouse.move(round(left + x * width), round(top + y * height))


def zoom_in(page: Page, frame: Locator, x: float, y: float, turns: int) -> None:
    """Turn the wheel over a place in a frame of the first viewer, and wait until Python knows."""
    point(page, frame, x, y)
    for _ in range(turns):
        page.mouse.wheel(0, -250)
    expect(told(page)).not_to_have_text(f"main {START}")
    page.wait_for_function(
        """shown => {
            const [, , zoom] = document.body.innerText.match(/main ([0-9.,]+)/)[1].split(",");
            return Math.round(100 * zoom) === parseInt(shown.textContent);
        }""",
        arg=page.locator(".percent").first.element_handle(),
    )
