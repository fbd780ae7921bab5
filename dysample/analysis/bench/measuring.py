"""Measure one operator beside bilinear interpolation: time, memory, parameters."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dysample.analysis.bench.case import BenchCase, Prepared, prepare, threads
from dysample.analysis.bench.memory import MIB, kept_for_backward, peak_of_case
from dysample.analysis.bench.timing import Call, Race, cpu_stopwatch, cuda_stopwatch, race
from dysample.analysis.cost import Cost


@dataclass(frozen=True, slots=True)
class BenchRow:
    """What was measured of one operator.

    Attributes:
        case: What ran.
        forward: Forward calls beside those of bilinear interpolation; None if there is no such call.
        training: Forward and backward together; None if that was not asked for or does not exist.
        peak: MiB at the peak of a forward call, beyond the output.
        kept: MiB that autograd keeps from forward to backward, parameters left out.
        kept_beyond_inputs: The same without the inputs, which the caller may hold anyway.
        parameters: How many weights and biases it learns.
        reason: Why something that was asked for is missing; empty if nothing is.
    """

    case: BenchCase
    forward: Race | None
    training: Race | None
    peak: Cost
    kept: Cost
    kept_beyond_inputs: Cost
    parameters: Cost
    reason: str = ""


def measure(case: BenchCase, *, rounds: int = 9, backward: bool = False) -> BenchRow:
    """Measure an operator, in turns with bilinear interpolation of the same map.

    Args:
        case: What to run.
        rounds: Samples of either.
        backward: Time forward and backward together, too.

    Returns:
        What could be measured. An operator that does not define the case, or that PyTorch cannot
        compute in it, gets a row with the reason.

    Raises:
        ValueError: The device is neither a CPU nor a CUDA device that there is, or `rounds` is below 1.
    """
    with threads(case.threads), _current(check_device(case.device)):
        try:
            prepared = prepare(case)
            with torch.inference_mode():
                prepared.upsample()
        except (ValueError, RuntimeError) as error:
            return _refused(case, _sentence(error))
        with torch.inference_mode():
            forward = _race(case, prepared.upsample, prepared.bilinear, rounds)
        row = BenchRow(
            case=case,
            forward=forward,
            training=None,
            peak=peak_of_case(case),
            kept=_none("not measured"),
            kept_beyond_inputs=_none("not measured"),
            parameters=Cost(sum(map(Tensor.numel, prepared.operator.parameters())), "", "counted"),
        )
        return _with_gradients(row, prepared, rounds if backward else None)


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


def _with_gradients(row: BenchRow, prepared: Prepared, rounds: int | None) -> BenchRow:
    """Add what autograd keeps and, if there are rounds, the time of forward and backward."""
    leaves = prepared.differentiable()
    try:
        kept = kept_for_backward(
            prepared.upsample, inputs=prepared.inputs, parameters=prepared.operator.parameters()
        )
        training = _race_training(row.case, prepared, leaves, rounds) if rounds is not None else None
    except RuntimeError as error:
        reason = f"no backward: {_sentence(error)}"
        return replace(row, kept=_none(reason), kept_beyond_inputs=_none(reason), reason=reason)
    method = "tensors that autograd saves, every storage once, without parameters"
    return replace(
        row,
        training=training,
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
        torch.autograd.grad(prepared.bilinear(), leaves[0], smooth_gradient)

    return _race(case, operator, bilinear, rounds)


def _race(case: BenchCase, candidate: Call, baseline: Call, rounds: int) -> Race:
    stopwatch = cuda_stopwatch if case.device.startswith("cuda") else cpu_stopwatch
    return race(candidate, baseline, rounds=rounds, stopwatch=stopwatch)


@contextmanager
def _current(device: torch.device) -> Generator[None, None, None]:
    """Make a CUDA device the current one, whose events are recorded."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            yield
    else:
        yield


def _refused(case: BenchCase, reason: str) -> BenchRow:
    none = _none(reason)
    return BenchRow(case, None, None, none, none, none, Cost(None, "", reason), reason)


def _none(reason: str) -> Cost:
    return Cost(None, "MiB", reason)


def _sentence(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
