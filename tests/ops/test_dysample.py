"""DySample against interpolation, the paper's equations as slow loops, and published checkpoints."""

import copy
import itertools
import pickle
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dysample.geometry import sample
from dysample.ops.dysample import DySample
from tests.ops import loops as slow

Style = Literal["lp", "pl"]
Grid = Literal["bilinear", "nearest"]
KINDS: list[tuple[Style, bool]] = [("lp", False), ("lp", True), ("pl", False), ("pl", True)]
kinds = pytest.mark.parametrize(("style", "dynamic"), KINDS)


def random_weights(op: DySample, size: float = 0.3, seed: int = 0) -> DySample:
    generator = torch.Generator().manual_seed(seed)
    for parameter in op.parameters():
        parameter.data.normal_(std=size, generator=generator)
    return op


def noise(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 7), (6, 3)])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("initial", ["bilinear", "nearest"])
def test_zero_offsets_interpolate(size: tuple[int, int], scale: int, initial: Grid):
    for (style, dynamic), dtype in itertools.product(KINDS, (torch.float32, torch.float64)):
        op = DySample(144, scale=scale, style=style, dynamic_scope=dynamic, initial=initial)
        for parameter in op.to(dtype).offset.parameters():
            nn.init.zeros_(parameter)
        x = noise(2, 144, *size, dtype=dtype)
        expected = F.interpolate(x, scale_factor=float(scale), mode=initial)
        tolerance = 1e-5 if dtype == torch.float32 else 1e-14
        torch.testing.assert_close(op(x), expected, rtol=0, atol=tolerance)


@kinds
@pytest.mark.parametrize(
    ("scale", "groups", "initial"), [(2, 1, "bilinear"), (2, 3, "nearest"), (3, 3, "bilinear")]
)
def test_equations_as_slow_loops(style: Style, dynamic: bool, scale: int, groups: int, initial: Grid):
    channels = 3 * scale**2 if style == "pl" else 6
    op = DySample(
        channels, scale=scale, groups=groups, style=style, dynamic_scope=dynamic, scope=0.4, initial=initial
    )
    random_weights(op.double())
    x = noise(2, channels, 3, 5, dtype=torch.float64)
    state = {key: value.numpy() for key, value in op.state_dict().items()}
    raw = slow.raw_offset(
        x.numpy(), state["offset.weight"][..., 0, 0], state["offset.bias"], style, scale, groups
    )
    if dynamic:  # Eq. 5, with 0.5 = 2 * 0.25 as 2 * scope
        logits = slow.raw_offset(x.numpy(), state["scope.weight"][..., 0, 0], None, style, scale, groups)
        offset = raw * 0.8 / (1 + 2.718281828459045 ** (-logits))
    else:  # Eq. 4
        offset = 0.4 * raw
    points = slow.points(offset, scale, initial)
    record = op.plan(x)
    torch.testing.assert_close(record.offset.numpy(force=True), offset, rtol=0, atol=1e-12)
    torch.testing.assert_close(record.points.numpy(force=True), points, rtol=0, atol=1e-12)
    torch.testing.assert_close(op(x).numpy(force=True), slow.sample(x.numpy(), points), rtol=0, atol=1e-12)


@kinds
def test_first_half_of_the_channels_moves_along_x(style: Style, dynamic: bool):
    """On a map whose values are its x (or y) coordinates, the output is the position of the point."""
    op = DySample(8, groups=2, style=style, dynamic_scope=dynamic)
    nn.init.zeros_(op.offset.weight)
    assert op.offset.bias is not None
    half = len(op.offset.bias) // 2
    op.offset.bias.data[:half], op.offset.bias.data[half:] = 1.2, -0.8  # times 0.25
    x_map = (torch.arange(9) + 0.5).expand(1, 8, 6, 9)
    y_map = (torch.arange(6) + 0.5).view(6, 1).expand(1, 8, 6, 9)
    x = (torch.arange(18) / 2 + 0.25 + 0.3).clamp(0.5, 8.5).expand(1, 8, 12, 18)
    y = (torch.arange(12) / 2 + 0.25 - 0.2).clamp(0.5, 5.5).view(12, 1).expand(1, 8, 12, 18)
    torch.testing.assert_close(op(x_map), x)
    torch.testing.assert_close(op(y_map), y)


@kinds
def test_starts_near_bilinear(style: Style, dynamic: bool):
    torch.manual_seed(0)
    op = DySample(256, style=style, groups=8, dynamic_scope=dynamic, scope=0.3)
    assert op.offset.weight.std().item() == pytest.approx(0.001, rel=0.1)
    assert op.offset.bias is not None
    assert not op.offset.bias.any()
    x = noise(1, 256, 4, 5)
    record = op.plan(x)
    raw = slow.raw_offset(x.numpy(), op.offset.weight.numpy(force=True)[..., 0, 0], None, style, 2, 8)
    torch.testing.assert_close(record.offset, torch.from_numpy(0.3 * raw).float())
    if dynamic:
        assert torch.equal(torch.as_tensor(record.scope), torch.full((1, 8, 2, 8, 10), 0.3))
    else:
        assert record.scope == 0.3


