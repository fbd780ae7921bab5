"""Times of what runs on the device."""

import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

from app.shared.engine import devices

_T = TypeVar("_T")
_REPEAT_WITHIN = 0.15  # seconds in which a head is timed again, so that small pictures are timed well


def timed_once(run: Callable[[], _T]) -> tuple[_T, float]:
    """Run once; return the output and the time in seconds."""
    devices.finished()
    started = time.perf_counter()
    output = run()
    devices.finished()
    return output, time.perf_counter() - started


def timed(run: Callable[[], _T]) -> tuple[_T, float]:
    """Run once, and again while that is quick; return the output and the median time in seconds."""
    times: list[float] = []
    while True:
        output, seconds = timed_once(run)
        times.append(seconds)
        if sum(times) + seconds > _REPEAT_WITHIN:
            return output, median(times)
