"""Initial grids and sampling, against torch's own functions, hand counts and slow loops."""

import math

import pytest
import torch
import torch.nn.functional as F

from dysample.geometry import coordinate_dtype, initial_positions, sample
from tests.ops import loops as slow

SIZES = [(1, 1), (1, 6), (5, 1), (4, 7), (9, 3)]


def random_points(batch: int, groups: int, rows: int, columns: int, seed: int, reach: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(batch, groups, 2, rows, columns, generator=generator, dtype=torch.float64)
    return reach * (2 * uniform - 0.5)


def test_initial_positions_by_hand():
    x = torch.zeros(())
    grid = initial_positions(1, 2, scale=2, like=x)
    assert grid.tolist() == [[[[[0.25, 0.75, 1.25, 1.75]] * 2, [[0.25] * 4, [0.75] * 4]]]]
    grid = initial_positions(2, 1, scale=3, like=x)[0, 0]
    torch.testing.assert_close(grid[0], torch.tensor([[1 / 6, 1 / 2, 5 / 6]]).expand(6, 3))
    torch.testing.assert_close(grid[1, :, 0], torch.tensor([1, 3, 5, 7, 9, 11]) / 6)
    grid = initial_positions(2, 1, scale=2, like=x, initial="nearest")
    assert grid.tolist() == [[[[[0.5, 0.5]] * 4, [[0.5] * 2] * 2 + [[1.5] * 2] * 2]]]


@pytest.mark.parametrize("scale", [3, 7, 41, 49, 61])
def test_nearest_grid_holds_pixel_centres_only(scale: int):
    x = initial_positions(1, 300, scale=scale, like=torch.zeros(()), initial="nearest")[0, 0, 0, 0]
    assert torch.equal(x, (torch.arange(300) + 0.5).repeat_interleave(scale))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_positions_are_float32_at_least(given: torch.dtype, expected: torch.dtype):
    assert coordinate_dtype(given) == expected
    grid = initial_positions(2, 1000, scale=2, like=torch.zeros((), dtype=given))
    assert grid.dtype == expected
    assert torch.equal(grid[0, 0, 0, 0], torch.arange(2000, dtype=expected) / 2 + 0.25)


def test_positions_follow_the_device():
    assert initial_positions(2, 3, scale=2, like=torch.zeros((), device="meta")).device.type == "meta"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-6), (torch.float64, 1e-14)])
def test_unmoved_points_interpolate(size: tuple[int, int], scale: int, dtype: torch.dtype, tolerance: float):
    x = torch.randn(2, 3, *size, dtype=dtype, generator=torch.Generator().manual_seed(scale))
    bilinear = F.interpolate(x, scale_factor=float(scale), mode="bilinear", align_corners=False)
    nearest = F.interpolate(x, scale_factor=float(scale), mode="nearest")
    for initial, expected in (("bilinear", bilinear), ("nearest", nearest)):
        output = sample(x, initial_positions(*size, scale=scale, like=x, initial=initial))
        torch.testing.assert_close(output, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("width", [333, 1000, 4000])
def test_wide_maps_interpolate(width: int):
    """Float32 distinguishes 2^24 positions of a row, so the error grows with the width, and no faster."""
    x = torch.rand(1, 1, 3, width, generator=torch.Generator().manual_seed(width))
    output = sample(x, initial_positions(3, width, scale=2, like=x))
    expected = F.interpolate(x.double(), scale_factor=2.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(output.double(), expected, rtol=0, atol=width * 2**-23)
    ones = torch.ones(1, 1, 3, width)
    constant = sample(ones, initial_positions(3, width, scale=2, like=x))
    torch.testing.assert_close(constant, torch.ones_like(constant), rtol=0, atol=1e-6)


def test_sample_by_hand():
    x = torch.tensor([[[[10.0, 20.0], [30.0, 50.0]]]])
    places = torch.tensor([[0.5, 0.5], [1.5, 0.5], [1.0, 1.0], [0.5, 0.75], [-9.0, 1.5], [7.0, 7.0]])
    output = sample(x, places.T.reshape(1, 1, 2, 1, 6))
    torch.testing.assert_close(output.flatten(), torch.tensor([10.0, 20.0, 27.5, 15.0, 30.0, 50.0]))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 7), (6, 2)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_sample_equals_a_slow_loop(height: int, width: int, groups: int):
    x = torch.randn(2, 6, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points = random_points(2, groups, 3, 5, seed=1, reach=max(height, width))
    expected = torch.from_numpy(slow.sample(x.numpy(), points.numpy()))
    torch.testing.assert_close(sample(x, points), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 3])
def test_sample_equals_grid_sample(groups: int):
    """Group after group, at points inside and outside."""
    x = torch.randn(2, 6, 5, 9, generator=torch.Generator().manual_seed(2))
    points = random_points(2, groups, 7, 4, seed=3, reach=12).float()
    blocks: list[torch.Tensor] = []
    for block, place in zip(x.chunk(groups, dim=1), points.unbind(dim=1), strict=True):
        grid = torch.stack([2 * place[:, 0] / 9 - 1, 2 * place[:, 1] / 5 - 1], dim=-1)
        blocks.append(F.grid_sample(block, grid, padding_mode="border", align_corners=False))
    torch.testing.assert_close(sample(x, points), torch.cat(blocks, dim=1), rtol=0, atol=1e-5)


def test_groups_are_contiguous_blocks_of_channels():
    ramp = (torch.arange(8) + 0.5).expand(1, 6, 4, 8)
    points = torch.full((1, 3, 2, 1, 1), 2.0)
    points[0, :, 0] = torch.tensor([1.0, 3.0, 6.5]).view(3, 1, 1)
    assert sample(ramp, points).flatten().tolist() == [1.0, 1.0, 3.0, 3.0, 6.5, 6.5]


def test_one_set_of_points_serves_a_batch():
    x = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(4))
    points = random_points(1, 2, 4, 4, seed=5, reach=6).float()
    assert torch.equal(sample(x, points), sample(x, points.repeat(3, 1, 1, 1, 1)))
    assert sample(x[:0], points).shape == (0, 4, 4, 4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30, -1e30])
