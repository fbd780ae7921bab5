"""Measure case after case, and tell how far it is."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from dysample.analysis.bench.case import BenchCase
from dysample.analysis.bench.copying import copy_bandwidth
from dysample.analysis.bench.machine import this_machine
from dysample.analysis.bench.measuring import BenchRow, check_device, measure
from dysample.analysis.bench.report import BenchReport
from dysample.analysis.typed_json import record_from


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a benchmark is; there is one before every case, and one after it.

    Attributes:
        done: Cases that have been measured.
        total: Cases that there are.
        case: What is measured next, or has just been.
        row: What was found; None before it is measured.
    """

    done: int
    total: int
    case: BenchCase
    row: BenchRow | None


def to_line(progress: Progress) -> str:
    """Write one line of JSON that `from_line` reads."""
    return json.dumps(asdict(progress))


def from_line(line: str) -> Progress:
    """Read a line of `python -m dysample bench --progress`.

    Raises:
        ValueError: It is something else.
    """
    return record_from(Progress, json.loads(line))


def benchmark(
    cases: Sequence[BenchCase],
    *,
    rounds: int = 9,
    backward: bool = False,
    memory: bool = True,
    command: str = "",
    progress: Callable[[Progress], None] = lambda told: None,
) -> BenchReport:
    """Measure cases one after the other.

    Args:
        cases: At least one; all on the same device with the same number of threads.
        rounds: Samples of each and of bilinear interpolation.
        backward: Time forward and backward together, too.
        memory: Measure memory, too, which takes a process of its own for each case.
        command: The command line that makes the report again, to be written into it.
        progress: Called before and after every case. What it raises ends the run; KeyboardInterrupt,
            wherever it comes from, leaves the rows that there are.

    Raises:
        ValueError: There is no case, there is no such device, or the cases disagree about device or threads.
    """
    if not cases or len({(case.device, case.threads) for case in cases}) > 1:
        raise ValueError("a benchmark needs cases, all on one device with one number of threads")
    device = check_device(cases[0].device)
    date, machine = datetime.now(UTC).isoformat(timespec="seconds"), this_machine(device)
    copy = copy_bandwidth(device, threads=cases[0].threads, rounds=rounds)
    rows = list[BenchRow]()
    try:
        for case in cases:
            progress(Progress(len(rows), len(cases), case, None))
            rows.append(measure(case, rounds=rounds, backward=backward, memory=memory))
            progress(Progress(len(rows), len(cases), case, rows[-1]))
    except KeyboardInterrupt:
        pass
    complete = len(rows) == len(cases)
    return BenchReport(command, date, machine, copy, rounds, backward, complete, tuple(rows))
