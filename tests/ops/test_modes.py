"""What operators keep between calls stays of use to plain calls, whatever mode the first call was made in."""

import contextlib
import copy
from collections.abc import Callable, Generator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from dysample import geometry
from dysample.ops.registry import OPERATORS
from tests.ops.test_operators import CHANNELS, make, maps

pytestmark = [
    pytest.mark.unhooked,
    pytest.mark.slow,
    # Torch warns about its own code when it transforms or traces a function.
    pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
Run = Callable[[nn.Module, tuple[Tensor, ...]], object]
# One that interpolates, one that weighs kernels, and two that keep positions.
several = pytest.mark.parametrize("name", ["nearest", "carafe", "dysample", "dysample-s+"])


class Labelled(Tensor):
    """A subclass of tensors, as libraries have them."""


class Labelling(TorchFunctionMode):
    """Mode that makes a `Labelled` of every result."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        return result.as_subclass(Labelled) if type(result) is Tensor else result


def within(mode: Callable[[], contextlib.AbstractContextManager[object]]) -> Run:
    def run(op: nn.Module, inputs: tuple[Tensor, ...]) -> object:
        with mode():
            return op(*inputs)

    return run


def with_fake_inputs(op: nn.Module, inputs: tuple[Tensor, ...]) -> object:
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode, torch.no_grad():
        return op(*(mode.from_tensor(x) for x in inputs))


def on_meta(op: nn.Module, inputs: tuple[Tensor, ...]) -> object:
    return copy.deepcopy(op).to("meta")(*(x.to("meta") for x in inputs))


def gradients(op: nn.Module, inputs: tuple[Tensor, ...]) -> object:
    return torch.func.grad(lambda *maps: op(*maps).sum())(*inputs)


def derivative(op: nn.Module, inputs: tuple[Tensor, ...]) -> object:
    return torch.func.jvp(op, inputs, inputs)


def traced(mode: str, *, functional: bool = False, pre_dispatch: bool = False) -> Run:
    def run(op: nn.Module, inputs: tuple[Tensor, ...]) -> object:
        call: Any = torch.func.functionalize(op) if functional else op
        trace = make_fx(call, tracing_mode=mode, pre_dispatch=pre_dispatch, _allow_non_fake_inputs=True)
        return trace(*inputs)

    return run


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Generator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


MODES: dict[str, Run] = {
    "fake tensors": within(lambda: FakeTensorMode(allow_non_fake_inputs=True)),
    "fake inputs": with_fake_inputs,
    "functionalize": lambda op, inputs: torch.func.functionalize(op)(*inputs),
    "make_fx": traced("real"),
    "make_fx, fake": traced("fake"),
    "make_fx, symbolic": traced("symbolic"),
    "make_fx, functional": traced("real", functional=True),
    "make_fx, functional and fake": traced("fake", functional=True),
    "make_fx, pre-dispatch": traced("real", pre_dispatch=True),
    "inference": within(torch.inference_mode),
    "no gradients": within(torch.no_grad),
    "grad": gradients,
    "jvp": derivative,
    "vmap": lambda op, inputs: torch.vmap(op)(*(x[None] for x in inputs)),
    "jit": lambda op, inputs: torch.jit.trace(op, inputs),
    "meta": on_meta,
    "a default device": within(lambda: torch.device("meta")),
    "a default dtype": within(lambda: default_dtype(torch.float64)),
    "a counter": within(lambda: FlopCounterMode(display=False)),
    "a function mode": within(Labelling),
    "autocast": within(lambda: torch.autocast("cpu", torch.bfloat16)),
}


def assert_plain_calls_work(op: nn.Module, inputs: tuple[Tensor, ...], expected: Tensor) -> None:
    """Check a call without gradients, a call, and a step of training."""
    with torch.no_grad():
        without = op(*inputs)
    output = op(*inputs)
    for result in (without, output):
        assert type(result) is Tensor
        torch.testing.assert_close(result.detach(), expected, rtol=0, atol=1e-5)
    parameters = list(op.parameters())
    if parameters:
        before = [parameter.detach().clone() for parameter in parameters]
        output.square().mean().backward()
        torch.optim.SGD(parameters, lr=0.1).step()
        for parameter, old in zip(parameters, before, strict=True):
            assert type(parameter.grad) is Tensor
            assert parameter.isfinite().all()
            assert not torch.equal(parameter, old)
    copied = copy.deepcopy(op)
    torch.testing.assert_close(copied(*inputs), op(*inputs))


@several
@pytest.mark.parametrize("mode", MODES)
def test_plain_calls_after(mode: str, name: str):
    inputs = maps(name, 2, 3, 4)
    geometry._shared_positions.cache_clear()
    with torch.no_grad():
        expected = make(name)(*inputs)
    geometry._shared_positions.cache_clear()
    op = make(name)
    MODES[mode](op, inputs)
    assert_plain_calls_work(op, inputs, expected)
    # Once more the other way round: what plain calls keep is of use to the mode.
    MODES[mode](op, inputs)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("mode", ["a default device", "a default dtype", "inference"])
def test_calls_within(mode: str, name: str):
    """Defaults for new tensors do not reach into an operator, with gradients or without."""
    inputs = maps(name, 2, 3, 4)
    with torch.no_grad():
        expected = make(name)(*inputs)
    op = make(name)
    for context in (torch.enable_grad, torch.no_grad):
        geometry._shared_positions.cache_clear()
        with context():
            output = MODES[mode](op, inputs)
        assert isinstance(output, Tensor)
        assert (output.dtype, output.device) == (torch.float32, torch.device("cpu"))
        torch.testing.assert_close(output.detach().clone(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["dysample", "carafe"])
@pytest.mark.parametrize("strict", [False, True])
def test_plain_calls_after_an_export(strict: bool, name: str):
    inputs = maps(name, 2, 3, 4)
    with torch.no_grad():
        expected = make(name)(*inputs)
    geometry._shared_positions.cache_clear()
    op = make(name)
    torch.export.export(op, inputs, strict=strict)
    assert_plain_calls_work(op, inputs, expected)


def test_graphs_of_any_size_compute_their_grid():
    """A grid that was kept from a plain call would be a constant of the first size."""
    op, inputs = make("dysample"), maps("dysample", 1, 3, 4)
    op(*inputs)
    graph = make_fx(op, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*inputs)
    other = maps("dysample", 1, 5, 7)
    torch.testing.assert_close(graph(*other), op(*other))


@pytest.mark.gpu
def test_plain_calls_after_a_cuda_graph_was_captured():
    """A captured call computes nothing: the positions that it makes are empty until the graph is replayed."""
    op = make("dysample").cuda()
    (x,) = (x.cuda() for x in maps("dysample", 2, 3, 4))
    warm = torch.randn(1, CHANNELS, 2, 2, device="cuda")
    with torch.no_grad():
        expected = op(x).clone()
        op(warm)
        geometry._shared_positions.cache_clear()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = op(x)
        torch.testing.assert_close(op(x), expected)
        graph.replay()
        torch.testing.assert_close(captured, expected)
        torch.testing.assert_close(op(x), expected)
