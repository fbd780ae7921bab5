"""Initial weights of the learned upsamplers: the published distributions, and what they compute."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dysample.ops.a2u import A2U
from dysample.ops.carafe import CARAFE
from dysample.ops.deconv import Deconvolution
from dysample.ops.fade import FADE
from dysample.ops.indexnet import IndexNet
from dysample.ops.pixelshuffle import PixelShuffle
from dysample.ops.sapa import SAPA


def assert_spread(weight: Tensor, std: float) -> None:
    """Check for mean 0 and a standard deviation, within the sampling error of that many draws."""
    tolerance = 5 / weight.numel() ** 0.5
    assert weight.mean().item() == pytest.approx(0, abs=tolerance * std)
    assert weight.std().item() == pytest.approx(std, rel=tolerance)


def assert_uniform(weight: Tensor, bound: float) -> None:
    assert_spread(weight, bound / 3**0.5)
    assert weight.abs().max().item() == pytest.approx(bound, rel=20 / weight.numel())
    assert weight.abs().max().item() <= bound * (1 + 1e-6)


def assert_normal(weight: Tensor, std: float) -> None:
    assert_spread(weight, std)
    beyond = (weight.abs() > 2 * std).float().mean().item()
    assert beyond == pytest.approx(0.0455, abs=0.03)


def xavier(weight: Tensor) -> float:
    """Return the bound of the uniform distribution by fan-in and fan-out (Glorot and Bengio 2010, Eq. 16)."""
    taps = weight.shape[2] * weight.shape[3]
    return (6 / (taps * (weight.shape[0] + weight.shape[1]))) ** 0.5


def usual(weight: Tensor) -> float:
    """Return the bound of PyTorch's default uniform distribution, by fan-in."""
    return (weight.shape[1] * weight.shape[2] * weight.shape[3]) ** -0.5


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("scale", [2, 3])
def test_weights_of_carafe(scale: int):
    op = CARAFE(96, scale=scale)
    assert op.compress.weight.shape == (64, 96, 1, 1)
    assert op.encode.weight.shape == (25 * scale**2, 64, 3, 3)
    assert_uniform(op.compress.weight, xavier(op.compress.weight))
    assert_normal(op.encode.weight, 0.001)
    assert not op.compress.bias.any()
    assert not op.encode.bias.any()


def test_weights_of_fade():
    op = FADE(96, guide_channels=48)
    assert op.compress_guide.weight.shape == (64, 48, 1, 1)
    assert op.compress.weight.shape == (64, 96, 1, 1)
    assert op.encode.weight.shape == (25, 64, 3, 3)
    for conv in (op.compress_guide, op.compress, op.encode):
        assert_uniform(conv.weight, xavier(conv.weight))
    assert not op.compress_guide.bias.any()
    assert op.compress.bias is None
    assert not op.encode.bias.any()


def test_weights_of_sapa():
    op = SAPA(96, guide_channels=64)
    assert op.query.weight.shape == (32, 64, 1, 1)
    assert op.key.weight.shape == (32, 96, 1, 1)
    for conv in (op.query, op.key):
        assert_normal(conv.weight, 0.02)
        assert not conv.bias.any()
    for norm in (op.norm_guide, op.norm):
        assert norm.num_groups == 32
        assert (norm.weight == 1).all()
        assert not norm.bias.any()


@pytest.mark.parametrize(
    ("op", "keys"),
    [
        (Deconvolution(32), ["conv"]),
        (PixelShuffle(32), ["conv"]),
        (IndexNet(32), ["encode", "predict"]),
        (A2U(512), ["filters", "kernel"]),
    ],
    ids=["deconv", "pixelshuffle", "indexnet", "a2u"],
)
def test_the_others_start_as_pytorch_does(op: nn.Module, keys: list[str]):
    for key in keys:
        assert_uniform(op.get_submodule(key).weight, usual(op.get_submodule(key).weight))


def test_carafe_starts_as_a_box_filter():
    op, x = CARAFE(64), torch.randn(1, 64, 6, 9)
    box = F.interpolate(F.avg_pool2d(x, 5, stride=1, padding=2), scale_factor=2.0)
    assert (op(x) - box).abs().max() < 0.05
    assert 0 < (op(x) - box).abs().mean() < 0.01


@pytest.mark.parametrize("training", [False, True])
def test_indexnet_starts_by_halving(training: bool):
    gains: list[float] = []
    for seed in range(8):
        torch.manual_seed(seed)
        op = IndexNet(16, guide_channels=32).train(training)
        gains.append(op(torch.ones(2, 16, 6, 7), torch.randn(2, 32, 12, 14)).mean().item())
    assert sum(gains) / len(gains) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("op", "size", "tolerance"),
    [(CARAFE(32), 5, 0.01), (SAPA(32), 5, 1e-6), (A2U(32), 3, 0.05)],
    ids=["carafe", "sapa", "a2u"],
)
def test_the_border_of_a_flat_map_is_dark(op: nn.Module, size: int, tolerance: float):
    """All start near an average: CARAFE's logits are tiny, SAPA's keys zero on a flat map, A2U's squashed."""
    x, guide = torch.ones(2, 32, 6, 7), torch.randn(2, 32, 12, 14)
    output = op(x) if isinstance(op, CARAFE) else op(x, guide)
    share = F.avg_pool2d(x, size, stride=1, padding=size // 2)  # counts zeros around the map
    expected = F.interpolate(share, scale_factor=2.0)
    torch.testing.assert_close(output, expected, rtol=0, atol=tolerance)
    centre = output[..., 4:-4, 4:-4]
    torch.testing.assert_close(centre, torch.ones_like(centre))
