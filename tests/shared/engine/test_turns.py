"""Turns on a device: one at a time, small before large, fair between visitors, given up and refused."""

import threading
import time
from collections.abc import Callable

import pytest

from app.shared.engine.turns import BusyError, Turns, held

WAIT_S = 10.0


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Line:
    """Jobs that queue up one after the other while the device is held, and the order in which they run."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.order: list[str] = []
        self.threads: list[threading.Thread] = []

    def add(self, name: str, visitor: str, *, large: bool = False, seconds: float = 0.0) -> None:
        def work() -> None:
            with self.turns.turn(visitor, large=large):
                self.order.append(name)
                if seconds and isinstance(self.turns.clock, Clock):
                    self.turns.clock.now += seconds

        thread = threading.Thread(target=work, daemon=True)
        before = self.turns.waiting
        thread.start()
        until(lambda: self.turns.waiting == before + 1)
        self.threads.append(thread)

    def done(self) -> list[str]:
        for thread in self.threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()
        return self.order


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_one_job_runs_at_a_time() -> None:
    turns, running, most = Turns(), 0, 0
    lock = threading.Lock()

    def work(number: int) -> None:
        nonlocal running, most
        with turns.turn(f"visitor {number}"):
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)
            with lock:
                running -= 1

    threads = [threading.Thread(target=work, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert (running, most, turns.waiting) == (0, 1, 0)


def test_small_jobs_pass_large_ones_for_a_while() -> None:
    clock = Clock()
    turns = Turns(clock=clock)
    line = Line(turns)
    with turns.turn("first"):
        line.add("large", "a", large=True)
        line.add("small", "b")
        clock.now += 25
        line.add("late", "c")
    # The large one has waited for more than 20 seconds: it is no longer passed.
    assert line.done() == ["large", "small", "late"]
    line = Line(turns)
    with turns.turn("first"):
        line.add("large", "d", large=True)
        line.add("small", "e")
    assert line.done() == ["small", "large"]


def test_who_has_used_less_goes_first() -> None:
    clock = Clock()
    turns = Turns(clock=clock)
    with turns.turn("greedy"):
        clock.now += 8
    line = Line(turns)
    with turns.turn("first"):
        for number in range(3):
            line.add(f"greedy {number}", "greedy")
        clock.now += 0.1
        line.add("modest", "modest")
    assert line.done() == ["modest", "greedy 0", "greedy 1", "greedy 2"]
    clock.now += 3000  # all is forgotten
    line = Line(turns)
    with turns.turn("first"):
        line.add("greedy", "greedy")
        clock.now += 0.1
        line.add("modest", "modest")
    assert line.done() == ["greedy", "modest"]


def test_visitors_share_the_device_evenly() -> None:
    """A visitor with many jobs does not keep another, who came later, waiting for all of them."""
    turns = Turns(clock=Clock())
    line = Line(turns)
    with turns.turn("first"):
        for number in range(3):
            line.add(f"a{number}", "a", seconds=1)
        for number in range(2):
            line.add(f"b{number}", "b", seconds=1)
    assert line.done() == ["a0", "b0", "a1", "b1", "a2"]


def test_the_place_is_reported_and_may_be_given_up() -> None:
    turns = Turns()
    places: list[int] = []

    class LeftError(BaseException):
        pass

    def report(place: int) -> None:
        places.append(place)
        raise LeftError

    line = Line(turns)
    with turns.turn("first"):
        line.add("second", "second")
        with pytest.raises(RuntimeError, match="within a turn"), turns.turn("first"):
            pass

        def leave() -> None:
            with pytest.raises(LeftError), turns.turn("third", report=report):
                raise AssertionError("it never has its turn")

        thread = threading.Thread(target=leave)
        thread.start()
        thread.join(WAIT_S)
        assert places == [2]
        assert turns.waiting == 1
    assert line.done() == ["second"]


def test_too_many_are_refused() -> None:
    turns = Turns(most=2)
    line = Line(turns)
    with turns.turn("first"):
        line.add("a", "a")
        line.add("b", "b")
        refused: list[str] = []

        def ask() -> None:
            try:
                with turns.turn("c"):
                    pass
            except BusyError as error:
                refused.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(WAIT_S)
    assert refused == ["2 computations wait already: try again in a minute."]
    assert sorted(line.done()) == ["a", "b"]


def test_a_job_that_fails_frees_the_device() -> None:
    turns = Turns()
    during: list[bool] = []

    def work() -> None:
        with turns.turn("a"):
            during.append(held())
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    assert during == [True]
    assert not held()
    with turns.turn("a"):
        pass
