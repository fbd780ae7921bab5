"""All implementations of point sampling against a slow loop in float64 and against each other."""

import math

import pytest
import torch
from torch import Tensor

from dysample.geometry import sample
from dysample.kernels import native, plain
from dysample.kernels.native import LANES
from tests.ops import loops as slow

needs_native = pytest.mark.skipif(not LANES, reason="the native library was not compiled")
LAYOUTS = [torch.contiguous_format, torch.channels_last]
layouts = pytest.mark.parametrize("layout", LAYOUTS, ids=["planar", "channels-last"])
every_set = pytest.mark.parametrize("instructions", LANES)


def case(seed: int) -> tuple[Tensor, Tensor]:
    """Return a random map and points in float64, of random sizes, with some points beyond the border."""
    generator = torch.Generator().manual_seed(seed)

    def pick(*choices: int) -> int:
        return choices[int(torch.randint(len(choices), (), generator=generator))]

    groups, scale = pick(1, 2, 3, 4, 8, 16), pick(2, 3, 4)
    batch, channels = pick(1, 1, 2, 3), groups * pick(1, 2, 3, 4, 5, 8, 9, 16, 17, 24)
    height, width = pick(1, 2, 3, 5, 8), pick(1, 2, 4, 7, 11)
    x = torch.randn(batch, channels, height, width, generator=generator, dtype=torch.float64)
    shape = (pick(1, batch), groups, 2, scale * height, scale * width)
    within = torch.rand(shape, generator=generator, dtype=torch.float64)
    size = torch.tensor([width, height], dtype=torch.float64).view(2, 1, 1)
    # Positions that are exact in float32, so that all implementations read the same points.
    points = (within * (size + 4) - 2).float().double()
    return x.float().double(), points


def expected(x: Tensor, points: Tensor) -> Tensor:
    expanded = points.expand(x.shape[0], -1, -1, -1, -1)
    return torch.from_numpy(slow.sample(x.numpy(), expanded.numpy()))


@layouts
@pytest.mark.parametrize("seed", range(12))
def test_all_equal_a_slow_loop(seed: int, layout: torch.memory_format):
    x, points = case(seed)
    single = x.float().to(memory_format=layout), points.float().expand(x.shape[0], -1, -1, -1, -1)
    wanted = expected(x, points)
    outputs = [plain.read(*single), sample(*single, implementation="plain"), sample(*single)]
    outputs += [native.read(*single, instructions) for instructions in LANES]
    for output in outputs:
        torch.testing.assert_close(output.double(), wanted, rtol=0, atol=1e-5)


