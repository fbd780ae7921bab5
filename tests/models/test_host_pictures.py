"""What a host takes as a picture: the same prediction, or a sentence, whatever the type of the numbers."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from dysample.models.depth_head import DepthHead
from dysample.models.encoder import Encoder
from dysample.models.host import DepthEstimator, PanopticFPN, SegmentationHost, picture
from dysample.models.panoptic_fpn import PanopticFPNHead
from dysample.models.segformer_head import SegFormerHead
from tests.models.hosts import picture as noise
from tests.models.hosts import small_encoder

pytestmark = pytest.mark.unhooked  # the hook refuses what these tests pass before the hosts can

LEVELS = (noise(40, 56) * 255).round()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return small_encoder()


@pytest.fixture(scope="module")
def host(encoder: Encoder) -> SegmentationHost:
    torch.manual_seed(1)
    return SegmentationHost(
        encoder, SegFormerHead(encoder.channels, width=16, classes=3, upsampler="dysample")
    ).eval()


def depth() -> nn.Module:
    encoder = Encoder("mobilenet_v2", finest=2)
    return DepthEstimator(
        encoder, DepthHead(encoder.channels, widths=(8, 8, 8, 8, 8), upsampler="nearest")
    ).eval()


def fpn() -> nn.Module:
    encoder = small_encoder()
    return PanopticFPN(
        encoder, PanopticFPNHead(encoder.channels, width=128, classes=3, upsampler="nearest")
    ).eval()


@torch.no_grad()
def test_eight_bits_are_the_same_picture(host: SegmentationHost) -> None:
    expected = host(LEVELS / 255)
    torch.testing.assert_close(host(LEVELS.byte()), expected, rtol=0, atol=1e-6)
    assert not torch.equal(expected, host(LEVELS / 254))  # the test would notice another scale


@pytest.mark.parametrize("make", [depth, fpn])
def test_every_kind_of_host_takes_the_same(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(2)
    host = make()
    with torch.no_grad():
        torch.testing.assert_close(host(LEVELS.byte()), host(LEVELS / 255), rtol=0, atol=1e-5)
        with pytest.raises(ValueError, match=r"RGB in \[0, 1\]"):
            host(LEVELS)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_floats_are_computed_in_the_networks_type(host: SegmentationHost, dtype: torch.dtype) -> None:
    given = (LEVELS / 255).to(dtype)
    assert host(given).dtype == torch.float32
    torch.testing.assert_close(host(given), host(given.float()), rtol=0, atol=0)


@torch.no_grad()
def test_a_network_in_a_half_type_takes_any_picture() -> None:
    encoder = small_encoder()
    head = SegFormerHead(encoder.channels, width=16, classes=3, upsampler="bilinear")
    half = SegmentationHost(encoder, head).eval().to(torch.bfloat16)
    for given in (LEVELS / 255, LEVELS.byte(), (LEVELS / 255).double(), (LEVELS / 255).bfloat16()):
        assert half(given).dtype == torch.bfloat16
        assert half(given).isfinite().all()


def with_value(value: float) -> Tensor:
    image = LEVELS / 255
    image[0, 1, 2, 3] = value
    return image


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (LEVELS, r"RGB in \[0, 1\], got values from 0 to 255: divide"),
        (
            (LEVELS / 255 - 0.45) / 0.22,
            r"RGB in \[0, 1\], got values from -2\.\d+ to 2\.\d+: .* normalisation",
        ),
        (with_value(float("nan")), r"RGB in \[0, 1\], got NaN"),
        (with_value(float("inf")), r"RGB in \[0, 1\], got values from 0 to inf"),
        (with_value(float("-inf")), r"RGB in \[0, 1\], got values from -inf"),
        (LEVELS.short(), r"RGB in \[0, 1\] or of 8 bits \(torch.uint8\), got torch.int16"),
        (LEVELS.int(), r"\[0, 1\] .* got torch.int32"),
        (LEVELS.long(), r"\[0, 1\] .* got torch.int64"),
        (LEVELS.div(2).to(torch.int8), r"\[0, 1\] .* got torch.int8"),
        (LEVELS.to(torch.uint16), r"\[0, 1\] .* got torch.uint16"),
        (LEVELS > 99, r"\[0, 1\] .* got torch.bool"),
        (LEVELS + 0j, r"\[0, 1\] .* got torch.complex64"),
        (LEVELS.numpy() / 255, r"a tensor, RGB in \[0, 1\], got ndarray"),
        (LEVELS[0] / 255, r"\(batch, channels, height, width\), got \(3, 40, 56\)"),
        (LEVELS.permute(0, 2, 3, 1) / 255, r"3 channels \(RGB\), got 40"),
        (LEVELS[:, :1] / 255, r"3 channels \(RGB\), got 1"),
        (LEVELS[..., :0], "at least one row"),
    ],
)
def test_other_pictures_are_refused(host: SegmentationHost, image: object, sentence: str) -> None:
    for call in (host, host.intermediates, host.encode):
        with pytest.raises(ValueError, match=sentence):
            call(image)


@torch.no_grad()
def test_a_little_beyond_the_range_is_taken_as_it_is(host: SegmentationHost) -> None:
    """Sharpened and enlarged pictures overshoot."""
    given = 1.4 * LEVELS / 255 - 0.2
    assert given.min() < -0.1
    assert picture(given, torch.zeros(1)) is given
    assert host(torch.zeros(0, 3, 32, 32)).shape == (0, 3, 32, 32)


class Small(nn.Module):
    """What every host begins with, and a convolution: quick to export."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(picture(image, self.conv.weight))


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_values_are_not_asked_for_where_there_are_none() -> None:
    torch.manual_seed(3)
    host, x = Small().requires_grad_(False), LEVELS / 255
    expected = host(x)
    for given in (x, LEVELS.byte()):
        exported = torch.export.export(host, (given,))
        torch.testing.assert_close(exported.module()(given), expected)
        assert not [node for node in exported.graph.nodes if "aminmax" in str(node.target)]
    torch.testing.assert_close(torch.compile(host, backend="eager", fullgraph=True)(x), expected)
    torch.testing.assert_close(torch.jit.trace(host, x)(x), expected)
    torch.testing.assert_close(make_fx(host)(x)(x), expected)
    torch.testing.assert_close(torch.func.functionalize(host)(x), expected)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert isinstance(host(x), FakeTensor)
    assert torch.func.grad(lambda image: host(image).sum())(x).isfinite().all()
    batch = torch.cat([x, 9 * x])
    torch.testing.assert_close(torch.func.vmap(lambda image: host(image[None])[0])(batch)[:1], expected)
    assert picture(x.to("meta"), x).is_meta
