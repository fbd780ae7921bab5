"""A footprint is complete: it reproduces the operator's output."""

import pytest
import torch
from torch import Tensor, nn

from dysample.explain.footprint import footprint
from dysample.ops.registry import OPERATORS, build

CHANNELS = 32
PLANNED = [name for name, spec in OPERATORS.items() if spec.has_footprint]
PLACES = [(0, 0), (0, 13), (9, 0), (9, 13), (4, 7), (5, 6), (1, 2)]


def case(name: str, seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    """Return an operator with random weights that send points out of the map, a map, and its guide."""
    generator = torch.Generator().manual_seed(seed)
    op = build(name, CHANNELS).eval()
    for parameter in op.parameters():
        parameter.data.normal_(std=0.5, generator=generator)
    x = torch.randn(1, CHANNELS, 5, 7, generator=generator)
    return op, x, torch.randn(1, CHANNELS, 10, 14, generator=generator)


@pytest.mark.parametrize("at", PLACES)
@pytest.mark.parametrize("name", PLANNED)
def test_makes_the_output_pixel(name: str, at: tuple[int, int]):
    op, x, guide = case(name)
    expected = op(*OPERATORS[name].inputs(x, guide))[0, :, at[0], at[1]]
    found = footprint(op, x, guide, at=at)
    assert not found.weights.requires_grad
    torch.testing.assert_close(found.apply(x), expected.detach(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", PLANNED)
def test_names_pixels_of_the_map(name: str):
    op, x, guide = case(name)
    for at in PLACES:
        found = footprint(op, x, guide, at=at)
        assert found.at == at
        assert 0 <= found.rows.min() <= found.rows.max() < 5
        assert 0 <= found.columns.min() <= found.columns.max() < 7


def test_bilinear_by_hand():
    """Output pixel (1, 2) of a map enlarged twice lies at x = 1.25, y = 0.75: a quarter off two centres."""
    found = footprint(build("bilinear", 1), torch.zeros(1, 1, 3, 3), at=(1, 2))
    taps = {
        (int(r), int(c)): float(w)
        for r, c, w in zip(found.rows[0], found.columns[0], found.weights[0], strict=True)
    }
    assert taps == {(0, 0): 0.1875, (0, 1): 0.5625, (1, 0): 0.0625, (1, 1): 0.1875}


def test_nearest_reads_one_pixel():
    found = footprint(build("nearest", 1), torch.zeros(1, 1, 3, 3), at=(5, 2))
    assert (found.rows.tolist(), found.columns.tolist(), found.weights.tolist()) == ([[2]], [[1]], [[1.0]])


def test_groups_have_rows_of_their_own():
    op, x, guide = case("dysample-s+")
    found = footprint(op, x, guide, at=(4, 7))
    assert found.weights.shape[0] == 8
    torch.testing.assert_close(found.weights.sum(1), torch.ones(8))
    assert found.columns.unique(dim=0).shape[0] > 1


def test_kernels_lose_what_lies_outside():
    """A corner keeps 3 x 3 of the 5 x 5 neighbours; equal weights stay 1/25."""
    op = build("carafe", CHANNELS).eval()
    nn.init.zeros_(op.encode.weight)
    found = footprint(op, torch.randn(1, CHANNELS, 4, 4), at=(0, 1))
    assert found.weights.shape == (1, 9)
    torch.testing.assert_close(found.weights, torch.full((1, 9), 1 / 25))


@pytest.mark.parametrize("name", ["deconv", "pixelshuffle"])
def test_operators_that_mix_channels_say_so(name: str):
    op, x, guide = case(name)
    assert not OPERATORS[name].has_footprint
    with pytest.raises(ValueError, match="mixes channels"):
        footprint(op, x, guide, at=(0, 0))


@pytest.mark.parametrize("at", [(10, 0), (0, 14), (-1, 0)])
def test_pixels_that_are_not_there(at: tuple[int, int]):
    op, x, guide = case("carafe")
    with pytest.raises(ValueError, match=r"10 x 14 output, got \("):
        footprint(op, x, guide, at=at)


def test_one_map_at_a_time():
    op, x, _ = case("dysample")
    with pytest.raises(ValueError, match="batch of 2"):
        footprint(op, torch.cat([x, x]), at=(0, 0))
