"""Parameters and MACs of every operator in every network, against hand-derived counts and a built network."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dysample.measure.complexity import (
    HOSTS,
    ParameterCount,
    SiteSpec,
    added_macs,
    added_parameters,
    parameters,
    segformer_b1,
    site_macs,
    site_parameters,
)
from dysample.measure.macs import PAPER, TRUE, MacRule, count_macs
from dysample.models.segformer_head import SegFormerHead
from dysample.ops.registry import OPERATORS

# Per operator: all parameters and weights only, of SegFormer-B1, Faster R-CNN, Panoptic FPN, DepthFormer.
# Sums over the formulas of the operators' papers; Mask R-CNN is as Faster R-CNN, MaskFormer as Panoptic FPN.
PARAMETERS = {
    "nearest": ((0, 0), (0, 0), (0, 0), (0, 0)),
    "bilinear": ((0, 0), (0, 0), (0, 0), (0, 0)),
    "deconv": ((3540480, 3538944), (2360320, 2359296), (1770240, 1769472), (7051680, 7050240)),
    "pixelshuffle": ((14161920, 14155776), (9441280, 9437184), (7080960, 7077888), (28206720, 28200960)),
    "carafe": ((444888, 443904), (296592, 295936), (222444, 221952), (323216, 322560)),
    "indexnet": ((12601344, 12595200), (8400896, 8396800), (6300672, 6297600), (6333056, 6330112)),
    "a2u": ((64740, 58368), (43160, 38912), (32370, 29184), (31064, 27968)),
    "fade": ((283542, 283008), (189028, 188672), (141771, 141504), (197220, 196864)),
    "sapa": ((104832, 98304), (69888, 65536), (52416, 49152), (74240, 69632)),
    "dysample": ((49344, 49152), (32896, 32768), (24672, 24576), (46208, 46080)),
    "dysample+": ((98496, 98304), (65664, 65536), (49248, 49152), (92288, 92160)),
    "dysample-s": ((6240, 6144), (4160, 4096), (3120, 3072), (5824, 5760)),
    "dysample-s+": ((12384, 12288), (8256, 8192), (6192, 6144), (11584, 11520)),
}
COLUMN = {
    "segformer-b1": 0,
    "faster-rcnn": 1,
    "mask-rcnn": 1,
    "maskformer": 2,
    "panoptic-fpn": 2,
    "depthformer": 3,
}

# Per operator, at 256 channels: MACs for every low-res pixel, true and by the paper's rule.
PER_PIXEL = {
    "nearest": (0, 0),
    "bilinear": (4 * 1024, 0),
    "deconv": (589824, 2359296),
    "pixelshuffle": (2359296, 2359296),
    "carafe": (99584, 99584),
    "indexnet": (2100224, 2100224),
    "a2u": (27940, 27940),
    "fade": (179520, 179520),
    "sapa": (69760, 69760),
    "dysample": (8192 + 4 * 1024, 8192 + 11 * 1024),
    # The scope is multiplied with the raw offsets, 2 g s^2 numbers a pixel, which the papers leave out.
    "dysample+": (16384 + 32 + 4 * 1024, 16384 + 32 + 11 * 1024),
    "dysample-s": (4096 + 4 * 1024, 4096 + 11 * 1024),
    "dysample-s+": (8192 + 64 + 4 * 1024, 8192 + 64 + 11 * 1024),
}
# What does not depend on the size: A2U makes two 6x6 filters and 36 numbers from averages of the guide.
PER_IMAGE = {"a2u": 36 * 2 * 256 + 36 * 256}
LEARNED = [name for name in PARAMETERS if OPERATORS[name].family != "fixed"]
B1_CHANNELS = (64, 128, 320, 512)


def test_parameters_by_hand():
    shared = nn.Linear(3, 4)
    module = nn.Sequential(shared, nn.LayerNorm(4), nn.Linear(4, 3, bias=False), shared)
    assert parameters(module) == ParameterCount(all=12 + 4 + 4 + 4 + 12, weights_only=12 + 12)
    assert parameters(nn.ReLU()) == ParameterCount(0, 0)


def test_every_operator_of_the_paper_is_worked_out():
    assert list(PARAMETERS) == list(PER_PIXEL) == [name for name, spec in OPERATORS.items() if spec.in_paper]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_in_every_network(name: str, host: str):
    assert added_parameters(name, HOSTS[host]) == ParameterCount(*PARAMETERS[name][COLUMN[host]])


@pytest.mark.parametrize(("rule", "column"), [(TRUE, 0), (PAPER, 1)], ids=["true", "paper"])
@pytest.mark.parametrize("name", PER_PIXEL)
def test_macs_of_a_pixel(name: str, rule: MacRule, column: int):
    small, large = (
        int(site_macs(name, SiteSpec(256, 256, side, side), rule=rule).value or 0) for side in (3, 8)
    )
    per_pixel = PER_PIXEL[name][column]
    assert (small, large) == tuple(PER_IMAGE.get(name, 0) + per_pixel * pixels for pixels in (9, 64))


@pytest.mark.parametrize(("rule", "column"), [(TRUE, 0), (PAPER, 1)], ids=["true", "paper"])
@pytest.mark.parametrize("name", PER_PIXEL)
def test_macs_of_a_network_are_those_of_its_pixels(name: str, rule: MacRule, column: int):
    """The low-res pixels of SegFormer-B1's six sites: 256 + 2 * 1024 + 3 * 4096."""
    expected = 14592 * PER_PIXEL[name][column] + 6 * PER_IMAGE.get(name, 0)
    assert added_macs(name, HOSTS["segformer-b1"], rule=rule).value == expected


