"""A stopwatch for CUDA: calls as they are made, and what the device alone takes for them."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from dysample.analysis.bench.timing import Call, Sample, Stopwatch

WARM_UP = 3  # calls before one is recorded, as torch asks for


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


def recorded(call: Call) -> Call:
    """A call's work on the device as a graph, which is launched at once.

    Raises:
        RuntimeError: The call does what a graph cannot hold, such as waiting for the device.
    """
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            call()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


class CudaStopwatch:
    """Wall clock of calls as they are made; busy time of their recorded graphs, where there are any.

    Small maps take longer to launch than to compute. What the user waits for has both, what the
    device is busy with only the latter.
    """

    def __init__(self, clock: Stopwatch = events, record: Callable[[Call], Call] = recorded) -> None:
        """Take the parts that need a device."""
        self._clock, self._record = clock, record
        self._replays: dict[Call, Call | None] = {}

    def __call__(self, call: Call, calls: int) -> Sample:
        """Take a sample; where there is no graph, the events between the calls tell the busy time."""
        if call not in self._replays:
            self._replays[call] = self._recorded(call)
        sample, replay = self._clock(call, calls), self._replays[call]
        if replay is None:
            return sample
        return replace(sample, busy=self._clock(replay, calls).busy, replayed=True)

    def _recorded(self, call: Call) -> Call | None:
        try:
            return self._record(call)
        except RuntimeError:
            return None
