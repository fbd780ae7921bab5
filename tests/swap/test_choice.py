"""Which sites a swap takes, with which operators, and why it leaves the others."""

import pytest
import torch
import torch.nn.functional as F

from dysample import swap_upsamplers
from dysample.trial.plan import zero_offsets
from tests.swap.networks import Everything, Interpolating, Nested, picture


@pytest.mark.parametrize("to", ["sapa", "fade", "a2u", "indexnet"])
def test_guided_operators_need_a_guide(to: str) -> None:
    model = Interpolating(scale_factor=2)
    swapped, report = swap_upsamplers(model, picture(), to)
    assert report.rows[0].reason.startswith("Guide needed")
    assert report.parameters == 0
    assert torch.equal(swapped(picture()), model(picture()))


@pytest.mark.parametrize("to", ["nearest", "bilinear", "carafe", "deconv", "pixelshuffle"])
def test_other_operators(to: str) -> None:
    model = Nested()
    swapped, report = swap_upsamplers(model, picture(), to)
    assert len(report.swapped) == 5
    assert swapped(picture()).shape == model(picture()).shape
    assert report.parameters == sum(w.numel() for w in swapped.parameters()) - sum(
        w.numel() for w in model.parameters()
    )


@pytest.mark.parametrize(
    ("channels", "to", "scale", "said"),
    [
        (
            6,
            "dysample+",
            2,
            "DySample+ cannot be here: channels must be a positive multiple of groups=4, got 6.",
        ),
        (8, "deconv", 3, "Deconvolution cannot be here: Deconvolution is defined only for scale=2, got 3."),
    ],
)
def test_what_an_operator_cannot_have(channels: int, to: str, scale: int, said: str) -> None:
    _, report = swap_upsamplers(Interpolating(channels, scale_factor=scale), picture(), to)
    assert report.left_alone[0].reason == said


def test_where_is_a_function_or_names_or_numbers() -> None:
    model = Nested()
    for where, names in (
        (lambda site: site.kind == "nn.Upsample", ["up"]),
        (["inner[0]", 0], ["[0]", "inner[0]"]),
        ("up", ["up"]),
        ([], []),
    ):
        _, report = swap_upsamplers(model, picture(), where=where)
        assert [row.site.name for row in report.swapped] == names
    assert report.rows[0].reason == "Not asked for."
    with pytest.raises(ValueError, match="no site is called 'outer'; there are"):
        swap_upsamplers(model, picture(), where=["outer"])


def test_a_swapped_model_can_be_swapped_further() -> None:
    model = Nested()
    once, _ = swap_upsamplers(model, picture(), where=["[1]", "inner[2]"])
    twice, report = swap_upsamplers(once, picture())
    assert [row.site.name for row in report.swapped] == ["[0]", "inner[0]", "up"]
    assert report.rows[-1].reason == "An upsampler is in its place already."
    torch.testing.assert_close(zero_offsets(twice)(picture()), model(picture()), atol=1e-5, rtol=0)


def test_transposed_convolutions_start_as_their_mean() -> None:
    model = Everything()
    _, report = swap_upsamplers(model, picture(32, 32))
    assert not report.swapped
    swapped, report = swap_upsamplers(model, picture(32, 32), where=["deconv", "shuffle"])
    deconv, shuffle = swapped.deconv, swapped.shuffle
    x = torch.ones(1, 16, 3, 5)
    # On a constant map an old output pixel is one of stride squared means, by its place in the stride.
    inside = model.deconv(x)[:, :, 2:4, 2:4].mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(zero_offsets(deconv)(x), inside.expand(1, 8, 6, 10))
    y = torch.rand(1, 32, 3, 3)
    mean = y.unflatten(1, (8, 4)).mean(dim=2)
    expected = F.interpolate(mean, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(zero_offsets(shuffle)(y), expected)
    assert [row.removed for row in report.swapped] == [16 * 4 * 16 + 8, 0]
    assert swapped(picture(32, 32)).shape == model(picture(32, 32)).shape


def test_aligned_corners_on_request() -> None:
    model = Interpolating(scale_factor=2, mode="bilinear", align_corners=True)
    _, report = swap_upsamplers(model, picture())
    assert not report.swapped
    swapped, report = swap_upsamplers(model, picture(), where=lambda site: True)
    unaligned = F.interpolate(model.before(picture()), scale_factor=2, mode="bilinear")
    assert len(report.swapped) == 1
    torch.testing.assert_close(zero_offsets(swapped)(picture()), model.after(unaligned), atol=1e-5, rtol=0)


def test_report_is_a_table() -> None:
    _, report = swap_upsamplers(Nested(), picture())
    lines = str(report).splitlines()
    assert len(lines) == 2 + 6
    assert "dysample+@initial=nearest (×2)" in lines[2]
    assert report.parameters == 5 * (2 * 32 * 8 + 32)