@kinds
def test_parameters(style: Style, dynamic: bool):
    """Table 4 of the paper counts weights: 2 g s^2 C for "lp", 2 g C / s^2 for "pl"; twice with a scope."""
    op = DySample(64, scale=2, groups=4, style=style, dynamic_scope=dynamic)
    weights, bias = (2 * 4 * 4 * 64, 2 * 4 * 4) if style == "lp" else (2 * 4 * 64 // 4, 2 * 4)
    counts = {name: parameter.numel() for name, parameter in op.named_parameters()}
    expected = {"offset.weight": weights, "offset.bias": bias}
    assert counts == expected | ({"scope.weight": weights} if dynamic else {})
    assert list(op.state_dict()) == list(counts)


@kinds
def test_reads_what_it_plans(style: Style, dynamic: bool):
    op = random_weights(DySample(16, style=style, dynamic_scope=dynamic))
    x = noise(2, 16, 5, 4)
    record = op.plan(x)
    assert torch.equal(op(x), sample(x, record.points))
    assert record.initial.shape == (1, 1, 2, 10, 8)
    assert record.offset.shape == (2, 4, 2, 10, 8)
    if dynamic:
        scope = torch.as_tensor(record.scope)
        assert ((scope > 0) & (scope < 0.5)).all()


@kinds
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types(style: Style, dynamic: bool, dtype: torch.dtype):
    """A module in another dtype keeps exact positions, even where half types cannot count every pixel."""
    op = random_weights(DySample(16, style=style, dynamic_scope=dynamic), 0.1)
    x = noise(1, 16, 2, 1024).to(dtype)
    expected = op(x.float())
    converted = {torch.float16: op.half, torch.bfloat16: op.bfloat16, torch.float64: op.double}[dtype]()
    record, output = converted.plan(x), converted(x)
    wide = torch.promote_types(dtype, torch.float32)
    assert (record.initial.dtype, record.points.dtype, output.dtype) == (wide, wide, dtype)
    assert torch.equal(record.initial[0, 0, 0, 0], torch.arange(2048, dtype=wide) / 2 + 0.25)
    torch.testing.assert_close(output.float(), expected, rtol=0.02, atol=0.05)


@kinds
@pytest.mark.parametrize("width", [333, 1024])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast(style: Style, dynamic: bool, width: int, dtype: torch.dtype):
    op = random_weights(DySample(16, style=style, dynamic_scope=dynamic), 0.1)
    x = noise(1, 16, 3, width).to(dtype)
    expected = op.plan(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        record, output = op.plan(x), op(x)
    assert record.points.dtype == torch.float32
    assert output.dtype == dtype
    assert torch.equal(record.initial, expected.initial)
    # Offsets, which are small, have eight bits of mantissa; positions have all of float32.
    torch.testing.assert_close(record.points, expected.points, rtol=0, atol=0.01)
    assert torch.equal(output, sample(x, record.points))


@kinds
def test_autocast_trains(style: Style, dynamic: bool):
    op = random_weights(DySample(16, style=style, dynamic_scope=dynamic))
    with torch.autocast("cpu", torch.bfloat16):
        loss = op(noise(2, 16, 3, 4)).square().mean()
    loss.backward()
    for parameter in op.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.any()


@kinds
def test_gradients(style: Style, dynamic: bool):
    """Check the map and every weight, with offsets too small to move a point across a pixel centre."""
    op = random_weights(DySample(8, style=style, groups=2, dynamic_scope=dynamic).double(), 0.05)
    names = [name for name, _ in op.named_parameters()]

    def enlarge(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(op, dict(zip(names, parameters, strict=True)), (x,))

    x = noise(1, 8, 2, 3, dtype=torch.float64).requires_grad_()
    assert op.plan(x).offset.abs().max() < 0.2
    assert torch.autograd.gradcheck(enlarge, (x, *op.parameters()))


@kinds
def test_layouts_batches_and_devices(style: Style, dynamic: bool):
    op = random_weights(DySample(16, style=style, dynamic_scope=dynamic))
    x = noise(2, 16, 5, 4)
    expected = op(x)
    torch.testing.assert_close(op(x.to(memory_format=torch.channels_last)), expected)
    torch.testing.assert_close(op(noise(2, 16, 4, 5).mT), op(noise(2, 16, 4, 5).mT.contiguous()))
    torch.testing.assert_close(torch.cat([op(x[:1]), op(x[1:])]), expected)
    assert op(x[:0]).shape == (0, 16, 10, 8)
    torch.testing.assert_close(copy.deepcopy(op).to(memory_format=torch.channels_last)(x), expected)
    with torch.device("meta"):
        ghost = DySample(16, style=style, dynamic_scope=dynamic)
    assert ghost(x.to("meta")).shape == expected.shape
    assert ghost.load_state_dict(op.state_dict(), assign=True)
    torch.testing.assert_close(ghost(x), expected)


@kinds
def test_copies(style: Style, dynamic: bool):
    op = random_weights(DySample(16, scale=2, groups=2, style=style, dynamic_scope=dynamic, scope=0.5))
    x = noise(1, 16, 3, 4)
    loaded = DySample(16, scale=2, groups=2, style=style, dynamic_scope=dynamic, scope=0.5)
    loaded.load_state_dict(op.state_dict())
    for other in (copy.deepcopy(op), pickle.loads(pickle.dumps(op)), loaded):
        assert torch.equal(other(x), op(x))
        assert repr(other) == repr(op)


def test_prints_its_options():
    text = repr(DySample(18, scale=3, groups=2, style="pl", dynamic_scope=True, scope=0.2, initial="nearest"))
    assert "18, scale=3, groups=2, style='pl', dynamic_scope=True, scope=0.2, initial='nearest'" in text
