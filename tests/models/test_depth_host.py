"""The depth network: metres for pictures of any size, its steps, and the integers of the paper's Table 9."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dysample.models.depth_head import DEEPEST, LOWEST, WIDTHS, DepthHead
from dysample.models.encoder import Encoder
from dysample.models.host import DepthEstimator, SegmentationHost, encode
from dysample.models.segformer_head import SegFormerHead
from dysample.ops.registry import OPERATORS
from tests.models.hosts import disturbed, picture

DEPTHFORMER = (64, 96, 192, 384, 768)
# Parameters of its four upsamplers, and those that are no biases or norms: rows of the paper's, in order.
IN_PAPER = [name for name, spec in OPERATORS.items() if spec.in_paper]
ALL = (
    *(0, 0, 7_051_680, 28_206_720, 323_216, 6_333_056, 31_064, 197_220, 74_240),
    *(46_208, 92_288, 5_824, 11_584),
)
WEIGHTS = (
    *(0, 0, 7_050_240, 28_200_960, 322_560, 6_330_112, 27_968, 196_864, 69_632),
    *(46_080, 92_160, 5_760, 11_520),
)
NAMES = ["d16", "d8", "d4", "d2"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder("mobilenet_v2", finest=2).eval()


def make(encoder: Encoder, upsampler: str = "bilinear", **options: Any) -> DepthEstimator:
    """A host whose upsamplers have weights as if trained."""
    torch.manual_seed(1)
    head = DepthHead(encoder.channels, upsampler=upsampler, **options)
    disturbed(head)
    return DepthEstimator(encoder, head).eval()


@pytest.mark.parametrize(("name", "everything", "weights"), list(zip(IN_PAPER, ALL, WEIGHTS, strict=True)))
def test_parameters_of_table_9(name: str, everything: int, weights: int):
    """DepthFormer with Swin-T; its fusion head alone has 7,688,961 parameters."""
    with torch.device("meta"):
        head = DepthHead(DEPTHFORMER, widths=None, upsampler=name)
    assert sum(p.numel() for p in head.upsamplers.parameters()) == everything
    assert sum(p.numel() for p in head.upsamplers.parameters() if p.ndim > 1) == weights
    assert sum(p.numel() for p in head.parameters()) == 7_688_961 + everything


@pytest.mark.parametrize("size", [(32, 32), (33, 32), (97, 41), (1, 1), (7, 20)])
def test_output_has_the_size_of_the_picture(encoder: Encoder, size: tuple[int, int]):
    host = make(encoder, "dysample+")
    with torch.no_grad():
        depth = host(picture(*size, batch=2))
        prediction = host.intermediates(picture(*size, batch=2))
    assert torch.equal(prediction.output, depth)
    assert [host.operator(step.name) for step in prediction.steps] == list(host.head.upsamplers.values())
    assert depth.shape == (2, 1, *size)


@pytest.mark.parametrize("widths", [WIDTHS, None])
@pytest.mark.parametrize("name", OPERATORS)
def test_steps(name: str, widths: tuple[int, ...] | None):
    """There are four steps, each with the skip of its size; the step's operator reproduces its output."""
    channels = (32, 64, 96, 128, 160)
    torch.manual_seed(2)
    head = DepthHead(channels, widths=widths, upsampler=name).eval()
    maps = tuple(torch.randn(2, c, 32 // 2**k, 48 // 2**k) for k, c in enumerate(channels))
    with torch.no_grad():
        prediction = head.intermediates(maps)
        assert [step.name for step in prediction.steps] == NAMES
        for step, k in zip(prediction.steps, (3, 2, 1, 0), strict=True):
            skip = maps[k] if widths is None else head.project[step.name](maps[k])
            torch.testing.assert_close(step.guide, skip)
            assert step.input.shape[1] == (widths or channels)[k + 1]
            again = head.upsamplers[step.name](*OPERATORS[name].inputs(step.input, step.guide))
            assert torch.equal(again, step.output)
    assert prediction.output.shape == (2, 1, 32, 48)
    assert ((prediction.output > LOWEST) & (prediction.output < DEEPEST)).all()


@pytest.mark.parametrize("context", [0, 24])
def test_host_by_hand(context: int):
    """Compute everything after the encoder, with bilinear steps, in one expression."""
    torch.manual_seed(3)
    host = make(Encoder("mobilenet_v2", finest=2, context=context).eval())
    head = host.head

    def twice(x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    with torch.no_grad():
        maps = encode(host.encoder, picture(64, 96))
        x = head.project["d32"](maps[4])
        for name, skip in zip(NAMES, maps[3::-1], strict=True):
            x = torch.cat([twice(x), head.project[name](skip)], dim=1)
            first, second = head.blend[name][0], head.blend[name][2]  # pyright: ignore[reportIndexIssue]
            x = F.leaky_relu(second(F.leaky_relu(first(x), 0.01)), 0.01)
        share = head.predict(x).sigmoid()
        metres = (math.log(LOWEST) + share * (math.log(DEEPEST) - math.log(LOWEST))).exp()
        torch.testing.assert_close(host(picture(64, 96)), twice(metres))


@pytest.mark.parametrize(("bias", "metres"), [(-1e4, 0.25), (-30.0, 0.25), (0.0, 1.0), (1e4, 4.0)])
def test_metres_stay_between_the_ends(encoder: Encoder, bias: float, metres: float):
    host = make(encoder, lowest=0.25, deepest=4.0)
    nn.init.zeros_(host.head.predict.weight)
    nn.init.constant_(host.head.predict.bias, bias)  # pyright: ignore[reportArgumentType]
    with torch.no_grad():
        depth = host(picture(32, 40))
    torch.testing.assert_close(depth, torch.full_like(depth, metres))
    assert depth.max() <= 4.0


@pytest.mark.parametrize("name", ["bilinear", "sapa", "dysample+"])
def test_trains(name: str):
    """Backward through everything, also under autocast; the depth keeps full precision."""
    torch.manual_seed(4)
    encoder = Encoder("mobilenet_v2", finest=2)
    host = DepthEstimator(encoder, DepthHead(encoder.channels, upsampler=name)).train()
    with torch.autocast("cpu", torch.bfloat16):
        depth = host(picture(64, 64, batch=2))
        assert depth.dtype == torch.float32
        depth.log().square().mean().backward()
    for key, parameter in host.head.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.any() or "bias" in key or "scope" in key, key
    assert next(encoder.parameters()).grad is not None
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


def test_heads_share_an_encoder_of_five_maps(encoder: Encoder):
    """Depth heads read all maps, a segmentation head those from stride 4 on."""
    x = picture(40, 33)
    torch.manual_seed(5)
    segmentation = SegFormerHead(encoder.channels[1:], width=32, classes=3).eval()
    plain = Encoder("mobilenet_v2").eval()
    plain.load_state_dict(encoder.state_dict())
    hosts = [make(encoder, name) for name in ("bilinear", "dysample")]
    with torch.no_grad():
        maps = encode(encoder, x)
        assert all(torch.equal(host.head.decode(maps, 40, 33).output, host(x)) for host in hosts)
        logits = SegmentationHost(plain, segmentation)(x)
        assert torch.equal(segmentation.decode(maps[1:], 40, 33).output, logits)


def test_operator(encoder: Encoder):
    with pytest.raises(ValueError, match="no step is called 'c4_0'; there are d16, d8, d4, d2"):
        make(encoder).operator("c4_0")


@pytest.mark.parametrize(
    ("name", "channels"),
    [("mobilenet_v2", (16, 24, 32, 96, 1280)), ("resnet18", (64, 64, 128, 256, 512))],
)
def test_encoder_from_stride_2(name: str, channels: tuple[int, ...]):
    fine, coarse = Encoder(name, finest=2).eval(), Encoder(name).eval()
    assert (fine.strides, fine.channels) == ((2, 4, 8, 16, 32), channels)
    assert (coarse.strides, coarse.channels) == ((4, 8, 16, 32), channels[1:])
    coarse.load_state_dict(fine.state_dict())
    with torch.no_grad():
        maps = fine(picture(64, 96))
        expected = [(1, channels[k], 32 // 2**k, 48 // 2**k) for k in range(5)]
        assert [tuple(x.shape) for x in maps] == expected
        for one, other in zip(maps[1:], coarse(picture(64, 96)), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": (8, 8, 8, 8)}, r"must name the 5 maps .* from stride 2 on, got \(8, 8, 8, 8\)"),
        ({"widths": (8, 8)}, r"widths must name 5 numbers of channels, got \(8, 8\)"),
        ({"lowest": 0.0}, "0 < lowest < deepest, got 0.0 and 10.0"),
        ({"deepest": math.inf}, "0 < lowest < deepest, got 0.5 and inf"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        DepthHead(**({"channels": DEPTHFORMER} | options))


@pytest.mark.unhooked  # the shape hook refuses it first
def test_strides_that_an_encoder_refuses():
    with pytest.raises(ValueError, match="finest must be 2 or 4, got 8"):
        Encoder("mobilenet_v2", finest=8)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"'mit_b0' does not give maps at strides \(2, 4, 8, 16, 32\)"):
        Encoder("mit_b0", finest=2)
