"""Measure one operator beside bilinear interpolation: time, memory, parameters, operations."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dysample.analysis.bench.case import BenchCase, Prepared, conditions, prepare
from dysample.analysis.bench.cuda import CudaStopwatch
from dysample.analysis.bench.memory import MIB, kept_for_backward, peak_of_case
from dysample.analysis.bench.timing import Call, Race, cpu_stopwatch, race
from dysample.analysis.complexity.macs import PAPER, TRUE, UNIT, MacRule, count_macs
from dysample.analysis.cost import Cost
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