@needs_native
@layouts
@pytest.mark.parametrize("seed", range(100, 120))
def test_native_gradients_equal_those_in_float64(seed: int, layout: torch.memory_format):
    """Check the gradients of map and points; no random point is on a pixel centre, where the slope jumps."""
    x, points = case(seed)
    points = points.expand(x.shape[0], -1, -1, -1, -1)
    slope = torch.randn(*x.shape[:2], *points.shape[3:], generator=torch.Generator().manual_seed(seed))
    wanted = plain.gradients(slope.double(), x, points)
    single = slope.to(memory_format=layout), x.float().to(memory_format=layout), points.float()
    for instructions in LANES:
        for gradient, reference in zip(native.gradients(*single, instructions), wanted, strict=True):
            scale = 1 + reference.abs().max().item()
            torch.testing.assert_close(gradient.double(), reference, rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("seed", range(200, 206))
def test_written_out_gradients_are_autograd_s(seed: int):
    x, points = case(seed)
    x, points = x.requires_grad_(), points.repeat(x.shape[0] // points.shape[0], 1, 1, 1, 1).requires_grad_()
    output = plain.read(x, points)
    slope = torch.randn(output.shape, generator=torch.Generator().manual_seed(seed), dtype=output.dtype)
    wanted = torch.autograd.grad(output, (x, points), slope)
    for gradient, reference in zip(plain.gradients(slope, x, points), wanted, strict=True):
        torch.testing.assert_close(gradient, reference, rtol=0, atol=1e-12)


@needs_native
@every_set
def test_layouts_give_the_same_bits(instructions):
    x = torch.randn(2, 24, 9, 11, generator=torch.Generator().manual_seed(1))
    points = 11 * torch.rand(2, 4, 2, 18, 22, generator=torch.Generator().manual_seed(2))
    last = native.read(x.to(memory_format=torch.channels_last), points, instructions)
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert not last.is_contiguous()
    assert torch.equal(last, native.read(x, points, instructions))


@needs_native
@layouts
def test_threads_share_large_maps(layout: torch.memory_format):
    """The map is large enough to be split, and has fewer groups than threads."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(1, 96, 60, 64, generator=generator).to(memory_format=layout)
    points = 62 * torch.rand(1, 1, 2, 120, 128, generator=generator)
    slope = torch.randn(1, 96, 120, 128, generator=generator).to(memory_format=layout)
    before = torch.get_num_threads()
    results: list[tuple[Tensor, ...]] = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append((native.read(x, points), *native.gradients(slope, x, points)))
    finally:
        torch.set_num_threads(before)
    wanted = (
        plain.read(x.double(), points.double()),
        *plain.gradients(slope.double(), x.double(), points.double()),
    )
    for result in results:
        for got, reference in zip(result, wanted, strict=True):
            scale = 1 + reference.abs().max().item()
            torch.testing.assert_close(got.double(), reference, rtol=0, atol=3e-6 * scale)


@pytest.mark.parametrize("implementation", ["plain", pytest.param("native", marks=needs_native)])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30, -1e30, 3e38])
@layouts
def test_wild_points_stay_in_bounds(implementation, bad: float, layout: torch.memory_format):
    """Nearly all points are wild; the map is a view of a larger NaN map, so that a read outside shows."""
    around = torch.full((1, 8, 12, 12), math.nan)
    x = around[..., 4:8, 4:9].copy_(torch.randn(1, 8, 4, 5, generator=torch.Generator().manual_seed(4)))
    x = x.to(memory_format=layout).requires_grad_()
    points = torch.full((1, 2, 2, 7, 9), bad)
    points[..., 0, 0] = 1.5
    points.requires_grad_()
    output = sample(x, points, implementation=implementation)
    assert output.isfinite().all()
    output.sum().backward()
    torch.testing.assert_close(output[..., 3, 3], x[..., -1, -1] if bad > 0 else x[..., 0, 0])
    assert x.grad is not None
    assert points.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.sum().item() == pytest.approx(output.numel(), rel=1e-5)
    assert (points.grad[..., 1:, 1:] == 0).all()


@pytest.mark.parametrize("implementation", ["plain", pytest.param("native", marks=needs_native)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("width", [64, 130, 256, 512, 1024])
def test_half_types_lose_no_more_than_rounding(implementation, dtype: torch.dtype, width: int):
    """An exact read of rounded input, then rounded, has the least error that a half type allows."""
    generator = torch.Generator().manual_seed(width)
    exact = torch.randn(1, 16, 40, width, generator=generator, dtype=torch.float64)
    points = torch.rand(1, 4, 2, 80, 2 * width, generator=generator) * torch.tensor([width, 40]).view(2, 1, 1)
    wanted = plain.read(exact, points.double())
    rounded = plain.read(exact.to(dtype).double(), points.double()).to(dtype).double()
    output = sample(exact.to(dtype), points, implementation=implementation)
    assert output.dtype == dtype
    assert (output.double() - wanted).norm() <= 1.5 * (rounded - wanted).norm()


@needs_native
@layouts
def test_empty_batches_and_foreign_strides(layout: torch.memory_format):
    x = torch.randn(3, 8, 5, 4, generator=torch.Generator().manual_seed(5)).to(memory_format=layout)
    points = 5 * torch.rand(3, 2, 2, 6, 7, generator=torch.Generator().manual_seed(6))
    assert native.read(x[:0], points[:0]).shape == (0, 8, 6, 7)
    shapes = [gradient.shape for gradient in native.gradients(torch.zeros(0, 8, 6, 7), x[:0], points[:0])]
    assert shapes == [(0, 8, 5, 4), (0, 2, 2, 6, 7)]
    swapped = points.transpose(1, 2).contiguous().transpose(1, 2)  # as DySample's offsets are stored
    assert torch.equal(native.read(x, swapped), native.read(x, points))
    assert torch.equal(native.read(x, points.mT.contiguous().mT), native.read(x, points))
    assert torch.equal(native.read(x.mT.contiguous().mT, points), native.read(x, points))
    every_other = torch.zeros(3, 16, 5, 4)
    every_other[:, ::2] = x
    assert torch.equal(native.read(every_other[:, ::2], points), native.read(x, points))
