"""Measure one operator beside bilinear interpolation: time, memory, parameters, operations."""

import json
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import torch
from torch import Tensor

from dysample.files import record_from, report_from
from dysample.measure.case import BenchCase, Prepared, conditions, prepare
from dysample.measure.machine import Machine, this_machine
from dysample.measure.macs import PAPER, TRUE, UNIT, Cost, MacRule, count_macs
from dysample.measure.memory import MIB, kept_for_backward, peak_of_case
from dysample.measure.timing import Call, CudaStopwatch, Race, Spread, cpu_stopwatch, events, race
from dysample.ops.registry import build, operator_spec

NOT_ASKED = "not asked for"


@dataclass(frozen=True, slots=True)
class BenchRow:
    """What was measured of one operator.

    Attributes:
        case: What ran.
        implementation: What read at points; empty if the operator does not read so.
        forward: Forward calls beside those of bilinear interpolation; None if there is no such call.
        training: Forward and backward together; None if that was not asked for or does not exist.
        moved: Bytes that any such operator has to move: its inputs once, its output once.
        peak: MiB at the peak of a forward call, beyond the output.
        kept: MiB that autograd keeps from forward to backward, parameters left out.
        kept_beyond_inputs: The same without the inputs, which the caller may hold anyway.
        parameters: How many weights and biases it learns.
        macs: Multiply-accumulates of a forward call for the whole batch, as they are.
        macs_paper_rule: The same by the paper's rule.
        reason: Why something that was asked for is missing; empty if nothing is.
    """

    case: BenchCase
    implementation: str
    forward: Race | None
    training: Race | None
    moved: int | None
    peak: Cost
    kept: Cost
    kept_beyond_inputs: Cost
    parameters: Cost
    macs: Cost
    macs_paper_rule: Cost
    reason: str = ""


def measure(case: BenchCase, *, rounds: int = 9, backward: bool = False, memory: bool = True) -> BenchRow:
    """Measure an operator, in turns with bilinear interpolation of the same map.

    Args:
        case: What to run.
        rounds: Samples of either.
        backward: Time forward and backward together, too.
        memory: Measure the peak of memory, which takes a process of its own, and what autograd keeps.

    Returns:
        What could be measured. An operator that does not define the case, or that PyTorch cannot
        compute in it, gets a row with the reason.

    Raises:
        ValueError: The device is neither a CPU nor a CUDA device that there is, or `rounds` is below 1.
    """
    with conditions(case), _current(check_device(case.device)):
        try:
            prepared = prepare(case)
            with torch.inference_mode():
                output = prepared.upsample()
        except (ValueError, RuntimeError) as error:
            return _refused(case, _sentence(error))
        with torch.inference_mode():
            forward = _race(case, prepared.upsample, prepared.bilinear, rounds)
        row = BenchRow(
            case=case,
            implementation=prepared.implementation,
            forward=forward,
            training=None,
            moved=sum(each.numel() * each.element_size() for each in (*prepared.inputs, output)),
            peak=peak_of_case(case) if memory else _none(NOT_ASKED),
            kept=_none(NOT_ASKED),
            kept_beyond_inputs=_none(NOT_ASKED),
            parameters=Cost(sum(map(Tensor.numel, prepared.operator.parameters())), "", "counted"),
            macs=_macs(case, TRUE),
            macs_paper_rule=_macs(case, PAPER),
        )
        return _with_gradients(row, prepared, rounds=rounds if backward else None, memory=memory)


