"""Compiled and exported operators equal the eager ones, also at sizes other than the traced one."""

from collections.abc import Callable
from functools import cache

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import dysample
from dysample.ops.registry import OPERATORS, build, operator_spec

pytestmark = [pytest.mark.unhooked, pytest.mark.slow]
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


class CountingBackend:
    """Backend that runs graphs unchanged and counts them."""

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
    """There is one graph without breaks, recompiled for a second size and not after that."""
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


def export(name: str) -> torch.export.ExportedProgram:
    """Export with free batch, rows and columns; fixing one of them is an error."""
    inputs = maps(name, *FIRST)
    free = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    op = make(name).requires_grad_(False)  # tracing derivatives too would take longer
    return torch.export.export(op, inputs, dynamic_shapes=tuple(free for _ in inputs))


exported = cache(export)


@every
def test_exported(name: str):
    op, program = make(name), exported(name).module()
    for shape in (FIRST, SECOND, THIRD):
        assert_equal(program(*maps(name, *shape)), op(*maps(name, *shape)))


@every
def test_onnx(name: str):
    assert_equal_in_onnx_runtime(to_onnx(exported(name)), name)


def test_onnx_by_gathers():
    """The newer exporter too leaves no GridSample then."""
    with dysample.export_options(sampling="gather"):
        file = to_onnx(export("dysample"), opset=20)
    kinds = {node.op_type for node in onnx.load_from_string(file).graph.node}
    assert "Gather" in kinds
    assert "GridSample" not in kinds
    assert_equal_in_onnx_runtime(file, "dysample")


def to_onnx(program: torch.export.ExportedProgram, opset: int = 18) -> bytes:
    result = torch.onnx.export(program, dynamo=True, opset_version=opset, verbose=False)
    assert result is not None
    return result.model_proto.SerializeToString()


def assert_equal_in_onnx_runtime(file: bytes, name: str) -> None:
    op, session = make(name), onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    for shape in (FIRST, SECOND, THIRD):
        inputs = maps(name, *shape)
        (output,) = session.run(None, dict(zip(names, (x.numpy() for x in inputs), strict=True)))
        assert_equal(torch.from_numpy(output), op(*inputs).detach())


@pytest.mark.gpu
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_generated_code(device: str):
    """The default backend trains the operator with shuffled features and both convolutions.

    Training is where that backend is strict about views. Compiling C++ for the CPU takes a minute, so this is
    a GPU test.
    """
    op = make("dysample-s+").to(device)
    compiled = torch.compile(op, fullgraph=True, dynamic=True)
    gradients: list[tuple[Tensor, ...]] = []
    for call in (compiled, op):
        x = maps("dysample-s+", *FIRST)[0].to(device).requires_grad_()
        output = call(x)
        assert_equal(output, op(x))
        gradients.append(torch.autograd.grad(output.square().sum(), (x, *op.parameters())))
    for generated, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(generated, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.gpu
@every
def test_cuda(name: str):
    """Results equal those on the CPU, and no tensor is made on the host and copied, which would wait."""
    op, inputs = make(name), maps(name, *FIRST)
    expected = op(*inputs)
    on_device = tuple(x.cuda() for x in inputs)
    op.cuda()(*on_device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        output = op(*on_device)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(output.cpu(), expected, rtol=0, atol=1e-2)  # convolutions may use TF32
