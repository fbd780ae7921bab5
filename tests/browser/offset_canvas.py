"""Driving and reading the offset canvas of `pages/offset_canvas_page.py`."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

START_MS = 120_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where the map lies: CSS pixels for each cell, corner in the frame, and zoom."""

    scale: float
    left: float
    top: float
    zoom: float


def open_canvas(page: Page, url: str, query: str = "") -> Locator:
    """Load the page and return the canvas's frame, drawn."""
    page.goto(f"{url}?{query}", timeout=START_MS)
    frame = page.locator(".offsets .frame")
    expect(frame).to_have_attribute("data-background", "drawn", timeout=START_MS)
    expect(page.get_by_text("runs 1")).to_be_visible()
    drawn(page)
    return frame


def drawn(page: Page) -> None:
    """Wait until what has been asked for is on the screen."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def place(frame: Locator) -> Place:
    state = frame.evaluate("e => ({ ...e.dataset })")
    scale, left, top = map(float, state["place"].split(","))
    return Place(scale, left, top, float(state["zoom"]))


def locate(frame: Locator, x: float, y: float) -> tuple[float, float]:
    """The place in the window of a position on the map, in low-res pixels. Scrolls the map into sight."""
    frame.evaluate("e => e.scrollIntoView({ block: 'end', behavior: 'instant' })")
    at, box = place(frame), frame.bounding_box()
    assert box is not None
    return box["x"] + at.left + x * at.scale, box["y"] + at.top + y * at.scale


def expect_chosen(page: Page, column: int, row: int) -> None:
    """Browser and Python must agree."""
    expect(page.locator(".frame")).to_have_attribute("data-cell", f"{column},{row}")
    expect(page.get_by_text(re.compile("^chosen "))).to_have_text(f"chosen ({column}, {row})")


def zoom_in(page: Page, frame: Locator, x: float, y: float, turns: int) -> None:
    """Turn the wheel over a position on the map."""
    page.mouse.move(*locate(frame, x, y))
    page.keyboard.down("Control")
    for _ in range(turns):
        page.mouse.wheel(0, -250)
    page.keyboard.up("Control")
    expect(frame).not_to_have_attribute("data-zoom", "1.0000")
    page.wait_for_timeout(100)  # wheel events come late, one by one
    drawn(page)


def start_touch(page: Page) -> Callable[..., None]:
    """Make the page one for fingers; returns `touch(event, *points)`."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})

    def touch(event: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": event, "touchPoints": fingers})

    return touch
