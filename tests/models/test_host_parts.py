"""Exact parameter counts of the paper's host, and the context of an encoder."""

from typing import cast

import pytest
import torch

from dysample.models.encoder import Encoder, ImageContext, keep_stride_16
from dysample.models.host import SegmentationHost
from dysample.models.segformer_head import SegFormerHead


@pytest.mark.parametrize(
    ("upsampler", "everything", "weights"),
    [
        ("nearest", 0, 0),
        ("bilinear", 0, 0),
        ("dysample", 49_344, 49_152),
        ("dysample+", 98_496, 98_304),
        ("dysample-s", 6_240, 6_144),
        ("dysample-s+", 12_384, 12_288),
    ],
)
def test_parameters_of_table_4(upsampler: str, everything: int, weights: int):
    """SegFormer-B1, 150 classes. The paper counts weights without biases: 49.2K, 0.1M, 6.1K, 12.3K."""
    with torch.device("meta"):
        head = SegFormerHead((64, 128, 320, 512), classes=150, upsampler=upsampler)
    assert sum(p.numel() for p in head.upsamplers.parameters()) == everything
    assert sum(p.numel() for p in head.upsamplers.parameters() if p.ndim > 1) == weights
    assert sum(p.numel() for p in head.parameters()) == 564_374 + everything


def test_parameters_of_the_host_of_table_4():
    """The paper prints 13.7 M."""
    encoder = Encoder("mit_b1")
    host = SegmentationHost(encoder, SegFormerHead(encoder.channels, classes=150))
    assert encoder.channels == (64, 128, 320, 512)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 13_151_424
    assert sum(parameter.numel() for parameter in host.parameters()) == 13_151_424 + 564_374


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_dilation_computes_the_same_at_every_second_position(name: str) -> None:
    """The à trous rule: a stride that became dilation leaves the old values at even positions."""
    torch.manual_seed(0)
    plain, dense = Encoder(name).eval().backbone, Encoder(name).eval().backbone
    dense.load_state_dict(plain.state_dict())
    keep_stride_16(name, dense)
    if name == "mobilenet_v2":
        plain.set_submodule("features.18", torch.nn.Identity())  # the layer for its classifier
    image = torch.rand(1, 3, 96, 160)
    with torch.no_grad():
        coarse, fine = plain(image)[-1], dense(image)[-1]
    assert fine.shape[2:] == (6, 10)
    torch.testing.assert_close(fine[:, :, ::2, ::2], coarse, atol=1e-4, rtol=1e-4)


def test_context_blends_in_the_whole_picture_and_halves_the_map() -> None:
    context = ImageContext(3, 4)
    x = torch.randn(2, 3, 4, 6)
    with torch.no_grad():
        found = context(x)
        expected = torch.zeros(2, 4, 2, 3)
        parts = {"local": context.local, "image": context.image, "join": context.join}
        w = {name: (part.weight[:, :, 0, 0], cast(torch.Tensor, part.bias)) for name, part in parts.items()}
        for b in range(2):
            mean = x[b].flatten(1).mean(1)
            image = torch.relu(w["image"][0] @ mean + w["image"][1])
            for row in range(4):
                for column in range(6):
                    local = torch.relu(w["local"][0] @ x[b, :, row, column] + w["local"][1])
                    joined = torch.relu(w["join"][0] @ torch.cat([image, local]) + w["join"][1])
                    expected[b, :, row // 2, column // 2] += joined / 4
    torch.testing.assert_close(found, expected)


def test_an_encoder_with_context_keeps_its_other_maps() -> None:
    encoder = Encoder("mobilenet_v2", context=16).eval()
    with torch.no_grad():
        maps = encoder(torch.rand(1, 3, 64, 96))
    assert encoder.channels == (24, 32, 96, 16)
    assert [tuple(x.shape[1:]) for x in maps] == [(24, 16, 24), (32, 8, 12), (96, 4, 6), (16, 2, 3)]


def test_a_backbone_that_does_not_tell_its_stages_is_refused() -> None:
    with pytest.raises(ValueError, match="'plain' cannot be dilated"):
        keep_stride_16("plain", torch.nn.Conv2d(3, 3, 3))


@pytest.mark.parametrize("context", [0, 8])
def test_a_fresh_encoder_has_seen_nothing(context: int) -> None:
    """The probe picture that finds the channels must not enter the running statistics."""
    encoder = Encoder("mobilenet_v2", context=context)
    norms = [module for module in encoder.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert encoder.training
    assert norms
    assert all(int(cast(torch.Tensor, norm.num_batches_tracked)) == 0 for norm in norms)