def test_wild_points_do_no_harm(bad: float):
    x = torch.randn(1, 2, 4, 5, generator=torch.Generator().manual_seed(6)).requires_grad_()
    points = random_points(1, 1, 3, 3, seed=7, reach=5).float()
    expected = sample(x, points)
    points[0, 0, :, 1, 1] = bad
    output = sample(x, points.requires_grad_())
    others = torch.arange(9) != 4
    assert torch.equal(output.flatten(2)[..., others], expected.flatten(2)[..., others])
    output.sum().backward()
    if not math.isnan(bad):
        torch.testing.assert_close(output[..., 1, 1], x[..., -1, -1] if bad > 0 else x[..., 0, 0])
        assert x.grad is not None
        assert x.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_maps_are_read_in_float32(dtype: torch.dtype):
    x = torch.randn(2, 2, 3, 1024, generator=torch.Generator().manual_seed(8)).to(dtype)
    points = random_points(2, 1, 3, 50, seed=9, reach=1024).float()
    output = sample(x, points)
    assert output.dtype == dtype
    assert torch.equal(output, sample(x.float(), points).to(dtype))


def test_the_wider_type_decides():
    x = torch.randn(1, 1, 4, 300, dtype=torch.float64, generator=torch.Generator().manual_seed(10))
    points = random_points(1, 1, 2, 20, seed=11, reach=300).float()
    expected = torch.from_numpy(slow.sample(x.numpy(), points.double().numpy()))
    torch.testing.assert_close(sample(x, points), expected, rtol=0, atol=1e-11)
    assert sample(x.float(), points.double()).dtype == torch.float32


def test_memory_format_does_not_matter():
    x = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(12))
    points = random_points(2, 2, 3, 3, seed=13, reach=6).float()
    assert torch.equal(sample(x.to(memory_format=torch.channels_last), points), sample(x, points))


def test_gradients():
    """Both, at points that are no neighbours of a pixel centre, where the slope jumps."""
    generator = torch.Generator().manual_seed(14)
    x = torch.randn(2, 2, 3, 4, dtype=torch.float64, generator=generator).requires_grad_()
    within = 0.1 + 0.8 * torch.rand(2, 2, 2, 3, 3, dtype=torch.float64, generator=generator)
    whole = torch.randint(-2, 5, within.shape, generator=generator)
    assert torch.autograd.gradcheck(sample, (x, (whole + within + 0.5).requires_grad_()))


def test_points_beyond_the_border_feel_no_slope():
    x = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(15))
    points = initial_positions(4, 4, scale=1, like=x, initial="nearest").requires_grad_()
    sample(x, points).sum().backward()
    assert points.grad is not None
    assert (points.grad[0, 0, 0, :, -1] == 0).all()
    assert (points.grad[0, 0, 1, -1] == 0).all()
