"""What a swap adds to a model, and what it leaves unchanged."""

import pytest
import torch
import torch.nn.functional as F

from dysample import swap_upsamplers
from dysample.trial.plan import zero_offsets
from tests.swap.networks import Interpolating, picture
from tests.swap.test_audit import _Pyramid


@pytest.mark.parametrize("options", [{"mode": "nearest"}, {"mode": "nearest-exact"}, {"mode": "bilinear"}])
@pytest.mark.parametrize("to", ["dysample", "dysample+", "dysample-s", "dysample-s+", "dysample@groups=2"])
def test_zero_offsets_give_the_original_output(to: str, options: dict[str, str]) -> None:
    model = Interpolating(scale_factor=2, **options)
    swapped, report = swap_upsamplers(model, picture(), to)
    assert len(report.swapped) == 1
    torch.testing.assert_close(zero_offsets(swapped)(picture()), model(picture()), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("mode", "scale"), [("nearest", 4), ("bilinear", 4), ("bilinear", 8)])
def test_larger_scales_are_repeated(mode: str, scale: int) -> None:
    model = Interpolating(scale_factor=scale, mode=mode)
    swapped, report = swap_upsamplers(model, picture())
    expected = model.before(picture())
    while expected.shape[2] < 16 * scale:
        expected = F.interpolate(expected, scale_factor=2, mode=mode)
    torch.testing.assert_close(zero_offsets(swapped)(picture()), model.after(expected), atol=1e-5, rtol=0)
    assert report.rows[0].scales == (2,) * (scale.bit_length() - 1)


def test_scale_of_three() -> None:
    model = Interpolating(scale_factor=3, mode="bilinear")
    swapped, _ = swap_upsamplers(model, picture())
    torch.testing.assert_close(zero_offsets(swapped)(picture()), model(picture()), atol=1e-5, rtol=0)


@pytest.mark.parametrize("sides", [(16, 24), (17, 23), (33, 50)])
def test_sizes_are_met_by_a_crop(sides: tuple[int, int]) -> None:
    model = _Pyramid()
    swapped, _ = swap_upsamplers(model, picture())
    fine = model.fine(picture(*sides))
    large = F.interpolate(model.coarse(fine), scale_factor=2, mode="bilinear")
    expected = model.after(fine + large[:, :, : sides[0], : sides[1]])
    torch.testing.assert_close(zero_offsets(swapped)(picture(*sides)), expected, atol=1e-5, rtol=0)


def test_sizes_are_met_by_repeating_the_border() -> None:
    swapped, _ = swap_upsamplers(Interpolating(scale_factor=2, mode="bilinear"), picture())
    swapped.options = {"size": (33, 49), "mode": "bilinear"}
    large = F.interpolate(swapped.before(picture()), scale_factor=2, mode="bilinear")
    expected = swapped.after(F.pad(large, (0, 1, 0, 1), mode="replicate"))
    torch.testing.assert_close(zero_offsets(swapped)(picture()), expected, atol=1e-5, rtol=0)


def test_another_size_than_it_was_made_for_is_interpolated() -> None:
    model = _Pyramid()
    swapped, _ = swap_upsamplers(model, picture())
    swapped.coarse.stride = model.coarse.stride = (4, 4)
    assert torch.equal(swapped(picture()), model(picture()))
