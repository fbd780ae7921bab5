"""The Triton implementation on a GPU, against the plain one in double precision."""

import math

import pytest
import torch
from torch import Tensor

from dysample.geometry import sample
from dysample.kernels import choice, plain, triton
from tests.ops.points import CASES, case

pytestmark = [pytest.mark.gpu, pytest.mark.unhooked]
layouts = pytest.mark.parametrize(
    "layout", [torch.contiguous_format, torch.channels_last], ids=["planar", "channels-last"]
)
TOLERANCES = {torch.float64: 1e-12, torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def large(shift: float, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """Return a slope, map and points that fill a GPU; points are up to `shift` pixels from an even spread."""
    generator = torch.Generator("cuda").manual_seed(1)
    options = {"generator": generator, "device": "cuda"}
    x, slope = torch.randn(2, 96, 40, 60, **options), torch.randn(2, 96, 80, 120, **options)
    axes = [(torch.arange(n, device="cuda") + 0.5) / 2 for n in (120, 80)]
    even = torch.stack([axes[0].expand(80, 120), axes[1].view(-1, 1).expand(80, 120)])
    points = even + shift * (2 * torch.rand(2, 4, 2, 80, 120, **options) - 1)
    return slope.to(dtype), x.to(dtype), points


def results(slope: Tensor, x: Tensor, points: Tensor, implementation: str | None) -> tuple[Tensor, ...]:
    x, points = x.detach().requires_grad_(), points.detach().requires_grad_()
    output = sample(x, points, implementation=implementation)
    return output, *torch.autograd.grad(output, (x, points), slope)


def exact(slope: Tensor, x: Tensor, points: Tensor) -> tuple[Tensor, ...]:
    """Return output and gradients of the plain implementation on the CPU, in float64."""
    slope, x, points = (tensor.double().cpu() for tensor in (slope, x, points))
    return plain.read(x, points), *plain.gradients(slope, x, points)


def assert_equal(outputs: tuple[Tensor, ...], wanted: tuple[Tensor, ...], tolerance: float):
    for got, reference in zip(outputs, wanted, strict=True):
        most = tolerance * (1 + reference.abs().max().item())
        torch.testing.assert_close(got.double().cpu(), reference, rtol=0, atol=most)


@layouts
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", CASES)
def test_small_maps(name: str, dtype: torch.dtype, layout: torch.memory_format):
    slope, x, points = (tensor.cuda() for tensor in case(name))
    points = points.to(torch.promote_types(dtype, torch.float32))
    given = slope.to(dtype), x.to(dtype).to(memory_format=layout), points
    assert choice.choose(given[1], points, "auto") == "triton"
    outputs = results(*given, "triton")
    assert [output.dtype for output in outputs] == [dtype, dtype, points.dtype]
    assert_equal(outputs, exact(*given), TOLERANCES[dtype])


@layouts
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shift", [0.2, 0.9, 30])
def test_large_maps(shift: float, dtype: torch.dtype, layout: torch.memory_format):
    """Points are all near, partly far, or nearly all far."""
    slope, x, points = large(shift, dtype)
    points = points.to(torch.promote_types(dtype, torch.float32))
    given = slope.to(memory_format=layout), x.to(memory_format=layout), points
    outputs = results(*given, None)
    assert all(output.is_contiguous(memory_format=layout) for output in outputs[:2])
    assert_equal(outputs, exact(*given), TOLERANCES[dtype])


@layouts
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30, -3e38])
def test_wild_points_stay_in_bounds(bad: float, layout: torch.memory_format):
    x = torch.randn(1, 8, 4, 5, device="cuda").to(memory_format=layout)
    points = torch.full((1, 2, 2, 64, 64), bad, device="cuda")
    output, of_x, of_points = results(torch.ones(1, 8, 64, 64, device="cuda"), x, points, "triton")
    corner = x[..., -1:, -1:] if bad > 0 else x[..., :1, :1]
    torch.testing.assert_close(output, corner.expand_as(output), rtol=0, atol=0)
    assert of_x.sum().item() == output.numel()
    assert of_x.count_nonzero().item() == 8
    assert not of_points.any()


def test_more_planes_than_a_grid_has_along_most_axes():
    x = torch.randn(70_000, 2, 2, 2, device="cuda")
    points = 2 * torch.rand(70_000, 2, 2, 3, 3, device="cuda")
    outputs = results(torch.ones(70_000, 2, 3, 3, device="cuda"), x, points, "triton")
    assert_equal(outputs, exact(torch.ones(70_000, 2, 3, 3), x, points), 2e-5)


@layouts
def test_gathering_gives_the_same_bits_every_time(layout: torch.memory_format):
    """This holds if no point is far, or if torch is set to be deterministic."""
    slope, x, points = large(0.4)
    x = x.to(memory_format=layout)
    first, second = (triton.gradients(slope, x, points) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    far = 8 * points
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (triton.gradients(slope, x, far) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(first[0], second[0])
    assert_equal(first, exact(slope, x, far)[1:], 2e-5)


def test_the_host_does_not_wait_for_the_device():
    given = large(0.9)
    results(*given, "triton")  # compiles
    torch.cuda.set_sync_debug_mode("error")
    try:
        outputs = results(*given, "triton")
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert_equal(outputs, exact(*given), 2e-5)


def test_runs_in_a_cuda_graph():
    slope, x, points = large(0.4)
    triton.read(x, points)
    triton.gradients(slope, x, points)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = triton.read(x, points), *triton.gradients(slope, x, points)
    x.neg_()
    graph.replay()
    assert_equal(outputs, exact(slope, x, points), 2e-5)


def test_compiled_code_gives_the_same():
    torch.compiler.reset()
    slope, x, points = large(0.4)
    x, points = x.requires_grad_(), points.requires_grad_()
    output = torch.compile(sample, fullgraph=True)(x, points)
    outputs = (output.detach(), *torch.autograd.grad(output, (x, points), slope))
    assert_equal(outputs, exact(slope, x.detach(), points.detach()), 2e-5)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is one device")
def test_maps_on_a_device_that_is_not_the_current_one():
    slope, x, points = (tensor.to("cuda:1") for tensor in large(0.9))
    assert_equal(results(slope, x, points, "triton"), exact(slope, x, points), 2e-5)