def check_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        ValueError: It is neither a CPU nor a CUDA device that there is.
    """
    found = re.fullmatch(r"cpu|cuda(?::(\d+))?", name)
    if found is None:
        raise ValueError(f"device must be cpu, cuda or such as cuda:1, got {name!r}")
    if name != "cpu" and int(found[1] or 0) >= torch.cuda.device_count():
        raise ValueError(f"device must be one of the {torch.cuda.device_count()} CUDA devices, got {name!r}")
    return torch.device(name)


def _with_gradients(row: BenchRow, prepared: Prepared, *, rounds: int | None, memory: bool) -> BenchRow:
    """Add what autograd keeps and, if there are rounds, the time of forward and backward."""
    leaves = prepared.differentiable()
    try:
        if memory:
            row = _with_kept(row, prepared)
        training = None if rounds is None else _race_training(row.case, prepared, leaves, rounds)
        return replace(row, training=training)
    except RuntimeError as error:
        reason = f"no backward: {_sentence(error)}"
        return replace(row, kept=_none(reason), kept_beyond_inputs=_none(reason), reason=reason)


def _with_kept(row: BenchRow, prepared: Prepared) -> BenchRow:
    method = "tensors that autograd saves, every storage once, without parameters"
    kept = kept_for_backward(
        prepared.upsample, inputs=prepared.inputs, parameters=prepared.operator.parameters()
    )
    return replace(
        row,
        kept=Cost(kept.total / MIB, "MiB", method),
        kept_beyond_inputs=Cost(kept.beyond_inputs / MIB, "MiB", f"{method} and inputs"),
    )


def _race_training(case: BenchCase, prepared: Prepared, leaves: tuple[Tensor, ...], rounds: int) -> Race:
    """Forward and backward: the operator's to all that it has gradients for, bilinear's to the map."""
    gradient = torch.ones_like(prepared.upsample())
    smooth_gradient = torch.ones_like(prepared.bilinear())

    def operator() -> None:
        torch.autograd.grad(prepared.upsample(), leaves, gradient)

    def bilinear() -> None:
        torch.autograd.grad(prepared.bilinear(), prepared.planar, smooth_gradient)

    return _race(case, operator, bilinear, rounds)


def _race(case: BenchCase, candidate: Call, baseline: Call, rounds: int) -> Race:
    stopwatch = CudaStopwatch() if case.device.startswith("cuda") else cpu_stopwatch
    return race(candidate, baseline, rounds=rounds, stopwatch=stopwatch)


def _macs(case: BenchCase, rule: MacRule) -> Cost:
    """Counted on shapes alone."""
    with torch.device("meta"):
        operator = build(case.operator, case.channels, scale=case.scale).eval()
        x = torch.empty(case.batch, case.channels, case.height, case.width)
        guide = torch.empty(*x.shape[:2], case.scale * case.height, case.scale * case.width)
        return count_macs(operator, *operator_spec(case.operator).inputs(x, guide), rule=rule)


@contextmanager
def _current(device: torch.device) -> Generator[None, None, None]:
    """Make a CUDA device the current one, whose events are recorded."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            yield
    else:
        yield


def _refused(case: BenchCase, reason: str) -> BenchRow:
    none, counts = _none(reason), [Cost(None, unit, reason) for unit in ("", UNIT, UNIT)]
    return BenchRow(case, "", None, None, None, none, none, none, *counts, reason=reason)


def _none(reason: str) -> Cost:
    return Cost(None, "MiB", reason)


def _sentence(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


# Results of a benchmark: as a record, as JSON and back.


@dataclass(frozen=True, slots=True)
class BenchReport:
    """One run of the benchmark.

    Attributes:
        command: The command line that makes it again.
        date: When it began, ISO 8601 with time zone.
        machine: Where it ran.
        copy: Bytes that a large copy reads and writes there, in thousand millions a second.
        rounds: Samples of each operator and of bilinear interpolation.
        backward: Whether forward and backward together were timed.
        complete: Whether all that was asked for was measured; False if it was interrupted.
        rows: In the order in which they were measured.
    """

    command: str
    date: str
    machine: Machine
    copy: Spread
    rounds: int
    backward: bool
    complete: bool
    rows: tuple[BenchRow, ...]


def to_json(report: BenchReport) -> str:
    """Write a report as JSON that `from_json` reads."""
    return json.dumps(asdict(report), indent=1) + "\n"


def from_json(text: str) -> BenchReport:
    """Read a report that `to_json` wrote.

    Raises:
        ValueError: The text is not JSON, or not that of a report.
    """
    return report_from(BenchReport, text, "a benchmark")


# Measure case after case, and tell how far it is.


@dataclass(frozen=True, slots=True)
class BenchProgress:
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


def to_line(progress: BenchProgress) -> str:
    """Write one line of JSON that `from_line` reads."""
    return json.dumps(asdict(progress))


def from_line(line: str) -> BenchProgress:
    """Read a line of `python -m dysample bench --progress`.

    Raises:
        ValueError: It is something else.
    """
    return record_from(BenchProgress, json.loads(line))


def benchmark(
    cases: Sequence[BenchCase],
    *,
    rounds: int = 9,
    backward: bool = False,
    memory: bool = True,
    command: str = "",
    progress: Callable[[BenchProgress], None] = lambda told: None,
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
            progress(BenchProgress(len(rows), len(cases), case, None))
            rows.append(measure(case, rounds=rounds, backward=backward, memory=memory))
            progress(BenchProgress(len(rows), len(cases), case, rows[-1]))
    except KeyboardInterrupt:
        pass
    complete = len(rows) == len(cases)
    return BenchReport(command, date, machine, copy, rounds, backward, complete, tuple(rows))


# How fast this machine copies: no operator that reads its input and writes its output can be faster.


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
