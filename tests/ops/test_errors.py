"""Error messages of operators and hosts. (Unhooked, since the shape hook would often raise first.)"""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from dysample.geometry import initial_positions, sample
from dysample.models.encoder import Encoder
from dysample.models.host import SegmentationHost
from dysample.models.segformer_head import SegFormerHead
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS, build, operator_spec

pytestmark = pytest.mark.unhooked
every = pytest.mark.parametrize("name", OPERATORS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 6}, r"channels must be a positive multiple of groups=4, got 6"),
        ({"channels": 0}, r"channels must be .* got 0"),
        ({"channels": -8}, r"channels must be .* got -8"),
        ({"channels": 8.0}, r"channels must be .* got 8\.0"),
        ({"groups": 3}, r"channels must be a positive multiple of groups=3, got 16"),
        ({"groups": 0}, r"groups must be an integer of at least 1, got 0"),
        ({"groups": -4}, r"groups must be an integer of at least 1, got -4"),
        ({"groups": 4.0}, r"groups must be an integer of at least 1, got 4\.0"),
        ({"groups": True}, r"groups must be an integer of at least 1, got True"),
        ({"style": "pl", "scale": 3}, r"channels must be a multiple of scale squared \(9\) .*'pl', got 16"),
        ({"style": "pl", "channels": 18, "groups": 2}, r"multiple of scale squared \(4\) .* got 18"),
        ({"style": "LP"}, r"style must be 'lp' or 'pl', got 'LP'"),
        ({"style": None}, r"style must be 'lp' or 'pl', got None"),
        ({"initial": "bicubic"}, r"initial must be 'bilinear' or 'nearest', got 'bicubic'"),
        ({"scope": 0}, r"scope must be a positive number, got 0"),
        ({"scope": -0.25}, r"scope must be a positive number, got -0\.25"),
        ({"scope": float("nan")}, r"scope must be a positive number, got nan"),
        ({"scope": float("inf")}, r"scope must be a positive number, got inf"),
    ]
    + [
        ({"scale": scale}, r"scale must be an integer of at least 2")
        for scale in (1, 0, -2, 2.0, True, "2", None)
    ],
)
def test_dysample_options(options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        DySample(**({"channels": 16} | options))


@every
@pytest.mark.parametrize("scale", [0, -1, 2.0, True, "2"])
def test_scales(name: str, scale: Any):
    with pytest.raises(ValueError, match=rf"scale must be an integer of at least \d, got {scale!r}"):
        build(name, 32, scale=scale)


@every
@pytest.mark.parametrize("shape", [(32, 4, 4), (4, 4), (1, 1, 32, 4, 4), (1, 32, 0, 4), (1, 32, 4, 0)])
def test_maps(name: str, shape: tuple[int, ...]):
    op, spec = build(name, 32), operator_spec(name)
    x = torch.zeros(shape)
    rule = "at least one row and one column" if len(shape) == 4 else r"\(batch, channels, height, width\)"
    with pytest.raises(ValueError, match=rf"input must have .*{rule}"):
        op(*spec.inputs(x, torch.zeros(1, 32, 8, 8)))


@pytest.mark.parametrize("name", ["dysample", "dysample+", "dysample-s", "dysample-s+"])
@pytest.mark.parametrize("channels", [0, 16, 33, 64])
def test_channels_at_run_time(name: str, channels: int):
    op, x = build(name, 32), torch.zeros(1, channels, 4, 4)
    for call in (op, op.plan):
        with pytest.raises(ValueError, match=f"input must have channels=32, got {channels}"):
            call(x)


def test_unknown_operator():
    for look_up in (operator_spec, lambda name: build(name, 8), lambda name: head(upsampler=name)):
        with pytest.raises(
            ValueError, match=r"no upsampler is called 'DySample'; there are nearest, bilinear, "
        ):
            look_up("DySample")


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ((1, 3, 2, 4, 4), r"channels must be a multiple of groups=3, got 8"),
        ((1, 0, 2, 4, 4), r"channels must be a multiple of groups=0, got 8"),
        ((3, 1, 2, 4, 4), r"points must have a batch of 2, as the map, or 1; got 3"),
        ((2, 2, 4, 4), r"points must have shape \(batch, groups, 2, rows, columns\), got \(2, 2, 4, 4\)"),
        ((2, 2, 4, 4, 2), r"points must have shape \(batch, groups, 2, rows, columns\)"),
    ],
)
def test_points(points: tuple[int, ...], message: str):
    with pytest.raises(ValueError, match=message):
        sample(torch.zeros(2, 8, 3, 3), torch.zeros(points))


@pytest.mark.parametrize("shape", [(8, 3, 3), (2, 8, 0, 3)])
def test_sampled_maps(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="input must have"):
        sample(torch.zeros(shape), torch.zeros(1, 1, 2, 4, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0}, r"scale must be an integer of at least 1, got 0"),
        ({"scale": 2.0}, r"scale must be an integer of at least 1, got 2\.0"),
        ({"scale": 2, "initial": "Bilinear"}, r"initial must be 'bilinear' or 'nearest', got 'Bilinear'"),
    ],
)
def test_initial_positions(options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        initial_positions(2, 3, like=torch.zeros(()), **options)


def head(channels: tuple[int, ...] = (24, 32, 96, 1280), **options: Any) -> SegFormerHead:
    return SegFormerHead(channels, **({"width": 8, "classes": 2} | options))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: head((8, 8, 8)), r"channels must name the 4 maps of an encoder, got \(8, 8, 8\)"),
        (lambda: head(width=10, upsampler="dysample"), r"channels must be .* groups=4, got 10"),
        (lambda: head(width=12, upsampler="dysample-s+"), r"channels must be .* groups=8, got 12"),
        (lambda: Encoder("resnet19"), r"segmentation_models_pytorch has no encoder called 'resnet19'"),
        (lambda: Encoder("tu-resnet19"), r"segmentation_models_pytorch has no encoder called 'tu-resnet19'"),
        (lambda: Encoder("tu-levit_128"), r"'tu-levit_128' does not give maps at strides \(4, 8, 16, 32\)"),
        (
            lambda: Encoder("tu-swin_tiny_patch4_window7_224"),
            r"does not give maps .* doesn't match model \(224\)",
        ),
    ],
)
def test_parts_of_a_host(make: Callable[[], object], message: str):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 4, 32, 32), r"image must have 3 channels \(RGB\), got 4"),
        ((1, 1, 32, 32), r"image must have 3 channels \(RGB\), got 1"),
        ((3, 32, 32), r"input must have shape \(batch, channels, height, width\), got \(3, 32, 32\)"),
        ((1, 3, 0, 32), r"input must have at least one row and one column, got \(1, 3, 0, 32\)"),
    ],
)
def test_pictures(shape: tuple[int, ...], message: str):
    host = SegmentationHost(Encoder("mobilenet_v2"), head()).eval()
    for call in (host, host.intermediates):
        with pytest.raises(ValueError, match=message):
            call(torch.zeros(shape))


def test_unknown_step():
    host = SegmentationHost(Encoder("mobilenet_v2"), head())
    with pytest.raises(
        ValueError, match=r"no step is called 'c1_0'; there are c4_0, c4_1, c4_2, c3_0, c3_1, c2_0"
    ):
        host.operator("c1_0")
