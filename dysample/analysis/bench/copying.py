"""How fast this machine copies: no operator that reads its input and writes its output can be faster."""

import torch

from dysample.analysis.bench.cuda import events
from dysample.analysis.bench.measuring import BenchRow
from dysample.analysis.bench.timing import Spread, cpu_stopwatch

GIGA = 10**9
BYTES = 2**27  # more than caches hold


def copy_bandwidth(device: torch.device, *, threads: int = 1, rounds: int = 9) -> Spread:
    """Bytes that a large copy reads and writes, in thousand millions a second.

    Args:
        device: Where; a CUDA device must be the current one.
        threads: CPU threads.
        rounds: Samples.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        source = torch.ones(BYTES // 4, device=device)
        goal = source.clone()
        stopwatch = events if device.type == "cuda" else cpu_stopwatch
        for _ in range(2):
            goal.copy_(source)
        samples = [stopwatch(lambda: goal.copy_(source), 1) for _ in range(rounds)]
    finally:
        torch.set_num_threads(before)
    wall = device.type == "cpu" and threads > 1
    return Spread.of([2 * BYTES / GIGA / (sample.wall if wall else sample.busy) for sample in samples])


def share_of_copy(row: BenchRow, copy: Spread) -> float | None:
    """How near a forward call comes to copying its inputs and output, from 0 to 1; None if there is none."""
    if row.forward is None or row.moved is None:
        return None
    seconds = row.forward.candidate.by(row.case.clock).median / 1000
    return row.moved / seconds / (copy.median * GIGA)