def test_a_count_that_cannot_be_had_stays_so_in_the_sum(monkeypatch: pytest.MonkeyPatch):
    class Odd(nn.Module):
        def __init__(self, channels: int, *, scale: int) -> None:
            super().__init__()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.cumsum(0)

    row = dataclasses.replace(OPERATORS["bilinear"], label="Odd", factory=Odd)
    monkeypatch.setitem(OPERATORS, "odd", row)
    cost = added_macs("odd", HOSTS["maskformer"])
    assert cost.value is None
    assert "aten::cumsum" in cost.method


def test_guides_have_other_channels_in_depthformer():
    """IndexNet reads the guide alone: 32 g^2 + 12 g at every site."""
    counts = [site_parameters("indexnet", site).all for site in HOSTS["depthformer"].sites]
    assert counts == [32 * g * g + 12 * g for g in (384, 192, 96, 64)]


def test_an_unknown_operator_is_an_error():
    with pytest.raises(ValueError, match="no upsampler is called 'nonsense'"):
        added_parameters("nonsense", HOSTS["maskformer"])


def test_sites_double_up_to_the_picture_s_quarter_or_half():
    for host in HOSTS.values():
        finest = {(2 * site.height, 2 * site.width) for site in host.sites}
        height, width = max(finest)
        assert (height, width) in {tuple(side // n for side in host.picture) for n in (2, 4)}
        inputs = {(site.height, site.width) for site in host.sites}
        assert finest - inputs == {(height, width)}  # every other output is enlarged once more


def test_segformer_b1_is_the_paper_s():
    """The whole network against PyTorch's own counter, which leaves interpolation out as well."""
    segformer, picture = segformer_b1(), torch.empty(1, 3, 512, 512, device="meta")
    # The encoder 13,151,424, the head 564,374. The authors' code has an unused layer of 19,350 more.
    assert parameters(segformer).all == 13_151_424 + 564_374
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        segformer(picture)
    by_paper = count_macs(segformer, picture, rule=PAPER)
    # Convolutions, linear layers, attention. The paper's 15.91 has 0.034 of biases, norms and ReLU besides.
    assert by_paper.value == flops.get_total_flops() / 2 == 15_878_062_080
    # The six interpolations and the last one of 150 classes to the picture's size.
    assert count_macs(segformer, picture).value == 15_878_062_080 + 4096 * 14592 + 4 * 150 * 512**2


class Head(nn.Module):
    """SegFormer-B1's head as a module of four tensors on the meta device."""

    def __init__(self, upsampler: str) -> None:
        super().__init__()
        with torch.device("meta"):
            self.head = SegFormerHead(B1_CHANNELS, classes=150, upsampler=upsampler).eval()

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        return self.head(maps)


@pytest.mark.parametrize("name", LEARNED)
def test_the_sites_are_those_of_the_network(name: str):
    """The head's excess over bilinear upsampling equals the sum counted site by site."""
    host, plain = Head(name), Head("bilinear")
    sides = (128, 64, 32, 16)
    maps = [torch.empty(1, c, n, n, device="meta") for c, n in zip(B1_CHANNELS, sides, strict=True)]
    with torch.no_grad():
        steps = host.head.intermediates(tuple(maps)).steps
    assert HOSTS["segformer-b1"].sites == tuple(
        SiteSpec(step.input.shape[1], step.guide.shape[1], *step.input.shape[2:]) for step in steps
    )
    assert parameters(host).all - parameters(plain).all == PARAMETERS[name][0][0]
    more, less = (int(count_macs(network, *maps, rule=PAPER).value or 0) for network in (host, plain))
    assert more - less == 14592 * PER_PIXEL[name][1] + 6 * PER_IMAGE.get(name, 0)
