"""Collection of garbage that does not hold up the visitors.

Streamlit collects all garbage after every run of a page. Python then looks at every object of the process,
which with PyTorch and pandas are more than a million, and takes a third of a second in which no page runs.
What has outlived a collection that took long is therefore set aside, and later ones look at what is new.
"""

import gc
import time
from typing import Literal

_OLDEST = 2  # generation of a full collection
_LONG_S = 0.03


class _Watch:
    """Sets what is alive aside after a full collection that took long."""

    def __init__(self) -> None:
        self._began = 0.0

    def __call__(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        if info["generation"] != _OLDEST:
            return
        if phase == "start":
            self._began = time.perf_counter()
        elif time.perf_counter() - self._began > _LONG_S:
            gc.freeze()


def watch() -> None:
    """Set aside what is alive whenever a full collection of this process took long."""
    gc.callbacks.append(_Watch())


def collect_all() -> None:
    """Collect garbage among all objects, those that were set aside included, and set aside what is left."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
