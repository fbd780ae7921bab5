"""PyTorch's counters of floating-point operations see all of every operator, however it is called."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.flop_counter import FlopCounterMode

from dysample.measure.macs import count_macs
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS, build

LOW, HIGH, CHANNELS = 16 * 16, 32 * 32, 64
# Multiply-accumulates of convolutions and matrix products, by hand: pixels x inputs x outputs x taps. The
# counters take two operations for each, and nothing for reading, interpolation and products of maps.
MACS = {
    "nearest": 0,
    "bilinear": 0,
    "deconv": LOW * 64 * 64 * 9,
    "pixelshuffle": LOW * 64 * 256 * 9,
    "carafe": LOW * 64 * 64 + LOW * 64 * 100 * 9 + HIGH * 25 * 64,
    "indexnet": LOW * 64 * 128 * 16 + LOW * 128 * 4,
    "a2u": 36 * 64 * 2 + 2 * LOW * 64 * 36 + 64 * 36 + HIGH * 9 * 64,
    "fade": HIGH * 64 * 64 + LOW * 64 * 64 + (HIGH + LOW) * 64 * 25 * 9 + HIGH * 25 * 64,
    "sapa": HIGH * 64 * 32 + LOW * 64 * 32 + HIGH * 25 * 32 + HIGH * 25 * 64,
    "dysample": LOW * 64 * 32,
    "dysample+": 2 * LOW * 64 * 32,
    "dysample-s": HIGH * 16 * 16,
    "dysample-s+": 2 * HIGH * 16 * 16,
}
# The operations that the profiler knows and `FlopCounterMode` too. It has no formula for transposed
# convolutions, nor a count for those of torch.nn.
PRODUCTS = ("aten::conv2d", "aten::mm", "aten::bmm", "aten::addmm", "aten::baddbmm")
every = pytest.mark.parametrize("name", OPERATORS)
kernels = pytest.mark.parametrize("kernel", ["auto", "plain"])
modes = pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
Mode = Callable[[], AbstractContextManager[object]]


def case(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, CHANNELS, 16, 16, generator=generator)
    guide = torch.randn(1, CHANNELS, 32, 32, generator=generator)
    return build(name, CHANNELS).eval(), OPERATORS[name].inputs(x, guide)


def test_the_figures_of_the_dysamples():
    """As they are counted from PyTorch's own convolutions."""
    figures = [2 * MACS[name] for name in ("dysample", "dysample+", "dysample-s", "dysample-s+")]
    assert figures == [1_048_576, 2_097_152, 524_288, 1_048_576]


@every
@kernels
@modes
def test_flop_counter(name: str, kernel: str, mode: Mode, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DYSAMPLE_KERNEL", kernel)
    op, inputs = case(name)
    with mode(), FlopCounterMode(display=False) as counter:
        output = op(*inputs)
    assert counter.get_total_flops() == 2 * MACS[name]
    torch.testing.assert_close(output.detach().clone(), op(*inputs).detach())


@kernels
def test_profiler(kernel: str, monkeypatch: pytest.MonkeyPatch):
    """One profile of all calls, since starting one takes long."""
    monkeypatch.setenv("DYSAMPLE_KERNEL", kernel)
    cases = {name: case(name) for name in OPERATORS}
    modes = {"grad": torch.enable_grad, "no grad": torch.no_grad, "inference": torch.inference_mode}
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as profiler:
        for (name, (op, inputs)), (label, mode) in product(cases.items(), modes.items()):
            with mode(), record_function(f"{name}: {label}"):
                op(*inputs)
    products, totals = Counter[str](), Counter[str]()
    for event in profiler.events() or ():
        call = outermost(event)
        totals[call] += event.flops or 0
        products[call] += (event.flops or 0) if event.name in PRODUCTS else 0
    for name in OPERATORS:
        wanted = 0 if name == "deconv" else 2 * MACS[name]
        assert [products[f"{name}: {label}"] for label in modes] == 3 * [wanted]
        assert len({totals[f"{name}: {label}"] for label in modes}) == 1


def outermost(event: FunctionEvent) -> str:
    while event.cpu_parent is not None:
        event = event.cpu_parent
    return event.name


@every
def test_our_own_counter_agrees(name: str):
    """It also counts products of maps, 4 multiplications for each element that is read between pixels."""
    op, inputs = case(name)
    read = 0 if OPERATORS[name].family != "points" and name != "bilinear" else 4 * HIGH * CHANNELS
    scope = HIGH * 2 * op.groups if isinstance(op, DySample) and op.scope is not None else 0
    maps = {"indexnet": HIGH * 64, "a2u": LOW * 64 + HIGH * 9}.get(name, 0)
    with torch.no_grad():
        assert count_macs(op, *inputs).value == MACS[name] + read + scope + maps
