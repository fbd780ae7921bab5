"""Compiled and exported operators equal the eager ones, at sizes that they were not traced at."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dysample.ops.registry import OPERATORS, build, operator_spec

pytestmark = pytest.mark.unhooked
CHANNELS = 32
FIRST, SECOND, THIRD = (2, 6, 4), (3, 5, 9), (5, 17, 2)
every = pytest.mark.parametrize("name", OPERATORS)


def make(name: str) -> nn.Module:
    torch.manual_seed(0)
    op = build(name, CHANNELS).eval()
    for parameter in op.parameters():
        nn.init.normal_(parameter, std=0.1)
    return op


def maps(name: str, batch: int, height: int, width: int) -> tuple[Tensor, ...]:
    torch.manual_seed(height)
    x = torch.randn(batch, CHANNELS, height, width)
    return operator_spec(name).inputs(x, torch.randn(batch, CHANNELS, 2 * height, 2 * width))


def assert_equal(output: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(output, expected, rtol=0, atol=5e-5)


def dynamic(inputs: tuple[Tensor, ...]) -> tuple[dict[int, object], ...]:
    """Batch, rows and columns are free; an export that fixes one of them fails."""
    return tuple(dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC) for _ in inputs)


class CountingBackend:
    """Runs graphs as they are, and counts how many were made."""

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., object]:
        self.graphs += 1
        return graph.forward


@pytest.fixture(autouse=True)
def _forget_compiled_code():
    torch.compiler.reset()


@every
def test_compiled(name: str):
    """One graph without breaks, made again for a second size and for none after that."""
    op, backend = make(name), CountingBackend()
    compiled = torch.compile(op, fullgraph=True, backend=backend)
    for shape in (FIRST, SECOND, THIRD, (4, 3, 3)):
        inputs = maps(name, *shape)
        assert_equal(compiled(*inputs), op(*inputs))
    assert backend.graphs <= 2


@every
def test_compiled_for_all_sizes_at_once(name: str):
    op, backend = make(name), CountingBackend()
    compiled = torch.compile(op, fullgraph=True, dynamic=True, backend=backend)
    for shape in (FIRST, SECOND, THIRD):
        inputs = maps(name, *shape)
        assert_equal(compiled(*inputs), op(*inputs))
    assert backend.graphs == 1


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="needs a C++ compiler")
def test_generated_code():
    """The default backend in training, where it minds how views are made; shuffled features, both weights."""
    op = make("dysample-s+")
    compiled = torch.compile(op, fullgraph=True, dynamic=True)
    gradients: list[list[Tensor]] = []
    for call in (compiled, op):
        (x,) = (x.requires_grad_() for x in maps("dysample-s+", *FIRST))
        output = call(x)
        assert_equal(output, op(x))
        gradients.append(list(torch.autograd.grad(output.square().sum(), (x, *op.parameters()))))
    for generated, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(generated, expected, rtol=1e-4, atol=1e-4)


@every
def test_exported(name: str):
    op, inputs = make(name), maps(name, *FIRST)
    program = torch.export.export(op, inputs, dynamic_shapes=dynamic(inputs)).module()
    for shape in (FIRST, SECOND, THIRD):
        assert_equal(program(*maps(name, *shape)), op(*maps(name, *shape)))


@every
def test_onnx(name: str, tmp_path: Path):
    import onnxruntime

    op, inputs = make(name), maps(name, *FIRST)
    path = tmp_path / "operator.onnx"
    program = torch.onnx.export(
        op, inputs, dynamo=True, opset_version=18, dynamic_shapes=dynamic(inputs), verbose=False
    )
    assert program is not None
    program.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    for shape in (FIRST, SECOND, THIRD):
        inputs = maps(name, *shape)
        feed = dict(zip(names, (x.numpy() for x in inputs), strict=True))
        (output,) = session.run(None, feed)
        assert_equal(torch.from_numpy(output), op(*inputs).detach())
