"""The traceable form of reassembly equals the eager one, also at sizes that it was not traced with."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.reassembly.products import Product

pytestmark = pytest.mark.unhooked
both = pytest.mark.parametrize("name", ["reassemble", "neighbour_products"])
# 5x5 kernels take torch long to trace; operators that use them are compiled and exported in their contract.
forms = pytest.mark.parametrize(("kernel", "scale"), [(1, 3), (3, 2)])
SHAPES = [(2, 6, 4), (3, 5, 9), (4, 2, 17)]


@pytest.fixture(autouse=True)
def _forget_compiled_code():
    torch.compiler.reset()


def run_as_it_is(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., object]:
    return graph.forward


def assert_equal(output: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-12)


@both
@forms
def test_compiled(name: str, kernel: int, scale: int):
    product = Product(name, kernel, scale)
    compiled = torch.compile(product, fullgraph=True, dynamic=True, backend=run_as_it_is)
    for shape in (*SHAPES, (1, 1, 1)):
        inputs = product.inputs(*shape)
        assert_equal(compiled(*inputs), product.slow(*inputs))


@both
@pytest.mark.parametrize("kernel", [1, 3])
def test_gradients_of_compiled_code(name: str, kernel: int):
    product = Product(name, kernel, 2)
    compiled = torch.compile(product, fullgraph=True, backend="aot_eager")
    gradients: list[tuple[Tensor, ...]] = []
    for call in (product, compiled):
        inputs = tuple(x.requires_grad_() for x in product.inputs(*SHAPES[0]))
        gradients.append(torch.autograd.grad(call(*inputs).square().sum(), inputs))
    for found, expected in zip(*gradients, strict=True):
        assert_equal(found, expected)


@both
@forms
def test_exported(name: str, kernel: int, scale: int):
    """Batch, rows and columns stay free."""
    product = Product(name, kernel, scale)
    low, high = product.inputs(*SHAPES[0])
    axes = ((0, 2, 3), (0, high.ndim - 2, high.ndim - 1))
    free = tuple(dict.fromkeys(places, torch.export.Dim.DYNAMIC) for places in axes)
    program = torch.export.export(product, (low, high), dynamic_shapes=free).module()
    for shape in SHAPES:
        inputs = product.inputs(*shape)
        assert_equal(program(*inputs), product.slow(*inputs))
