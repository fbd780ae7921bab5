"""Swapped models in half precision, under autocast and in other memory layouts, beside the originals."""

import copy

import pytest
import torch
from torch import Tensor, nn

from dysample import swap_upsamplers
from dysample.trial.plan import zero_offsets
from tests.swap.networks import Interpolating

# Wide: coordinates kept in bfloat16 would be half a pixel off beyond 128 columns.
WIDE = torch.rand(1, 3, 6, 300, generator=torch.Generator().manual_seed(0))
HALVES = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
MODES = pytest.mark.parametrize("mode", ["nearest", "bilinear"])


def _both(mode: str) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    model = Interpolating(scale_factor=2, mode=mode).eval()
    swapped, report = swap_upsamplers(model, WIDE)
    assert len(report.swapped) == 1
    return model, zero_offsets(swapped)


def _assert_near(found: Tensor, expected: Tensor) -> None:
    """Equal up to two units in the last place of the largest value."""
    assert found.dtype == expected.dtype
    step = torch.finfo(found.dtype).eps * expected.abs().max().item()
    torch.testing.assert_close(found, expected, atol=2 * step, rtol=0)


@HALVES
@MODES
def test_half_precision(mode: str, dtype: torch.dtype) -> None:
    model, swapped = _both(mode)
    with torch.no_grad():
        _assert_near(copy.deepcopy(swapped).to(dtype)(WIDE.to(dtype)), model.to(dtype)(WIDE.to(dtype)))
    again, report = swap_upsamplers(model, WIDE.to(dtype))
    assert {weight.dtype for weight in again.parameters()} == {dtype}
    assert len(report.swapped) == 1


@HALVES
@MODES
def test_autocast(mode: str, dtype: torch.dtype) -> None:
    model, swapped = _both(mode)
    with torch.no_grad(), torch.autocast("cpu", dtype=dtype):
        _assert_near(swapped(WIDE), model(WIDE))
    with torch.autocast("cpu", dtype=dtype):
        loss = swapped(WIDE).float().square().mean()
    loss.backward()
    gradients = [weight.grad for weight in swapped.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_channels_last() -> None:
    model, swapped = _both("bilinear")
    swapped = swapped.to(memory_format=torch.channels_last)
    with torch.no_grad():
        found = swapped(WIDE.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(found, model(WIDE), atol=1e-5, rtol=0)


def test_models_without_data_yet() -> None:
    """Models on the device "meta", as for checkpoints loaded in shards."""
    model, _ = _both("bilinear")
    swapped, report = swap_upsamplers(model.to("meta"), WIDE.to("meta"))
    assert report.parameters == 2 * 32 * 8 + 32
    assert all(weight.is_meta for weight in swapped.parameters())
