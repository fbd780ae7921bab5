"""Time two functions against each other, so that a busy machine slows both."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Call = Callable[[], object]
Clock = Literal["wall", "busy"]
SAMPLE_SECONDS = 0.02
MOST_CALLS = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds that one call took, averaged over the calls of one sample.

    Attributes:
        wall: By the clock on the wall.
        busy: Of this process on its CPU cores; on CUDA, of the device.
        replayed: Whether `busy` is that of a recorded graph of the call, without the time to launch it.
    """

    wall: float
    busy: float
    replayed: bool = False


# Calls a function several times and tells what one call took.
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
    """What one function took.

    Attributes:
        wall: Milliseconds of a call by the clock on the wall.
        busy: Milliseconds of a call that this process (on CUDA: the device) was busy.
        calls: Calls in one sample.
        replayed: Whether the device was busy with a recorded graph, without the time to launch it.
    """

    wall: Spread
    busy: Spread
    calls: int
    replayed: bool = False

    def by(self, clock: Clock) -> Spread:
        """Milliseconds of a call by one of the clocks."""
        return self.wall if clock == "wall" else self.busy


@dataclass(frozen=True, slots=True)
class Race:
    """A function beside its baseline.

    Attributes:
        candidate: What the function took.
        baseline: What the baseline took in between.
        wall_ratio: Candidate over baseline, formed in every round, by the clock on the wall.
        busy_ratio: The same by busy time.
    """

    candidate: Timing
    baseline: Timing
    wall_ratio: Spread
    busy_ratio: Spread

    def ratio(self, clock: Clock) -> Spread:
        """Candidate over baseline by one of the clocks."""
        return self.wall_ratio if clock == "wall" else self.busy_ratio


def race(candidate: Call, baseline: Call, *, rounds: int, stopwatch: Stopwatch) -> Race:
    """Time a function and its baseline in turns; who goes first alternates.

    Args:
        candidate: The function.
        baseline: What it is compared with.
        rounds: Samples of each, an odd number to have a middle one.
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
    )


def repetitions(call: Call, stopwatch: Stopwatch, *, seconds: float = SAMPLE_SECONDS) -> int:
    """How many calls fill a sample of `seconds`; warms the function up on the way."""
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
    )
