"""Every learned upsampler except DySample against slow loops over its equations, and values by hand."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dysample.ops.a2u import A2U
from dysample.ops.a2u import _pooling as pooling
from dysample.ops.carafe import CARAFE
from dysample.ops.deconv import Deconvolution
from dysample.ops.fade import FADE
from dysample.ops.indexnet import IndexNet
from dysample.ops.pixelshuffle import PixelShuffle
from dysample.ops.sapa import SAPA
from dysample.reassembly import reassemble
from tests.ops import kernel_loops as slow
from tests.ops.kernel_loops import Array, State

Kernels = Callable[[State, Array, Array, int], Array]


@dataclass(frozen=True, slots=True)
class Case:
    """Operator that plans kernels; `guide` is the number of its channels, or None."""

    factory: Callable[..., nn.Module]
    kernels: Kernels
    size: int
    channels: int
    guide: int | None = None
    scales: tuple[int, ...] = (2, 3)

    def make(self, scale: int = 2) -> nn.Module:
        options = {} if self.guide is None else {"guide_channels": self.guide}
        return self.factory(self.channels, scale=scale, **options)

    def inputs(self, *shape: int, scale: int = 2) -> tuple[Tensor, ...]:
        """Return a map of shape (batch, rows, columns), and its guide if there is one."""
        batch, rows, columns = shape
        x = noise(batch, self.channels, rows, columns, seed=1)
        if self.guide is None:
            return (x,)
        return x, noise(batch, self.guide, scale * rows, scale * columns, seed=2) + 0.5


CASES = {
    "carafe": Case(CARAFE, lambda state, x, _, scale: slow.carafe_kernels(state, x, scale), 5, 6),
    "indexnet": Case(IndexNet, lambda state, _, y, __: slow.indexnet_kernels(state, y), 1, 5, 6, (2,)),
    "a2u": Case(A2U, lambda state, _, y, __: slow.a2u_kernels(state, y), 3, 5, 64, (2,)),
    "fade": Case(FADE, slow.fade_kernels, 5, 6, 10),
    "sapa": Case(SAPA, slow.sapa_kernels, 5, 32, 64),
}
AT_SCALES = [(name, scale) for name, case in CASES.items() for scale in case.scales]
NORMALISED = ["carafe", "a2u", "fade", "sapa"]
GUIDED = ["indexnet", "a2u", "fade", "sapa"]


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_weights(op: nn.Module, size: float = 0.3) -> nn.Module:
    """Randomise all parameters and running statistics, as if the operator were trained."""
    generator = torch.Generator().manual_seed(0)
    for parameter in op.double().eval().parameters():
        parameter.data.normal_(std=size, generator=generator)
    for key, buffer in op.named_buffers():
        if key.endswith("running_mean"):
            buffer.normal_(generator=generator)
        elif key.endswith("running_var"):
            buffer.uniform_(0.01, 0.1, generator=generator)
    return op


def state_of(op: nn.Module) -> State:
    return {key: value.numpy().astype(np.float64) for key, value in op.state_dict().items()}


def assert_same(output: Tensor, expected: Array) -> None:
    torch.testing.assert_close(output.numpy(force=True), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "scale"), AT_SCALES)
@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 4, 2), (2, 1, 1)])
def test_equations_as_slow_loops(name: str, scale: int, shape: tuple[int, int, int]):
    case = CASES[name]
    op, inputs = random_weights(case.make(scale)), case.inputs(*shape, scale=scale)
    x, guide = inputs[0].numpy(), inputs[-1].numpy()
    kernels = case.kernels(state_of(op), x, guide, scale)
    record = op.plan(*inputs)
    assert record.scale == scale
    assert kernels.shape[1:3] == (case.size, case.size)
    assert_same(record.weights, kernels)
    assert_same(op(*inputs), slow.reassemble(x, kernels, scale))


@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 4, 2), (2, 1, 1)])
def test_deconvolution_as_slow_loops(shape: tuple[int, int, int]):
    op, x = random_weights(Deconvolution(6)), noise(shape[0], 6, *shape[1:])
    assert_same(op(x), slow.deconvolution(state_of(op), x.numpy()))


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 4, 2), (2, 1, 1)])
def test_pixel_shuffle_as_slow_loops(scale: int, shape: tuple[int, int, int]):
    op, x = random_weights(PixelShuffle(6, scale=scale)), noise(shape[0], 6, *shape[1:])
    assert_same(op(x), slow.pixel_shuffle(state_of(op), x.numpy(), scale))


@pytest.mark.parametrize(("name", "scale"), AT_SCALES)
def test_does_what_it_plans(name: str, scale: int):
    case = CASES[name]
    op, inputs = random_weights(case.make(scale)), case.inputs(2, 4, 3, scale=scale)
    record = op.plan(*inputs)
    assert torch.equal(op(*inputs), reassemble(inputs[0], record.weights, scale=record.scale))


@pytest.mark.parametrize("name", GUIDED)
def test_guide_has_as_many_channels_as_the_map_by_default(name: str):
    factory = CASES[name].factory
    shapes = {key: value.shape for key, value in factory(64).state_dict().items()}
    assert shapes == {key: value.shape for key, value in factory(64, guide_channels=64).state_dict().items()}


@pytest.mark.parametrize("name", NORMALISED)
@pytest.mark.parametrize("shape", [(2, 4, 7), (1, 1, 1)])
def test_kernels_are_averages(name: str, shape: tuple[int, int, int]):
    """Weights are positive and sum to 1 over all neighbours, including those outside the map."""
    inputs = CASES[name].inputs(*shape)
    weights = random_weights(CASES[name].make()).plan(*inputs).weights
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum((1, 2)), torch.ones_like(weights[:, 0, 0]), rtol=0, atol=1e-13)
    if name == "a2u":  # it takes the softmax of numbers between 0 and 1
        assert (weights.amax((1, 2)) / weights.amin((1, 2))).max() < torch.e


def test_indices_are_between_zero_and_one():
    weights = random_weights(CASES["indexnet"].make()).plan(*CASES["indexnet"].inputs(2, 4, 7)).weights
    assert weights.shape == (2, 1, 1, 8, 14)
    assert ((weights > 0) & (weights < 1)).all()


def share_inside(name: str, rows: int, columns: int) -> Tensor:
    """Return the share of every output pixel's k x k neighbourhood that is inside the map, at scale 2."""
    size = CASES[name].size
    down, right = (
        F.conv1d(torch.ones(1, 1, n).double(), torch.ones(1, 1, size).double(), padding=size // 2)[0, 0]
        for n in (rows, columns)
    )
    return torch.outer(down, right).div(size * size).repeat_interleave(2, 0).repeat_interleave(2, 1)


@pytest.mark.parametrize(
    ("name", "corner", "edge"),
    [("carafe", 0.36, 0.60), ("fade", 0.36, 0.60), ("sapa", 0.36, 0.60), ("a2u", 4 / 9, 2 / 3)],
)
def test_equal_weights_darken_the_border(name: str, corner: float, edge: float):
    """With equal weights, a map of ones becomes the share of the neighbourhood inside the map."""
    op, inputs = CASES[name].make().double().eval(), CASES[name].inputs(2, 6, 7)
    for parameter in op.parameters():
        nn.init.zeros_(parameter)
    output = op(torch.ones_like(inputs[0]), *inputs[1:])
    expected = share_inside(name, 6, 7)
    torch.testing.assert_close(output, expected.expand_as(output))
    values = [output[0, 0, 0, 0].item(), output[0, 0, 0, 7].item(), output[0, 0, 6, 7].item()]
    assert values == pytest.approx([corner, edge, 1.0])


def test_indexnet_s_batch_norm_learns_from_batches():
    """Training uses and accumulates the statistics of the batch; evaluation uses the accumulated ones."""
    op, inputs = random_weights(CASES["indexnet"].make()), CASES["indexnet"].inputs(3, 4, 5)
    encoded = torch.from_numpy(
        slow.convolve(inputs[1].numpy(), state_of(op)["encode.weight"], None, stride=2, padding=1)
    )
    before = op.norm.running_mean.clone()
    op.train()(*inputs)
    expected = 0.9 * before + 0.1 * encoded.mean((0, 2, 3))
    torch.testing.assert_close(op.norm.running_mean, expected)
    state = state_of(op)
    assert_same(op.eval().plan(*inputs).weights, slow.indexnet_kernels(state, inputs[1].numpy()))


@pytest.mark.parametrize("shape", [(1, 1), (2, 8), (5, 7), (13, 6), (35, 3)])
def test_a2u_s_pooling_for_tracing(shape: tuple[int, int]):
    """Its matrices equal adaptive average pooling, also for sides that are not multiples of 6."""
    x = noise(2, 3, *shape)
    rows, columns = (pooling(length, 6, x) for length in shape)
    torch.testing.assert_close(rows @ x @ columns.T, F.adaptive_avg_pool2d(x, 6))
    assert_same(rows @ x @ columns.T, slow.average_pool(x.numpy(), 6))
