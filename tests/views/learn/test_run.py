"""A visitor's run: a little at a time, in one thread, with no more arrows than one can tell apart."""

import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
import torch

from app.settings import LearnChoice, Source
from app.shared.engine import local
from app.shared.engine.turns import BusyError
from app.views.learn import compute
from dysample.explain.learn import LearnSettings, Snapshot, train_updates
from dysample.explain.learn_tasks import Task
from dysample.explain.offsets import CellWindow
from tests.views.learn.made import refused


def choice(task: Task = "picture", scale: int = 2, side: int = 96) -> LearnChoice:
    return LearnChoice(None, side, task, scale, LearnSettings(), seed=0, steps=40)


def threads_elsewhere() -> int:
    """Return the number of threads that torch uses in a new thread."""
    counts: list[int] = []
    other = Thread(target=lambda: counts.append(torch.get_num_threads()))
    other.start()
    other.join()
    return counts[0]


def test_it_computes_in_one_thread_and_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def watched(*args: object, **options: object) -> Iterator[Snapshot | None]:
        for update in train_updates(*args, **options):
            seen.append((torch.get_num_threads(), threads_elsewhere()))
            yield update

    before = torch.get_num_threads()
    monkeypatch.setattr(compute, "train_updates", watched)
    monkeypatch.setattr(compute, "_THREADS", 2)
    run = compute.Run(choice())
    run.go()
    run.advance()
    try:
        assert set(seen[1:]) == {(1, 2)}
        assert (torch.get_num_threads(), threads_elsewhere()) == (2, 2)
    finally:
        torch.set_num_threads(before)


def test_it_learns_only_while_it_is_going() -> None:
    run = compute.Run(choice())
    run.advance()
    assert (run.step, len(run.snapshots)) == (0, 1)
    while not run.finished:
        run.go()
        before = len(run.snapshots)
        run.advance()
        assert len(run.snapshots) > before, "there is something new to draw"
    assert not run.going
    assert [snapshot.step for snapshot in run.snapshots] == list(range(0, 41, 2))
    assert [run.at(step).step for step in (0, 2, 38, 40, 400)] == [0, 2, 38, 40, 40]


def test_networks_of_others_run_in_between() -> None:
    """One that asks while a run goes on gets its turn within a slice, again and again."""
    run = compute.Run(replace(choice(), steps=100_000))
    run.go()
    learning = Thread(target=run.advance)
    waited: list[float] = []
    steps: list[int] = []
    learning.start()
    while learning.is_alive() and len(waited) < 5:
        asked = time.monotonic()
        with local.turn((96, 96)):
            waited.append(time.monotonic() - asked)
            steps.append(run.step)
            time.sleep(0.05)
            assert run.step == steps[-1], "it does not learn meanwhile"
    run.pause()
    learning.join()
    assert len(waited) >= 3
    assert max(waited) < 1.5  # a slice, and an update that had begun, on a machine that is busy
    assert steps[-1] > steps[0], "it learns in between"


def test_what_ends_the_waiting_for_a_turn_leaves_the_run_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    run = compute.Run(choice())
    run.go()
    with monkeypatch.context() as patch:
        patch.setattr(local, "turn", refused)
        with pytest.raises(BusyError, match="computations wait already"):
            run.advance()
    assert (run.step, run.going) == (0, True)
    run.advance()
    assert run.step > 0
    monkeypatch.setattr(local, "turn", refused)
    with pytest.raises(BusyError, match="computations wait already"):
        compute.Run(choice())


def test_a_pause_does_not_wait_for_something_to_draw() -> None:
    run = compute.Run(replace(choice(side=144), steps=100_000))
    run.go()
    learning = Thread(target=run.advance)
    learning.start()
    while run.step == 0:
        time.sleep(0.001)
    run.pause()
    learning.join()
    assert len(run.snapshots) == 1
    assert not run.finished


@pytest.mark.parametrize(
    ("task", "scale", "side"), [("picture", 2, 96), ("picture", 2, 144), ("mask", 4, 144)]
)
def test_arrows_are_few_and_of_all_corners(task: Task, scale: int, side: int) -> None:
    run = compute.Run(choice(task, scale, side))
    whole = CellWindow(0, 0, rows=side // scale, columns=side // scale)
    for window in (run.detail, whole):
        arrows, every = run.arrows(run.snapshots[0], group=3, window=window)
        assert 30 < len(arrows.starts) <= 300
        assert {int(row) % scale for row in arrows.pixels[:, 0]} == set(range(scale))
        assert {int(column) % scale for column in arrows.pixels[:, 1]} == set(range(scale))
        assert len({tuple(pixel // every) for pixel in arrows.pixels}) == len(arrows.starts)


def test_arrows_are_near_edges_only() -> None:
    image = np.zeros((12, 20, 3), np.uint8)
    image[:, 10:] = 200  # the slope is in the pixels on both sides, columns 9 and 10
    across = np.arange(0.5, 20).astype(np.float32)
    places = np.stack([across, np.full(20, 6.5, np.float32)], axis=1)
    near = compute.near_edges(image, places)
    assert across[near].tolist() == [7.5, 8.5, 9.5, 10.5, 11.5, 12.5]
    assert not compute.near_edges(np.full((12, 20, 3), 9, np.uint8), places).any()


def test_photographs_are_cut_to_their_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    image = compute.photograph(Source("coffee")).image
    height, width = image.shape[:2]
    run = compute.Run(LearnChoice(Source("coffee"), 96, "picture", 2, LearnSettings(), seed=0, steps=40))
    assert run.pictures.target.shape == (96, 96, 3)
    middle = image[:, (width - height) // 2 : (width + height) // 2]
    mean = run.pictures.target.mean(axis=(0, 1))
    assert mean == pytest.approx(middle.mean(axis=(0, 1)), abs=1)
