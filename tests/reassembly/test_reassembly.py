"""Reassembly and products of neighbours against slow loops, their gradients and what autograd saves."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from dysample.reassembly import reassemble
from tests.reassembly.products import Product

both = pytest.mark.parametrize("name", ["reassemble", "neighbour_products"])
kernels = pytest.mark.parametrize("kernel", [1, 3, 5])
scales = pytest.mark.parametrize("scale", [1, 2, 3])


def differentiable(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(tensor.detach().requires_grad_() for tensor in tensors)


@both
@kernels
@scales
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (2, 3), (7, 6)])
def test_slow_loop(name: str, kernel: int, scale: int, height: int, width: int):
    product = Product(name, kernel, scale)
    inputs = product.inputs(2, height, width)
    before = [x.clone() for x in inputs]
    output = product(*inputs)
    torch.testing.assert_close(output, product.slow(*inputs), rtol=0, atol=1e-12)
    assert all(torch.equal(x, y) for x, y in zip(inputs, before, strict=True)), "inputs are read only"


def test_weights_outside_the_map_are_dropped():
    """Compute by hand: one row of three pixels, kernels of three ones."""
    x = torch.tensor([[[[1.0, 10.0, 100.0]]]])
    output = reassemble(x, torch.ones(1, 3, 3, 2, 6), scale=2)
    assert output.tolist() == [[[[11.0, 11.0, 111.0, 111.0, 110.0, 110.0]] * 2]][0:1]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 2), (1, 1), (2, 1)])
def test_a_single_weight_moves_the_map(row: int, column: int):
    """Weight (row, column) reads the pixel `row - 1` below and `column - 1` to the right."""
    x = torch.arange(1.0, 21.0).view(1, 1, 4, 5)
    weights = torch.zeros(1, 3, 3, 4, 5)
    weights[:, row, column] = 1
    padded = F.pad(x, (1, 1, 1, 1))
    assert torch.equal(reassemble(x, weights, scale=1), padded[..., row : row + 4, column : column + 5])


@both
@kernels
@scales
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3)])
def test_gradients(name: str, kernel: int, scale: int, height: int, width: int):
    product = Product(name, kernel, scale)
    inputs = differentiable(*product.inputs(2, height, width, channels=2))
    assert torch.autograd.gradcheck(product, inputs, fast_mode=kernel > 3 or scale > 2)


@both
@pytest.mark.parametrize("kernel", [3, 5])
def test_gradients_of_larger_maps(name: str, kernel: int):
    """Wide and deep enough for more than one strip of rows."""
    product = Product(name, kernel, 2)
    inputs = differentiable(*product.inputs(2, 6, 150, channels=64))
    output = product(*inputs)
    gradient = torch.randn_like(output)
    for_low, for_high = torch.autograd.grad(output, inputs, gradient)
    # A bilinear form: along any direction, the slope is the value.
    for found, along in ((for_low, 0), (for_high, 1)):
        direction = torch.randn_like(inputs[along])
        moved = product(*(direction if k == along else x.detach() for k, x in enumerate(inputs)))
        assert torch.vdot(found.flatten(), direction.flatten()).item() == pytest.approx(
            torch.vdot(gradient.flatten(), moved.flatten()).item(), rel=1e-9
        )


@both
@kernels
def test_one_gradient_alone(name: str, kernel: int):
    """A gradient stays the same if it is the only one required, or the incoming one is an expanded number."""
    product = Product(name, kernel, 2)
    inputs = differentiable(*product.inputs(2, 3, 4))
    expected = torch.autograd.grad(product(*inputs), inputs, torch.ones_like(product(*inputs)))
    for k in range(2):
        alone = [x if k == place else x.detach() for place, x in enumerate(inputs)]
        (found,) = torch.autograd.grad(product(*alone).sum(), alone[k])
        torch.testing.assert_close(found, expected[k])


@both
@pytest.mark.parametrize("kernel", [3, 5])
def test_second_gradients(name: str, kernel: int):
    product = Product(name, kernel, 2)
    inputs = differentiable(*product.inputs(1, 2, 3, channels=2))
    assert torch.autograd.gradgradcheck(product, inputs, fast_mode=True)


@both
@kernels
@pytest.mark.parametrize("batch", [1, 3])
def test_only_the_inputs_are_kept_for_the_gradients(name: str, kernel: int, batch: int):
    product = Product(name, kernel, 2)
    inputs = differentiable(*product.inputs(batch, 5, 6, channels=8, dtype=torch.float32))
    kept: dict[int, int] = {}

    def remember(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(remember, lambda tensor: tensor):
        output = product(*inputs)
    assert output.grad_fn is not None
    assert sum(kept.values()) == sum(x.nbytes for x in inputs)


def channels_last(x: Tensor) -> Tensor:
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def transposed(x: Tensor) -> Tensor:
    return x.mT.contiguous().mT


def part_of_another(x: Tensor) -> Tensor:
    wide = torch.full((*x.shape[:-1], 2 * x.shape[-1] + 3), torch.nan, dtype=x.dtype)
    wide[..., 3::2] = x
    return wide[..., 3::2]


@both
@kernels
@pytest.mark.parametrize("layout", [channels_last, transposed, part_of_another])
def test_layout_does_not_matter(name: str, kernel: int, layout: Callable[[Tensor], Tensor]):
    product = Product(name, kernel, 2)
    inputs = product.inputs(2, 3, 4)
    laid_out = tuple(layout(x) for x in inputs)
    gradient = torch.randn_like(product(*inputs))
    results: list[tuple[Tensor, ...]] = []
    for tensors, gradient_in in ((inputs, gradient), (laid_out, layout(gradient))):
        leaves = differentiable(*tensors)
        output = product(*leaves)
        results.append((output, *torch.autograd.grad(output, leaves, gradient_in)))
    for found, expected in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@both
@kernels
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_rounding(name: str, kernel: int, dtype: torch.dtype):
    """Within a few roundings of the exact sums, relative to the largest; results keep the inputs' type."""
    product = Product(name, kernel, 2)
    inputs = differentiable(*product.inputs(2, 5, 6, channels=16, dtype=dtype))
    exact_inputs = differentiable(*(x.double() for x in inputs))
    output, exact = product(*inputs), product(*exact_inputs)
    gradient = torch.randn_like(output)
    found = (output, *torch.autograd.grad(output, inputs, gradient))
    expected = (exact, *torch.autograd.grad(exact, exact_inputs, gradient.double()))
    for rounded, wanted in zip(found, expected, strict=True):
        assert rounded.dtype == dtype
        error = (rounded.double() - wanted).abs().max() / wanted.abs().max()
        assert error < 3 * torch.finfo(dtype).eps


@both
@kernels
def test_empty_batch(name: str, kernel: int):
    product = Product(name, kernel, 2)
    inputs = differentiable(*(x[:0] for x in product.inputs(1, 3, 4)))
    output = product(*inputs)
    assert output.shape == (0, *product(*product.inputs(1, 3, 4)).shape[1:])
    for x, gradient in zip(inputs, torch.autograd.grad(output.sum(), inputs), strict=True):
        assert gradient.shape == x.shape


@both
@pytest.mark.parametrize("kernel", [3, 5])
def test_pictures_of_a_batch_do_not_mix(name: str, kernel: int):
    product = Product(name, kernel, 2)
    low, high = product.inputs(3, 4, 5)
    alone = [product(low[k : k + 1], high[k : k + 1]) for k in range(3)]
    torch.testing.assert_close(product(low, high), torch.cat(alone), rtol=0, atol=1e-12)
