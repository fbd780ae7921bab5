"""Interleaved timing, on clocks that move only on request."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from dysample.measure.timing import (
    MOST_CALLS,
    Call,
    CudaStopwatch,
    Sample,
    Spread,
    cpu_stopwatch,
    race,
    repetitions,
)


class Script:
    """A stopwatch that records what it timed and reads seconds per call from a list."""

    def __init__(self, seconds: dict[str, list[float]]) -> None:
        self.seconds = {name: iter(values) for name, values in seconds.items()}
        self.order: list[str] = []

    def __call__(self, call: Call, calls: int) -> Sample:
        name = str(call())
        self.order.append(name)
        wall = next(self.seconds[name])
        return Sample(wall, wall / 2 if name == "operator" else wall)


def operator() -> str:
    return "operator"


def bilinear() -> str:
    return "bilinear"


def test_turns_medians_and_ratios():
    # The first two of each are the warm-up and the count of calls; they must not be in the figures.
    script = Script({"operator": [9.0, 9.0, 6.0, 2.0, 4.0], "bilinear": [9.0, 9.0, 1.0, 2.0, 4.0]})
    result = race(operator, bilinear, rounds=3, stopwatch=script)
    in_turns = ["bilinear", "operator", "operator", "bilinear", "bilinear", "operator"]
    assert script.order == [*["bilinear"] * 2, *["operator"] * 2, *in_turns]
    assert result.candidate.wall == Spread(4000.0, 3000.0, 5000.0)
    assert result.candidate.busy == Spread(2000.0, 1500.0, 2500.0)
    assert result.baseline.wall == Spread(2000.0, 1500.0, 3000.0)
    # Ratios of the rounds are 6, 1 and 1; the ratio of the medians would be 2.
    assert result.wall_ratio == Spread(1.0, 1.0, 3.5)
    assert result.busy_ratio == Spread(0.5, 0.5, 1.75)


@pytest.mark.parametrize(
    ("seconds", "calls"), [(0.03, 1), (0.02, 1), (0.011, 2), (0.0003, 67), (0.0, MOST_CALLS)]
)
def test_quick_calls_are_repeated(seconds: float, calls: int):
    assert repetitions(bilinear, lambda call, calls: Sample(seconds, seconds)) == calls


def test_rounds():
    with pytest.raises(ValueError, match="rounds must be at least 1, got 0"):
        race(operator, bilinear, rounds=0, stopwatch=cpu_stopwatch)


@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0], [5.0, 1.0, 9.0, 2.0, 2.5], [0.0, 1.0, 4.0, 9.0]])
def test_spread(values: list[float]):
    lower, median, upper = np.percentile(values, [25, 50, 75])
    spread = Spread.of(values)
    assert (spread.lower, spread.median, spread.upper) == pytest.approx((lower, median, upper))


def test_clocks():
    script = Script({"operator": [9.0, 9.0, 6.0], "bilinear": [9.0, 9.0, 2.0]})
    result = race(operator, bilinear, rounds=1, stopwatch=script)
    assert (result.ratio("wall").median, result.ratio("busy").median) == (3.0, 1.5)
    assert (result.candidate.by("wall").median, result.candidate.by("busy").median) == (6000.0, 3000.0)


def test_cpu_stopwatch(monkeypatch: pytest.MonkeyPatch):
    now = {"wall": 100.0, "busy": 7.0}

    def work() -> None:
        now["wall"] += 0.5
        now["busy"] += 0.25

    def clock(name: str) -> Callable[[], float]:
        return lambda: now[name]

    monkeypatch.setattr(time, "perf_counter", clock("wall"))
    monkeypatch.setattr(time, "process_time", clock("busy"))
    assert cpu_stopwatch(work, 4) == Sample(wall=0.5, busy=0.25)


class Device:
    """Calls take a second on the clock; their graphs launch instantly and run in half the time."""

    def __init__(self) -> None:
        self.recorded: list[Call] = []

    def clock(self, call: Call, calls: int) -> Sample:
        return Sample(1.0, 0.5) if call() == "graph" else Sample(2.0, 1.5)

    def record(self, call: Call) -> Call:
        self.recorded.append(call)
        if call is bilinear:
            raise RuntimeError("operation not permitted when stream is capturing")
        return lambda: "graph"


def test_on_cuda_the_device_s_own_time_is_that_of_a_graph():
    device = Device()
    stopwatch = CudaStopwatch(device.clock, device.record)
    assert stopwatch(operator, 3) == stopwatch(operator, 1) == Sample(2.0, 0.5, True, launched=1.5)
    assert stopwatch(bilinear, 1) == Sample(2.0, 1.5, False, launched=1.5)
    assert device.recorded == [operator, bilinear]
    result = race(operator, bilinear, rounds=2, stopwatch=stopwatch)
    assert (result.candidate.replayed, result.baseline.replayed) == (True, False)
    assert result.busy_ratio.median == pytest.approx(1 / 3)
    assert result.ratio("launched") == Spread(1.0, 1.0, 1.0)
    assert result.candidate.by("launched").median == 1500


def test_nothing_is_launched_on_the_cpu():
    result = race(operator, bilinear, rounds=1, stopwatch=lambda call, calls: Sample(1.0, 1.0))
    assert (result.candidate.launched, result.launched_ratio) == (None, None)
    for ask in (result.ratio, result.candidate.by):
        with pytest.raises(ValueError, match="got 'launched'"):
            ask("launched")
