"""Charts are drawn some time after the words around them: waiting for what they show."""

import time
from collections.abc import Callable

from playwright.sync_api import Error

DRAW_SECONDS = 20.0


def expect_shown(read: Callable[[], object], expected: object) -> None:
    """Read what a chart shows until it is what is expected, for a while.

    Raises:
        AssertionError: It is still something else.
    """
    deadline = time.monotonic() + DRAW_SECONDS
    while (shown := _attempt(read)) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert shown == expected


def _attempt(read: Callable[[], object]) -> object:
    """What is read, or why it cannot be: while Streamlit exchanges a chart, there are two or none."""
    try:
        return read()
    except Error as error:
        return error
