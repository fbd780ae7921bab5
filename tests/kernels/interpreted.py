"""The Triton kernels in Triton's interpreter, against slow loops in float64.

`test_triton.py` runs this in a separate process, because the interpreter is chosen when Triton is imported.
"""

import math

import pytest
import torch
from torch import Tensor

from dysample.geometry import sample
from dysample.kernels import operator, plain, triton
from tests.ops import loops as slow
from tests.ops.points import CASES, case

LAYOUTS = [torch.contiguous_format, torch.channels_last]
layouts = pytest.mark.parametrize("layout", LAYOUTS, ids=["planar", "channels-last"])
every = pytest.mark.parametrize("name", CASES)


@layouts
@every
def test_equals_a_slow_loop(name: str, layout: torch.memory_format):
    _, x, points = case(name)
    wanted = torch.from_numpy(slow.sample(x.numpy(), points.numpy()))
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-13)):
        given = x.to(dtype).to(memory_format=layout)
        output = triton.read(given, points.to(dtype))
        torch.testing.assert_close(output.double(), wanted, rtol=0, atol=tolerance)
        assert output.dtype == dtype
        assert output.is_contiguous(memory_format=layout) or name == "one pixel"  # stored both ways


@layouts
@every
def test_gradients_equal_slow_loops(name: str, layout: torch.memory_format):
    slope, x, points = case(name)
    wanted = slow.sample_gradients(slope.numpy(), x.numpy(), points.numpy())
    given = (slope.float(), x.float().to(memory_format=layout), points.float())
    for gradient, reference in zip(triton.gradients(*given), wanted, strict=True):
        torch.testing.assert_close(gradient.double(), torch.from_numpy(reference), rtol=0, atol=2e-5)


def test_all_points_are_gathered_if_torch_is_deterministic():
    """Far points are gathered too; in double precision."""
    slope, x, points = case("scale 1, far")
    wanted = slow.sample_gradients(slope.numpy(), x.numpy(), points.numpy())
    torch.use_deterministic_algorithms(True)
    try:
        gradients = triton.gradients(slope, x, points)
    finally:
        torch.use_deterministic_algorithms(False)
    for gradient, reference in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, torch.from_numpy(reference), rtol=0, atol=1e-13)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30, -3e38])
def test_wild_points_stay_in_bounds(bad: float):
    """The map is a view of a larger one filled with NaN, so that a read outside shows."""
    around = torch.full((1, 2, 9, 9), math.nan)
    x = around[..., 3:6, 3:7].copy_(torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(4)))
    x = (x if bad > 0 else x.to(memory_format=torch.channels_last)).requires_grad_()
    points = torch.full((1, 1, 2, 3, 4), bad)
    points[..., 0, 0] = 1.5
    points.requires_grad_()
    output = sample(x, points, implementation="triton")
    output.sum().backward()
    torch.testing.assert_close(output[..., 1, 1], x[..., -1, -1] if bad > 0 else x[..., 0, 0])
    assert x.grad is not None
    assert points.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.sum().item() == pytest.approx(output.numel(), rel=1e-5)
    assert (points.grad[..., 1:, 1:] == 0).all()


@pytest.mark.parametrize("width", [64, 1024])
@pytest.mark.parametrize(
    ("dtype", "most"),
    # The interpreter truncates to bfloat16; a GPU rounds.
    [(torch.float16, 1.5), (torch.bfloat16, 2)],
)
def test_half_types_lose_no_more_than_rounding(dtype: torch.dtype, most: float, width: int):
    generator = torch.Generator().manual_seed(width)
    exact = torch.randn(1, 4, 2, width, generator=generator, dtype=torch.float64)
    points = torch.rand(1, 1, 2, 4, 64, generator=generator) * torch.tensor([width, 2]).view(2, 1, 1)
    wanted = plain.read(exact, points.double())
    rounded = plain.read(exact.to(dtype).double(), points.double()).to(dtype).double()
    output = sample(exact.to(dtype), points, implementation="triton")
    assert output.dtype == dtype
    assert (output.double() - wanted).norm() <= most * (rounded - wanted).norm()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gradients_of_half_types(dtype: torch.dtype):
    slope, x, points = case("scale 2, far", dtype)
    of_x, of_points = triton.gradients(slope, x, points.float())
    wanted = slow.sample_gradients(*(tensor.double().numpy() for tensor in (slope, x, points)))
    assert (of_x.dtype, of_points.dtype) == (dtype, torch.float32)
    rounding = torch.finfo(dtype).eps
    torch.testing.assert_close(of_x.double(), torch.from_numpy(wanted[0]), rtol=rounding, atol=rounding)
    torch.testing.assert_close(of_points.double(), torch.from_numpy(wanted[1]), rtol=0, atol=2e-5)


def test_empty_batches_and_foreign_strides():
    slope, x, points = case("scale 2", torch.float32)
    assert triton.read(x[:0], points[:0]).shape == (0, *slope.shape[1:])
    shapes = [gradient.shape for gradient in triton.gradients(slope[:0], x[:0], points[:0])]
    assert shapes == [(0, *x.shape[1:]), (0, *points.shape[1:])]
    of_x, of_points = triton.gradients(slope[..., :0], x, points[..., :0])
    assert not of_x.any()
    assert of_points.shape == points[..., :0].shape
    wanted = triton.read(x, points)
    swapped = points.transpose(1, 2).contiguous().transpose(1, 2)  # as DySample's offsets are stored
    for given in ((x, swapped), (x, points.mT.contiguous().mT), (x.mT.contiguous().mT, points)):
        assert torch.equal(triton.read(*given), wanted)


@layouts
def test_opcheck_passes(layout: torch.memory_format):
    slope, x, points = case("scale 3, odd", torch.float32)
    x, points = x.to(memory_format=layout), points.contiguous()
    torch.library.opcheck(
        operator.sample, (x, points, "triton"), test_utils=("test_schema", "test_faketensor")
    )
    backward = (slope, x, points, "triton")
    torch.library.opcheck(operator.sample_backward, backward, test_utils=("test_schema", "test_faketensor"))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
def test_second_derivatives_and_vmap_are_the_plain_ones():
    _, x, points = case("scale 1, far")
    results: list[list[Tensor]] = []
    for name in ("triton", "plain"):
        leaves = [tensor.clone().requires_grad_() for tensor in (x, points)]
        slopes = torch.autograd.grad(
            sample(*leaves, implementation=name).pow(3).sum(), leaves, create_graph=True
        )
        second = torch.autograd.grad(sum(slope.square().sum() for slope in slopes), leaves)
        mapped = torch.vmap(lambda x, name=name: sample(x, points, implementation=name))(torch.stack([x, -x]))
        results.append([*slopes, *second, mapped])
    for got, wanted in zip(*results, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)
