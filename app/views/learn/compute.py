"""Learning on a page: one visitor's run, advanced a little at a time."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from app.settings import LearnChoice, Source
from app.shared.photos import photograph
from dysample.explain.learn import Snapshot, train_updates
from dysample.explain.learn_tasks import (
    Problem,
    bright_regions,
    hardest_window,
    mask_problem,
    picture_problem,
    problem_pictures,
    rings,
)
from dysample.explain.offsets import Arrows, CellWindow, arrows

_SNAPSHOTS = 20
_SHORTEST_S, _LONGEST_S = 0.2, 2.0  # of learning, from look to look
_MOST_ARROWS = 1200  # more are slow to draw, and hard to tell apart
_THREADS = torch.get_num_threads()


class Run:
    """The learning that one choice asks for: it waits at the start until it is told to go.

    Streamlit may run a page again in a new thread while the last one has still to notice: a lock lets one
    of them learn at a time.
    """

    def __init__(self, choice: LearnChoice) -> None:
        """Prepare.

        Args:
            choice: What decides the run.

        Raises:
            ImageError: The photograph cannot be used.
            ValueError: The options do not fit together, or there is nothing to learn from the picture.
        """
        problem = _problem(choice)
        self.choice = choice
        self.pictures = problem_pictures(problem)
        self.detail = hardest_window(problem)
        self.step = 0
        self.snapshots: list[Snapshot] = []
        self.going = False
        self.every = choice.steps // _SNAPSHOTS
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._updates = train_updates(
            problem, choice.settings, steps=choice.steps, snapshot_every=self.every, seed=choice.seed
        )
        self._take(next(self._updates))

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step == self.choice.steps

    def go(self) -> None:
        """Let it learn from the next look on."""
        self._looked = None
        self.going = True

    def pause(self) -> None:
        """Let it rest; it stops after the update that is under way."""
        self.going = False

    def advance(self) -> None:
        """Learn, if it is going, until there is something new to draw; longer where drawing takes long."""
        with self._lock, _one_thread():
            began, known = time.monotonic(), len(self.snapshots)
            drawing = 0.0 if self._looked is None else began - self._looked
            enough = min(max(drawing / 4, _SHORTEST_S), _LONGEST_S)
            while self.going:
                self._take(next(self._updates))
                self.step += 1
                if self.finished:
                    self.going = False
                took = time.monotonic() - began
                if took > _LONGEST_S or (took > enough and len(self.snapshots) > known):
                    break
            self._looked = time.monotonic()

    def at(self, step: int) -> Snapshot:
        """The last snapshot up to a step."""
        return self.snapshots[min(step // self.every, len(self.snapshots) - 1)]

    def arrows(self, snapshot: Snapshot, *, group: int, window: CellWindow) -> tuple[Arrows, int]:
        """The arrows of a group in a window, and of every how manieth row and column they are."""
        height, width = self.pictures.input.shape[:2]
        points = window.rows * window.columns * self.choice.scale**2
        # Odd numbers show all corners of the cells in turn, for scales are even here.
        every = next(odd for odd in range(1, points + 2, 2) if points <= odd**2 * _MOST_ARROWS)
        found = arrows(snapshot.record, height=height, width=width, group=group, window=window, every=every)
        return found, every

    def _take(self, found: Snapshot | None) -> None:
        if found is not None:
            self.snapshots.append(found)


@contextmanager
def _one_thread() -> Generator[None]:
    """Let torch compute in this thread alone, and leave it as it is for everybody else.

    Operations as small as these gain nothing from more threads, and on a busy machine they wait for each
    other: fifty times as long has been seen. torch's number holds for the thread that sets it and for all
    that begin later, so another thread sets it back at once.
    """
    torch.set_num_threads(1)
    other = threading.Thread(target=torch.set_num_threads, args=(_THREADS,))
    other.start()
    other.join()
    try:
        yield
    finally:
        torch.set_num_threads(_THREADS)


def _problem(choice: LearnChoice) -> Problem:
    image = rings(choice.side) if choice.source is None else _square(choice.source, choice.side)
    if choice.task == "picture":
        return picture_problem(image, scale=choice.scale)
    return mask_problem(image, bright_regions(image), scale=choice.scale)


def _square(source: Source, side: int) -> UInt8[np.ndarray, "side side 3"]:
    """The middle of a photograph, reduced if it is larger."""
    image = photograph(source).image
    height, width = image.shape[:2]
    size = min(height, width)
    top, left = (height - size) // 2, (width - size) // 2
    middle = image[top : top + size, left : left + size]
    return cv2.resize(middle, (side, side), interpolation=cv2.INTER_AREA) if size > side else middle
