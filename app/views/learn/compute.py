"""A visitor's run of the page "Watch it learn", trained a little at a time."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8

from app.settings import LearnChoice, Source
from app.shared.engine import local
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

_SNAPSHOTS = 20  # in a whole run, besides the first
_SHORTEST_S, _LONGEST_S = 0.2, 2.0  # of training from one look to the next
_SLICE_S = 0.2  # of training in one turn, in which a network of another visitor waits at most
_MOST_ARROWS = 1200  # more are slow to draw and hard to tell apart
_NEAR = 2  # low-res pixels from an edge, where it matters where a point goes
_STRONG = 0.3  # of the steepest slope
_THREADS = torch.get_num_threads()


class Run:
    """One training run, which waits at the start until `go` is called.

    Training takes turns with the networks of other visitors, a little at a time.

    Streamlit may rerun a page in a new thread before the old one has noticed, so a lock lets only one of
    them train at a time.
    """

    def __init__(self, choice: LearnChoice) -> None:
        """Prepare the problem and take the first snapshot.

        Args:
            choice: The settings of the run.

        Raises:
            ImageError: The photograph cannot be decoded.
            EngineError: Too many computations wait for a turn already.
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
        with _one_thread(), self._turn():
            self._take(next(self._updates))

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step == self.choice.steps

    def go(self) -> None:
        """Train from the next call of `advance` on."""
        self._looked = None
        self.going = True

    def pause(self) -> None:
        """Stop after the current update."""
        self.going = False

    def advance(self) -> None:
        """Train, unless paused, until there is something new to draw; for longer where drawing is slow.

        Raises:
            EngineError: Too many computations wait for a turn already.
        """
        with self._lock, _one_thread():
            began, known = time.monotonic(), len(self.snapshots)
            drawing = 0.0 if self._looked is None else began - self._looked
            enough = min(max(drawing / 4, _SHORTEST_S), _LONGEST_S)
            while self.going:
                with self._turn():
                    self._train_a_little()
                took = time.monotonic() - began
                if took > _LONGEST_S or (took > enough and len(self.snapshots) > known):
                    break
            self._looked = time.monotonic()

    @contextmanager
    def _turn(self) -> Generator[None]:
        # Turns are for networks that run without gradients; this one learns.
        with local.turn(self.pictures.target.shape[:2]), torch.inference_mode(False):
            yield

    def _train_a_little(self) -> None:
        end = time.monotonic() + _SLICE_S
        while self.going and time.monotonic() < end:
            self._take(next(self._updates))
            self.step += 1
            if self.finished:
                self.going = False

    def at(self, step: int) -> Snapshot:
        """Return the last snapshot up to a step."""
        return self.snapshots[min(step // self.every, len(self.snapshots) - 1)]

    def arrows(self, snapshot: Snapshot, *, group: int, window: CellWindow) -> tuple[Arrows, int]:
        """Return the arrows near edges of a group in a window, and n: every n-th row and column has one."""
        height, width = self.pictures.input.shape[:2]
        points = window.rows * window.columns * self.choice.scale**2
        # Scales are even here, so an odd stride shows all corners of the cells in turn.
        every = next(odd for odd in range(1, points + 2, 2) if points <= odd**2 * _MOST_ARROWS)
        record = snapshot.record
        every_one = arrows(record, height=height, width=width, group=group, window=window, every=every)
        chosen = thinned(every_one.pixels // every) & near_edges(self.pictures.input, every_one.starts)
        return Arrows(*(part[chosen] for part in (every_one.starts, every_one.ends, every_one.pixels))), (
            2 * every
        )

    def _take(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            self.snapshots.append(snapshot)


def thinned(places: Int64[np.ndarray, "n 2"]) -> Bool[np.ndarray, " n"]:
    """Choose one of four neighbouring (row, column), all four corners in turn."""
    row, column = places.T
    return (row % 2 == column // 2 % 2) & (column % 2 == row // 2 % 2)


def near_edges(
    image: UInt8[np.ndarray, "h w c"], places: Float32[np.ndarray, "n 2"]
) -> Bool[np.ndarray, " n"]:
    """Choose the places (x, y), in pixels of the image, that are within two pixels of a strong edge."""
    grey = image.mean(axis=2)
    steepness = np.hypot(*np.gradient(grey))
    edges = (steepness > _STRONG * steepness.max()).astype(np.uint8)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _NEAR + 1, 2 * _NEAR + 1))
    near = cv2.dilate(edges, around).astype(bool)
    column, row = np.floor(places).astype(int).T
    return near[row.clip(0, near.shape[0] - 1), column.clip(0, near.shape[1] - 1)]


def _problem(choice: LearnChoice) -> Problem:
    image = rings(choice.side) if choice.source is None else _square(choice.source, choice.side)
    if choice.task == "picture":
        return picture_problem(image, scale=choice.scale)
    return mask_problem(image, bright_regions(image), scale=choice.scale)


def _square(source: Source, side: int) -> UInt8[np.ndarray, "side side 3"]:
    """Return the central square of a photograph, reduced to `side` pixels if it is larger."""
    image = photograph(source).image
    height, width = image.shape[:2]
    size = min(height, width)
    top, left = (height - size) // 2, (width - size) // 2
    middle = image[top : top + size, left : left + size]
    return cv2.resize(middle, (side, side), interpolation=cv2.INTER_AREA) if size > side else middle


@contextmanager
def _one_thread() -> Generator[None]:
    """Restrict torch to one thread in this thread, and leave all others as they are.

    Operations this small gain nothing from more threads, and on a busy machine the threads wait for each
    other: slowdowns of fifty times have been seen. `set_num_threads` holds for the calling thread and for
    all threads that start later, so another thread resets it at once.
    """
    torch.set_num_threads(1)
    other = threading.Thread(target=torch.set_num_threads, args=(_THREADS,))
    other.start()
    other.join()
    try:
        yield
    finally:
        torch.set_num_threads(_THREADS)
