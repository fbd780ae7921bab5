"""Benchmarks of operators beside bilinear interpolation: time, memory, parameters, operations."""

import json
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import torch
from torch import Tensor

from dysample.files import report_from
from dysample.measure.case import BenchCase, Prepared, conditions, prepare
from dysample.measure.machine import Machine, this_machine
from dysample.measure.macs import PAPER, TRUE, UNIT, Cost, MacRule, count_macs
from dysample.measure.memory import MIB, kept_for_backward, peak_of_case
from dysample.measure.timing import Call, CudaStopwatch, Race, Spread, cpu_stopwatch, events, race
from dysample.ops.registry import build, operator_spec

NOT_ASKED = "not asked for"
GIGA = 10**9
BYTES = 2**27  # copied by `copy_bandwidth`: more than caches hold


@dataclass(frozen=True, slots=True)
class BenchRow:
    """Measurements of one operator.

    Attributes:
        case: The measured case.
        implementation: Implementation that read at points; empty if the operator does not do so.
        forward: Forward calls beside those of bilinear interpolation; None if the operator cannot run.
        training: Forward and backward together; None if not requested or not possible.
        moved: Bytes that any such operator must move: its inputs once, its output once.
        peak: MiB at the peak of a forward call, beyond the output.
        kept: MiB that autograd keeps from forward to backward, without parameters.
        kept_beyond_inputs: The same without the inputs, which the caller may hold anyway.
        parameters: Number of trainable weights and biases.
        macs: True multiply-accumulates of a forward call for the whole batch.
        macs_paper_rule: Multiply-accumulates by the paper's rule.
        reason: Why something requested is missing; empty if nothing is.
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
    """Measure an operator in turns with bilinear interpolation of the same map.

    Args:
        case: The case to run.
        rounds: Samples of each.
        backward: Also time forward and backward together.
        memory: Measure the peak of memory, which takes a separate process, and what autograd keeps.

    Returns:
        All that could be measured. An operator that does not define the case, or that PyTorch cannot
        compute in it, gets a row with the reason.

    Raises:
        ValueError: The device is neither the CPU nor an existing CUDA device, or `rounds` is below 1.
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
            moved=sum(x.numel() * x.element_size() for x in (*prepared.inputs, output)),
            peak=peak_of_case(case) if memory else _none(NOT_ASKED),
            kept=_none(NOT_ASKED),
            kept_beyond_inputs=_none(NOT_ASKED),
            parameters=Cost(sum(map(Tensor.numel, prepared.operator.parameters())), "", "counted"),
            macs=_macs(case, TRUE),
            macs_paper_rule=_macs(case, PAPER),
        )
        return _with_gradients(row, prepared, rounds=rounds if backward else None, memory=memory)


def check_device(name: str) -> torch.device:
    """Return a device by name.

    Raises:
        ValueError: It is neither the CPU nor an existing CUDA device.
    """
    match = re.fullmatch(r"cpu|cuda(?::(\d+))?", name)
    if match is None:
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {name!r}")
    count = 0 if name == "cpu" else torch.cuda.device_count()
    if name != "cpu" and int(match[1] or 0) >= count:
        reason = f": {_no_cuda()}" if count == 0 else ""
        raise ValueError(f"device must be one of the {count} CUDA devices, got {name!r}{reason}")
    return torch.device(name)


def _no_cuda() -> str:
    """Return why PyTorch finds no CUDA device, such as that the driver is too old."""
    try:
        torch.cuda.init()
    except (AssertionError, RuntimeError) as error:
        return _sentence(error).partition(". ")[0]
    return "there is none"


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
    """Race forward and backward: the operator's to all its leaves, bilinear's to the map."""
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
    """Count operations on shapes alone."""
    with torch.device("meta"):
        operator = build(case.operator, case.channels, scale=case.scale).eval()
        x = torch.empty(case.batch, case.channels, case.height, case.width)
        guide = torch.empty(*x.shape[:2], case.scale * case.height, case.scale * case.width)
        return count_macs(operator, *operator_spec(case.operator).inputs(x, guide), rule=rule)


