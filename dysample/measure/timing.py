"""Timing of a function against a baseline in turns, so that a busy machine slows both."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

Call = Callable[[], object]
Clock = Literal["wall", "busy", "launched"]
SAMPLE_SECONDS = 0.02
MOST_CALLS = 2**20
WARM_UP = 3  # calls before one is recorded, as PyTorch requires


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds of one call, averaged over the calls of one sample.

    Attributes:
        wall: Wall-clock time.
        busy: CPU time of this process; on CUDA, time of the device.
        replayed: Whether `busy` is the time of a recorded graph of the call, without the launch.
        launched: On CUDA, time of the device for plain calls, by its events; None elsewhere.
    """

    wall: float
    busy: float
    replayed: bool = False
    launched: float | None = None


# Calls a function several times and returns the time of one call.
Stopwatch = Callable[[Call, int], Sample]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles over the rounds."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise at least one value."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, lower, upper)


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one function.

    Attributes:
        wall: Wall-clock milliseconds of a call.
        busy: Milliseconds per call that this process (on CUDA: the device) was busy.
        calls: Calls in one sample.
        replayed: Whether `busy` is the time of a recorded graph, without the launch.
        launched: Milliseconds of the device for a plain call, with waiting for launches; None for the CPU.
    """

    wall: Spread
    busy: Spread
    calls: int
    replayed: bool = False
    launched: Spread | None = None

    def by(self, clock: Clock) -> Spread:
        """Return the milliseconds of a call by one of the clocks.

        Raises:
            ValueError: Nothing was launched, for there is no CUDA device.
        """
        return _one(clock, self.wall, self.busy, self.launched)


@dataclass(frozen=True, slots=True)
class Race:
    """Times of a function and its baseline.

    Attributes:
        candidate: Times of the function.
        baseline: Times of the baseline in between.
        wall_ratio: Ratio of candidate to baseline in each round, by wall-clock time.
        busy_ratio: The same by busy time.
        launched_ratio: The same of plain calls by the device's events; None for the CPU.
    """

    candidate: Timing
    baseline: Timing
    wall_ratio: Spread
    busy_ratio: Spread
    launched_ratio: Spread | None = None

    def ratio(self, clock: Clock) -> Spread:
        """Return the ratio of candidate to baseline by one of the clocks.

        Raises:
            ValueError: Nothing was launched, for there is no CUDA device.
        """
        return _one(clock, self.wall_ratio, self.busy_ratio, self.launched_ratio)


def _one(clock: Clock, wall: Spread, busy: Spread, launched: Spread | None) -> Spread:
    if clock == "launched":
        if launched is None:
            raise ValueError("clock must be wall or busy where nothing is launched, got 'launched'")
        return launched
    return wall if clock == "wall" else busy


def race(candidate: Call, baseline: Call, *, rounds: int, stopwatch: Stopwatch) -> Race:
    """Time a function and its baseline in turns, alternating which goes first.

    Args:
        candidate: The function.
        baseline: The baseline.
        rounds: Samples of each, an odd number so that there is a middle one.
        stopwatch: Takes a sample.

    Raises:
        ValueError: `rounds` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    baseline_calls, candidate_calls = repetitions(baseline, stopwatch), repetitions(candidate, stopwatch)
    baseline_samples: list[Sample] = []
    candidate_samples: list[Sample] = []
    turns = [(baseline, baseline_calls, baseline_samples), (candidate, candidate_calls, candidate_samples)]
    for _ in range(rounds):
        for call, calls, samples in turns:
            samples.append(stopwatch(call, calls))
        turns.reverse()
    pairs = list(zip(candidate_samples, baseline_samples, strict=True))
    return Race(
        candidate=_timing(candidate_samples, candidate_calls),
        baseline=_timing(baseline_samples, baseline_calls),
        wall_ratio=Spread.of([ours.wall / theirs.wall for ours, theirs in pairs]),
        busy_ratio=Spread.of([ours.busy / theirs.busy for ours, theirs in pairs]),
        launched_ratio=_spread(
            [ours.launched / theirs.launched for ours, theirs in pairs if ours.launched and theirs.launched]
        ),
    )


def repetitions(call: Call, stopwatch: Stopwatch, *, seconds: float = SAMPLE_SECONDS) -> int:
    """Return how many calls fill a sample of `seconds`; this also warms the function up."""
    stopwatch(call, 1)
    calls = 1
    while (took := stopwatch(call, calls).wall) * calls < seconds and calls < MOST_CALLS:
        calls = min(max(2 * calls, math.ceil(seconds / took) if took else 0), MOST_CALLS)
    return calls


def cpu_stopwatch(call: Call, calls: int) -> Sample:
    """Time calls on the CPU: wall clock, and CPU time summed over the threads of this process."""
    wall, busy = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return Sample((time.perf_counter() - wall) / calls, (time.process_time() - busy) / calls)


def _timing(samples: Sequence[Sample], calls: int) -> Timing:
    return Timing(
        wall=Spread.of([1000 * sample.wall for sample in samples]),
        busy=Spread.of([1000 * sample.busy for sample in samples]),
        calls=calls,
        replayed=all(sample.replayed for sample in samples),
        launched=_spread([1000 * sample.launched for sample in samples if sample.launched is not None]),
    )


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread.of(values) if values else None


# --- CUDA ---


def events(call: Call, calls: int) -> Sample:
    """Time calls on the current CUDA device: wall clock, and the device's own events."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    wall = time.perf_counter()
    start.record()
    for _ in range(calls):
        call()
    end.record()
    torch.cuda.synchronize()
    return Sample((time.perf_counter() - wall) / calls, start.elapsed_time(end) / 1000 / calls)


def recorded(call: Call, *, pool: Any = None) -> Call:
    """Record a call's work on the device as a graph; return the function that launches it.

    Args:
        call: The call.
        pool: Memory that graphs share which never run at the same time, as `torch.cuda.graph_pool_handle`
            makes it; None for memory of its own.

    Raises:
        RuntimeError: The call does something that a graph cannot hold, such as waiting for the device.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Other threads may allocate memory meanwhile.
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        call()
    return graph.replay


class CudaStopwatch:
    """Stopwatch for CUDA: both clocks of plain calls, and busy time of their recorded graphs, if any.

    Small maps take longer to launch than to compute. Plain calls include both by either clock, busy time of a
    graph only the latter.
    """

    def __init__(self, clock: Stopwatch = events, record: Callable[[Call], Call] = recorded) -> None:
        """Set the functions that need a device."""
        self._clock, self._record = clock, record
        self._replays: dict[Call, Call | None] = {}

    def __call__(self, call: Call, calls: int) -> Sample:
        """Take a sample; without a graph, the events around the calls give the busy time."""
        if call not in self._replays:
            self._replays[call] = self._recorded(call)
        sample, replay = self._clock(call, calls), self._replays[call]
        sample = replace(sample, launched=sample.busy)
        if replay is None:
            return sample
        return replace(sample, busy=self._clock(replay, calls).busy, replayed=True)

    def _recorded(self, call: Call) -> Call | None:
        try:
            return self._record(call)
        except RuntimeError:
            return None
