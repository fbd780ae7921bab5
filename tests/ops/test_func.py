"""Operators under `torch.func`: mapped, differentiated and called with other weights, against plain loops."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, vjp, vmap

from dysample.ops.registry import OPERATORS
from tests.ops.test_operators import make, maps

pytestmark = [
    pytest.mark.unhooked,
    pytest.mark.slow,
    # Torch warns about its own code when it first transforms a function.
    pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated"),
]
every = pytest.mark.parametrize("name", OPERATORS)
learned = pytest.mark.parametrize("name", [name for name, row in OPERATORS.items() if row.family != "fixed"])
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
COUNT = 3


def case(name: str, dtype: torch.dtype) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Return an operator and `COUNT` pictures, and seed what the test draws."""
    torch.manual_seed(0)
    return make(name).to(dtype), tuple(x.to(dtype) for x in maps(name, COUNT, 2, 3))


def weights(op: nn.Module) -> dict[str, Tensor]:
    return {key: weight.detach() for key, weight in op.named_parameters()}


def call(op: nn.Module) -> Callable[..., Tensor]:
    """Return the operator as a function of its weights and the maps of one picture, without a batch."""
    kept = dict(op.named_buffers())

    def function(parameters: dict[str, Tensor], *pictures: Tensor) -> Tensor:
        return functional_call(op, (parameters, kept), tuple(x[None] for x in pictures))[0]

    return function


def single(op: nn.Module) -> Callable[..., Tensor]:
    """Return the operator as a function of the maps of one picture, without a batch."""
    return lambda *pictures: call(op)({}, *pictures)


def loss(op: nn.Module) -> Callable[..., Tensor]:
    """Return a loss in which every output value counts differently."""
    return lambda *arguments: wave(call(op)(*arguments))


def wave(output: Tensor) -> Tensor:
    along = torch.linspace(-1, 1, output.numel(), dtype=output.dtype, device=output.device)
    return (output.flatten() * along).sin().sum()


def assert_equal(found: Tensor, wanted: Tensor) -> None:
    tolerance = 1e-5 if wanted.dtype == torch.float32 else 1e-12
    torch.testing.assert_close(
        found, wanted, rtol=tolerance, atol=tolerance * (1 + wanted.abs().max().item())
    )


@learned
@dtypes
def test_per_sample_gradients(name: str, dtype: torch.dtype):
    op, inputs = case(name, dtype)
    mapped = vmap(grad(loss(op)), (None, *(0 for _ in inputs)))(weights(op), *inputs)
    for k in range(COUNT):
        value = wave(op(*(x[k : k + 1] for x in inputs))[0])
        wanted = torch.autograd.grad(value, list(op.parameters()))
        for (key, _), gradient in zip(op.named_parameters(), wanted, strict=True):
            assert_equal(mapped[key][k], gradient)


@every
@dtypes
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_mapped(name: str, dtype: torch.dtype, mode: Callable[[], torch.autograd.grad_mode.enable_grad]):
    op, inputs = case(name, dtype)
    with mode():
        mapped = vmap(single(op))(*inputs)
        sideways = vmap(op, in_dims=2, out_dims=1)(*(x.unsqueeze(2) for x in inputs))
    assert_equal(mapped, op(*inputs))
    assert_equal(sideways.squeeze(1), op(*inputs))


@learned
@dtypes
def test_several_sets_of_weights_at_once(name: str, dtype: torch.dtype):
    op, inputs = case(name, dtype)
    sets = [{key: factor * weight for key, weight in weights(op).items()} for factor in (1, -0.5)]
    stacked = {key: torch.stack([row[key] for row in sets]) for key in sets[0]}
    mapped = vmap(call(op), (0, *(None for _ in inputs)))(stacked, *(x[0] for x in inputs))
    for found, row in zip(mapped, sets, strict=True):
        assert_equal(found, functional_call(op, row, tuple(x[:1] for x in inputs))[0])


@every
@dtypes
def test_gradients_of_mapped_calls(name: str, dtype: torch.dtype):
    op, inputs = case(name, dtype)

    def total(*pictures: Tensor) -> Tensor:
        return vmap(single(op))(*pictures).square().sum()

    leaves = tuple(x.clone().requires_grad_() for x in inputs)
    value = op(*leaves).square().sum()
    wanted = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
    for found, gradient in zip(grad(total, tuple(range(len(inputs))))(*inputs), wanted, strict=True):
        assert_equal(found, gradient)


@every
@dtypes
def test_jacobians(name: str, dtype: torch.dtype):
    """Three numbers of the output by two directions of the inputs: both modes, against autograd's rows."""
    op, inputs = case(name, dtype)
    directions = [tuple(torch.randn_like(x) for x in inputs) for _ in range(2)]

    def three(amounts: Tensor) -> Tensor:
        moved = [
            x + amounts[0] * first + amounts[1] * second
            for x, first, second in zip(inputs, *directions, strict=True)
        ]
        return torch.stack([wave(row) for row in op(*moved)])

    at = torch.zeros(2, dtype=dtype)
    wanted = torch.autograd.functional.jacobian(three, at)
    assert isinstance(wanted, Tensor)
    assert wanted.abs().min() > 0
    for found in (jacrev(three)(at), jacfwd(three)(at), vmap(jacrev(three))(at[None])[0]):
        assert_equal(found, wanted)
    with torch.no_grad():
        assert_equal(jacfwd(three)(at), wanted)


@every
def test_forward_derivatives_are_differences(name: str):
    op, inputs = case(name, torch.float64)
    direction = tuple(torch.randn_like(x) for x in inputs)
    step = 1e-6
    ahead, behind = (
        op(*(x + sign * step * along for x, along in zip(inputs, direction, strict=True))) for sign in (1, -1)
    )
    slope = (ahead - behind) / (2 * step)
    torch.testing.assert_close(jvp(op, inputs, direction)[1], slope, rtol=0, atol=1e-6)
    with forward_ad.dual_level():
        dual = (forward_ad.make_dual(x, along) for x, along in zip(inputs, direction, strict=True))
        tangent = forward_ad.unpack_dual(op(*dual)).tangent
    torch.testing.assert_close(tangent, slope, rtol=0, atol=1e-6)


@every
def test_second_derivatives(name: str):
    """Along one direction, in all four orders of the two modes, against differences of gradients."""
    op, inputs = case(name, torch.float64)
    x, others = inputs[0][:1], tuple(other[:1] for other in inputs[1:])
    direction, step = torch.randn_like(x), 1e-6

    def value(x: Tensor) -> Tensor:
        return wave(op(x, *others)) + wave(x.square())

    slope = grad(value)
    wanted = (slope(x + step * direction) - slope(x - step * direction)) / (2 * step)
    found = [
        vjp(slope, x)[1](direction)[0],
        jvp(slope, (x,), (direction,))[1],
        grad(lambda x: jvp(value, (x,), (direction,))[1])(x),
        torch.autograd.functional.vhp(value, x, direction)[1],
    ]
    for row in found:
        assert isinstance(row, Tensor)
        torch.testing.assert_close(row, wanted, rtol=1e-5, atol=1e-5)