@contextmanager
def _current(device: torch.device) -> Generator[None, None, None]:
    """Make a CUDA device the current one, so that events are recorded on it."""
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
    if isinstance(error, torch.OutOfMemoryError):
        return "the memory of the GPU ran out: choose a smaller map"
    return next(iter(str(error).splitlines()), "") or type(error).__name__


# --- Reports ---


@dataclass(frozen=True, slots=True)
class BenchReport:
    """One run of the benchmark.

    Attributes:
        command: Command line that repeats it.
        date: Start of the run, ISO 8601 with time zone.
        machine: Machine that it ran on.
        copy: Bytes that a large copy reads and writes there, in thousand millions per second.
        rounds: Samples of each operator and of bilinear interpolation.
        backward: Whether forward and backward together were timed.
        complete: Whether all cases were measured; False after an interruption.
        rows: Measured rows, in order of measurement.
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
    """Return a report as JSON that `from_json` reads."""
    return json.dumps(asdict(report), indent=1) + "\n"


def from_json(text: str) -> BenchReport:
    """Read a report that `to_json` wrote.

    Raises:
        ValueError: The text is not the JSON of a report.
    """
    return report_from(BenchReport, text, "a benchmark")


# --- Runs ---


@dataclass(frozen=True, slots=True)
class BenchProgress:
    """Progress of a benchmark, reported before and after every case.

    Attributes:
        done: Number of measured cases.
        total: Number of all cases.
        case: The case about to be measured, or just measured.
        row: Its measurements; None before it is measured.
    """

    done: int
    total: int
    case: BenchCase
    row: BenchRow | None


def to_line(progress: BenchProgress) -> str:
    """Return one line of JSON that `from_line` reads."""
    return json.dumps(asdict(progress))


def from_line(line: str) -> BenchProgress:
    """Read a line of `python -m dysample bench --progress`.

    Raises:
        ValueError: The text is something else.
    """
    return report_from(BenchProgress, line, "the progress of a benchmark")


def benchmark(
    cases: Sequence[BenchCase],
    *,
    rounds: int = 9,
    backward: bool = False,
    memory: bool = True,
    command: str = "",
    progress: Callable[[BenchProgress], None] = lambda step: None,
) -> BenchReport:
    """Measure cases one after another.

    Args:
        cases: At least one; all on the same device with the same number of threads.
        rounds: Samples of each case and of bilinear interpolation.
        backward: Also time forward and backward together.
        memory: Also measure memory, which takes a separate process for each case.
        command: Command line that repeats the report, to be written into it.
        progress: Called before and after every case. An exception that it raises ends the run; after a
            KeyboardInterrupt from anywhere, the report has the rows measured so far.

    Raises:
        ValueError: There is no case, there is no such device, or cases differ in device or threads.
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


# --- Copying: no operator that reads its input and writes its output can be faster ---


def copy_bandwidth(device: torch.device, *, threads: int = 1, rounds: int = 9) -> Spread:
    """Measure the bytes that a large copy reads and writes, in thousand millions per second.

    Args:
        device: Device to copy on; a CUDA device must be the current one.
        threads: CPU threads.
        rounds: Number of samples.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        source = torch.ones(BYTES // 4, device=device)
        target = source.clone()
        stopwatch = events if device.type == "cuda" else cpu_stopwatch
        for _ in range(2):
            target.copy_(source)
        samples = [stopwatch(lambda: target.copy_(source), 1) for _ in range(rounds)]
    finally:
        torch.set_num_threads(before)
    wall = device.type == "cpu" and threads > 1
    return Spread.of([2 * BYTES / GIGA / (sample.wall if wall else sample.busy) for sample in samples])


def share_of_copy(row: BenchRow, copy: Spread) -> float | None:
    """Return the share, 0 to 1, of copying speed that a forward call reaches; None without a call.

    Copying means reading the inputs and writing the output once.
    """
    if row.forward is None or row.moved is None:
        return None
    seconds = row.forward.candidate.by(row.case.clock).median / 1000
    return row.moved / seconds / (copy.median * GIGA)
