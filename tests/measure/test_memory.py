"""Memory against functions that need a known amount."""

import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dysample.measure import memory
from dysample.measure.case import BenchCase
from dysample.measure.macs import Cost
from dysample.measure.memory import MIB, Kept, kept_for_backward, peak_beyond_output, peak_of_case

CASE = BenchCase("bilinear", 4, 2, 2)
CPU = torch.device("cpu")


def filled(mebibytes: int) -> Tensor:
    """Return ones, since zeros take no memory until they are written."""
    return torch.ones(mebibytes * MIB, dtype=torch.uint8)


def held(temporary: int, output: int) -> Tensor:
    """Hold a temporary while the output is made."""
    scratch = filled(temporary)
    result = filled(output)
    del scratch
    return result


def dropped(temporary: int, output: int) -> Tensor:
    """Free a temporary before the output is made."""
    filled(temporary)
    return filled(output)


def smallest_peak(call: Callable[[int, int], Tensor], temporary: int, output: int) -> Cost:
    """Return the least of three, since anything else in the process can only add."""
    costs = [peak_beyond_output(lambda: call(temporary, output), CPU) for _ in range(3)]
    return min(costs, key=lambda cost: cost.value or 0.0)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Executor]:
    """Measure in a process that does nothing else, as `peak_of_case` does."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize(
    ("call", "temporary", "output", "beyond"), [(held, 96, 48, 96), (held, 1, 64, 1), (dropped, 96, 48, 48)]
)
def test_peak_on_the_cpu(
    fresh: Executor, call: Callable[[int, int], Tensor], temporary: int, output: int, beyond: int
):
    cost = fresh.submit(smallest_peak, call, temporary, output).result()
    if cost.value is None:
        pytest.skip(cost.method)
    assert cost.value == pytest.approx(beyond, abs=2)
    assert cost.unit == "MiB"


def test_a_system_without_a_peak_gets_no_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(memory, "_RESET", tmp_path / "missing" / "clear_refs")
    cost = peak_beyond_output(lambda: filled(1), CPU)
    assert cost == Cost(None, "MiB", "this system does not let a process reset its peak resident size")


@pytest.mark.parametrize(
    ("status", "stderr", "why"),
    [
        (-9, "", "the measuring process ended with status -9: no message"),
        (1, "Traceback ...\nMemoryError: all gone\n", "ended with status 1: MemoryError: all gone"),
    ],
)
def test_a_process_that_dies_gets_no_number(
    monkeypatch: pytest.MonkeyPatch, status: int, stderr: str, why: str
):
    def die(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert command[:3] == [sys.executable, "-m", "dysample.measure.memory"]
        return subprocess.CompletedProcess(command, status, "", stderr)

    monkeypatch.setattr(subprocess, "run", die)
    cost = peak_of_case(CASE)
    assert cost.value is None
    assert why in cost.method


A = torch.arange(1.0, 7.0, requires_grad=True)  # 24 bytes
B = torch.arange(2.0, 8.0, requires_grad=True)
WEIGHT = torch.nn.Parameter(torch.ones(6))
MAP = torch.ones(1, 3, 4, 5, requires_grad=True)  # 240 bytes
FILTER = torch.nn.Parameter(torch.ones(2, 3, 1, 1))


@pytest.mark.parametrize(
    ("call", "inputs", "expected"),
    [
        (lambda: A * B, [A, B], Kept(48, 0)),
        (lambda: A * A, [A], Kept(24, 0)),
        (lambda: A * B, [A], Kept(48, 24)),
        (lambda: A + B, [A, B], Kept(0, 0)),
        (lambda: A.exp(), [A], Kept(24, 24)),  # the output
        (lambda: A * WEIGHT, [A], Kept(24, 0)),
        (lambda: A[:2] * B[:2], [A, B], Kept(48, 0)),  # a view keeps its whole storage
        (lambda: F.conv2d(MAP, FILTER), [MAP], Kept(240, 0)),
        (lambda: F.interpolate(MAP, scale_factor=2.0, mode="bilinear"), [MAP], Kept(0, 0)),
    ],
)
def test_kept_for_backward(call: Callable[[], Tensor], inputs: list[Tensor], expected: Kept):
    assert kept_for_backward(call, inputs=inputs, parameters=[WEIGHT, FILTER]) == expected


def test_what_is_kept_still_gives_gradients():
    product: list[Tensor] = []
    kept_for_backward(lambda: product.append(A * B), inputs=[A, B], parameters=[])
    (gradient,) = torch.autograd.grad(product[0].sum(), A)
    assert torch.equal(gradient, B.detach())
