"""The feature pyramid against torchvision's, the semantic branch by hand, and the integers of Table 8."""

from collections import OrderedDict
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import FeaturePyramidNetwork

from dysample.models.encoder import Encoder
from dysample.models.host import PanopticFPN, encode
from dysample.models.panoptic_fpn import PanopticFPNHead
from dysample.ops.registry import OPERATORS
from tests.models.hosts import disturbed, picture, small_encoder

RESNET_50 = (256, 512, 1024, 2048)
NAMES = ["p4", "p3", "p2"]
CLASSES = 5


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return small_encoder()


def make(encoder: Encoder, upsampler: str) -> PanopticFPN:
    """A small host whose upsamplers have weights as if trained."""
    torch.manual_seed(1)
    head = PanopticFPNHead(encoder.channels, width=128, classes=CLASSES, upsampler=upsampler)
    disturbed(head)
    return PanopticFPN(encoder, head).eval()


@pytest.mark.parametrize(
    ("upsampler", "everything", "weights"),
    [
        ("nearest", 0, 0),
        ("bilinear", 0, 0),
        ("deconv", 1_770_240, 1_769_472),
        ("pixelshuffle", 7_080_960, 7_077_888),
        ("carafe", 222_444, 221_952),
        ("indexnet", 6_300_672, 6_297_600),
        ("a2u", 32_370, 29_184),
        ("fade", 141_771, 141_504),
        ("sapa", 52_416, 49_152),
        ("dysample", 24_672, 24_576),
        ("dysample+", 49_248, 49_152),
        ("dysample-s", 3_120, 3_072),
        ("dysample-s+", 6_192, 6_144),
    ],
)
def test_parameters_of_table_8(upsampler: str, everything: int, weights: int):
    """ResNet-50 on COCO, 53 kinds of stuff and one class for all things."""
    with torch.device("meta"):
        head = PanopticFPNHead(RESNET_50, classes=54, upsampler=upsampler)
    assert sum(p.numel() for p in head.upsamplers.parameters()) == everything
    assert sum(p.numel() for p in head.upsamplers.parameters() if p.ndim > 1) == weights
    # The paper's 46,027,110 less ResNet-50, region proposals, boxes and masks: 44,396,336 less the
    # pyramid, which is counted here.
    rest = 23_508_032 + 593_935 + 14_306_705 + 2_643_280
    assert sum(p.numel() for p in head.parameters()) == 46_027_110 - rest + everything


def test_pyramid_equals_that_of_torchvision(encoder: Encoder):
    """torchvision enlarges by nearest; its levels are the inputs of the steps and the 3x3 convolutions."""
    head = make(encoder, "nearest").head
    other: Any = FeaturePyramidNetwork(list(encoder.channels), 128)
    for k, name in enumerate(("p2", "p3", "p4", "p5")):
        other.inner_blocks[k][0].load_state_dict(head.pyramid.project[name].state_dict())
        other.layer_blocks[k][0].load_state_dict(head.pyramid.smooth[name].state_dict())
    found: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        maps = encode(encoder, picture(64, 96))
        expected = other(OrderedDict(zip(("p2", "p3", "p4", "p5"), maps, strict=True)))
        for step in head.intermediates(maps).steps:
            found[step.name] = head.pyramid.smooth[step.name](step.guide + step.output)
            torch.testing.assert_close(found[step.name], expected[step.name])
    assert list(found) == NAMES


def test_semantic_branch_by_hand(encoder: Encoder):
    host = make(encoder, "dysample+")
    head = host.head

    def layer(x: torch.Tensor, conv: Any, norm: Any, *, enlarge: bool = True) -> torch.Tensor:
        x = F.relu(F.group_norm(F.conv2d(x, conv.weight, padding=1), 32, norm.weight, norm.bias))
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False) if enlarge else x

    with torch.no_grad():
        maps = encode(encoder, picture(32, 64))
        steps = {step.name: step for step in head.intermediates(maps).steps}
        total = torch.zeros(())
        for name, times in (("p5", 3), ("p4", 2), ("p3", 1), ("p2", 0)):
            x = steps["p4"].input if name == "p5" else steps[name].guide + steps[name].output
            x = head.pyramid.smooth[name](x)
            layers: Any = [
                m for m in head.semantic.enlarge[name].modules() if isinstance(m, nn.Conv2d | nn.GroupNorm)
            ]
            for k in range(max(times, 1)):
                x = layer(x, layers[2 * k], layers[2 * k + 1], enlarge=times > 0)
            assert len(layers) == 2 * max(times, 1)
            total = total + x
        logits = head.semantic.predict(total)
        torch.testing.assert_close(head(maps), logits)
        expected = F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)
        torch.testing.assert_close(host(picture(32, 64)), expected)


@pytest.mark.parametrize("name", OPERATORS)
def test_steps(encoder: Encoder, name: str):
    """Three steps: the guide is the lateral before the addition, the input the sum one level above."""
    host = make(encoder, name)
    with torch.no_grad():
        maps = encode(encoder, picture(40, 70, batch=2))
        prediction = host.head.decode(maps, 40, 70)
        assert torch.equal(host(picture(40, 70, batch=2)), prediction.output)
        x = host.head.pyramid.project["p5"](maps[3])
        for step, skip in zip(prediction.steps, maps[2::-1], strict=True):
            guide = host.head.pyramid.project[step.name](skip)
            torch.testing.assert_close(step.guide, guide)
            torch.testing.assert_close(step.input, x)
            assert torch.equal(
                host.operator(step.name)(*OPERATORS[name].inputs(step.input, step.guide)), step.output
            )
            x = guide + step.output
    assert [step.name for step in prediction.steps] == NAMES


@pytest.mark.parametrize("size", [(32, 32), (33, 32), (97, 41), (1, 1)])
def test_output_has_the_size_of_the_picture(encoder: Encoder, size: tuple[int, int]):
    with torch.no_grad():
        output = make(encoder, "sapa")(picture(*size))
    assert output.shape == (1, CLASSES, *size)
    assert output.isfinite().all()


def test_trains():
    encoder = Encoder("mobilenet_v2")
    host = make(encoder, "dysample+").train()
    host(picture(64, 64, batch=2)).square().mean().backward()
    for key, parameter in host.named_parameters():
        if "features.18" not in key:
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
    assert all(p.grad is not None and p.grad.any() for p in host.head.upsamplers.parameters())


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"channels must name the 4 maps of an encoder, got \(8, 8\)"):
        PanopticFPNHead((8, 8), classes=2)
    with pytest.raises(ValueError, match=r"width must be a positive multiple of 128 .*, got 64"):
        PanopticFPNHead(RESNET_50, width=64, classes=2)
