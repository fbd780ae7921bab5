"""MaskFormer: integers of Table 5, and the outputs of transformers' own network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import MaskFormerConfig, MaskFormerForInstanceSegmentation

from dysample.models.encoder import IMAGENET
from dysample.models.hub import WeightsError
from dysample.models.mask_former import MaskFormer, SinePositions, load_maskformer, maskformer
from dysample.ops.registry import OPERATORS, build
from tests.models.hosts import disturbed, picture

pytestmark = pytest.mark.slow
NAMES = ["p4", "p3", "p2"]


@pytest.fixture(scope="module")
def network() -> MaskFormerForInstanceSegmentation:
    """The network of transformers in a small size; nothing is one or zero, as it is in a fresh network."""
    torch.manual_seed(0)
    swin = dict(embed_dim=16, depths=[1] * 4, num_heads=[1, 1, 2, 2], window_size=4, image_size=64)
    detr = dict(
        d_model=32,
        decoder_layers=2,
        num_queries=7,
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        encoder_attention_heads=2,
    )
    factory: Any = MaskFormerConfig
    config = factory(
        backbone_config={"model_type": "swin", "out_features": [f"stage{k}" for k in (1, 2, 3, 4)], **swin},
        decoder_config={"model_type": "detr", **detr},
        fpn_feature_size=64,
        mask_feature_size=32,
        num_labels=5,
    )
    network = MaskFormerForInstanceSegmentation(config).eval()
    for parameter in network.parameters():
        parameter.data += torch.randn_like(parameter) * 0.1
    return network


@pytest.fixture(scope="module")
def checkpoint(network: MaskFormerForInstanceSegmentation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maskformer")
    network.save_pretrained(folder)
    return folder


def normalised(image: Tensor) -> Tensor:
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    return (image - mean) / deviation


@pytest.mark.parametrize("shape", [(2, 32, 3, 5), (1, 32, 1, 1)])
def test_positions_are_those_of_transformers(
    network: MaskFormerForInstanceSegmentation, shape: tuple[int, ...]
):
    theirs: Any = network.model.transformer_module.position_embedder
    arguments = (torch.Size(shape), torch.device("cpu"), torch.float32)
    found = SinePositions(theirs.num_position_features)(*arguments)
    torch.testing.assert_close(found, theirs(*arguments).expand(shape))


def test_fake_tensors_leave_nothing_behind(network: MaskFormerForInstanceSegmentation):
    host = MaskFormer(network).eval()
    with torch.no_grad():
        with FakeTensorMode(allow_non_fake_inputs=True):
            host(picture(64, 64))
        first = host(picture(64, 64))
        wanted = MaskFormer(network).eval()(picture(64, 64))
    assert type(first) is Tensor
    assert torch.equal(first, wanted)


# --- Table 5 ---


@pytest.mark.parametrize(("backbone", "total"), [("swin-base", 101_831_439), ("swin-large", 211_578_699)])
def test_totals(backbone: str, total: int):
    """The network's authors print 102 M and 212 M."""
    with torch.device("meta"):
        host = maskformer(backbone)
    assert sum(parameter.numel() for parameter in host.parameters()) == total
    assert host.head.classify.out_features == 151


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
def test_increments(upsampler: str, everything: int, weights: int):
    """Three stages of 256 channels, as in Panoptic FPN: DySample-S+ has 3 % of CARAFE's parameters."""
    with torch.device("meta"):
        upsamplers = maskformer("swin-tiny", upsampler=upsampler).head.upsamplers
    assert list(upsamplers) == NAMES
    assert sum(p.numel() for p in upsamplers.parameters()) == everything
    assert sum(p.numel() for p in upsamplers.parameters() if p.ndim > 1) == weights


def test_upsamplers_keep_their_own_initial_values():
    torch.manual_seed(0)
    for module in maskformer("swin-tiny", upsampler="dysample+").head.upsamplers.values():
        assert 0.5e-3 < module.offset.weight.std() < 1.5e-3
        assert not module.offset.bias.any()
        assert not module.scope.weight.any()


# --- The network of transformers ---


@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
def test_nearest_gives_the_output_of_transformers(
    network: MaskFormerForInstanceSegmentation, size: tuple[int, int]
):
    image = picture(*size, batch=2)
    host = MaskFormer(network)
    with torch.no_grad():
        expected = network(normalised(image))
        found = host.head(host.encode(image))
    assert torch.equal(found.classes, expected.class_queries_logits)
    assert torch.equal(found.masks, expected.masks_queries_logits)
    assert found.masks.shape == (2, 7, size[0] // 4, size[1] // 4)


def test_pictures_of_eight_bits_are_scaled(network: MaskFormerForInstanceSegmentation):
    levels, host = (picture(45, 70) * 255).round(), MaskFormer(network)
    with torch.no_grad():
        torch.testing.assert_close(host(levels.byte()), host(levels / 255))
    (small,), (large,) = host.labels(levels.byte(), size=(64, 96)), host.labels(levels / 255, size=(64, 96))
    np.testing.assert_array_equal(small.classes, large.classes)
    with pytest.raises(ValueError, match=r"RGB in \[0, 1\], got values from 0 to 255"):
        host(levels)


def test_pictures_are_padded_with_the_mean_colour(network: MaskFormerForInstanceSegmentation):
    image = picture(45, 70)
    host = MaskFormer(network)
    with torch.no_grad():
        expected = network(F.pad(normalised(image), (0, 26, 0, 19)))
        found = host.head(host.encode(image))
    assert torch.equal(found.masks, expected.masks_queries_logits)
    assert host(image).shape == (1, 5, 45, 70)


def test_scores_by_hand(network: MaskFormerForInstanceSegmentation):
    """Every query votes for its classes where its segment is."""
    image = picture(40, 64)
    host = MaskFormer(network)
    with torch.no_grad():
        queries = host.head(host.encode(image))
        found = host(image)[0]
        labels = host.labels(image)[0].classes
    large = F.interpolate(queries.masks, size=(64, 64), mode="bilinear")[0]
    for row, column in ((0, 0), (17, 40), (39, 63)):
        for label in range(5):
            votes = [
                torch.exp(logits[label]) / torch.exp(logits).sum() / (1 + torch.exp(-large[q, row, column]))
                for q, logits in enumerate(queries.classes[0])
            ]
            assert found[label, row, column] == pytest.approx(float(sum(votes)), abs=1e-5)
        assert labels[row, column] == found[:, row, column].argmax()
    assert labels.shape == (40, 64)
    assert host.labels(image, size=(96, 128))[0].classes.shape == (40, 64)


@pytest.mark.parametrize("upsampler", OPERATORS)
def test_steps(network: MaskFormerForInstanceSegmentation, upsampler: str):
    """The guide is the lateral map before the addition, the input what was smoothed one level above."""
    host = MaskFormer(network, upsampler=upsampler).eval()
    disturbed(host.head)
    fpn: Any = network.model.pixel_level_module.decoder.fpn
    with torch.no_grad():
        maps = host.encode(picture(64, 96, batch=2))
        prediction = host.head.decode(maps, 64, 96)
        x = fpn.stem(maps[3])
        for step, layer, source in zip(prediction.steps, fpn.layers, maps[2::-1], strict=True):
            torch.testing.assert_close(step.input, x)
            torch.testing.assert_close(step.guide, layer.proj(source))
            operator = host.operator(step.name)
            assert torch.equal(operator(*OPERATORS[upsampler].inputs(step.input, step.guide)), step.output)
            x = layer.block(step.guide + step.output)
    assert [step.name for step in prediction.steps] == NAMES
    with pytest.raises(ValueError, match="no step is called 'p5'; there are p4, p3, p2"):
        host.operator("p5")


def test_trains(network: MaskFormerForInstanceSegmentation):
    host = MaskFormer(network, upsampler="dysample+").train()
    disturbed(host.head)
    host(picture(64, 64)).square().mean().backward()
    for key, parameter in host.head.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
    host.zero_grad()


# --- Checkpoints ---


@pytest.mark.parametrize("upsampler", ["nearest", "dysample+", "fade"])
def test_a_folder(network: MaskFormerForInstanceSegmentation, checkpoint: Path, upsampler: str):
    """All but the upsamplers is the checkpoint's."""
    image = picture(64, 96)
    host = load_maskformer(checkpoint, upsampler=upsampler)
    assert not any(module.training for module in host.modules())
    expected = MaskFormer(network, upsampler=upsampler).eval()
    expected.head.upsamplers.load_state_dict(host.head.upsamplers.state_dict())
    with torch.no_grad():
        assert torch.equal(host(image), expected(image))
    assert type(host.operator("p4")) is type(build(upsampler, 64))


def test_the_names_of_the_published_weights(checkpoint: Path):
    """Files hold the names that the published ones have, not those inside the current network."""
    names = load_file(checkpoint / "model.safetensors").keys()
    published = "model.transformer_module.decoder.layers.1."
    assert {f"{published}self_attn.out_proj.weight", f"{published}fc1.weight"} <= names
    assert "model.pixel_level_module.decoder.fpn.layers.2.proj.0.weight" in names


def test_damaged_checkpoints(checkpoint: Path, tmp_path: Path):
    weights = load_file(checkpoint / "model.safetensors")
    config = (checkpoint / "config.json").read_text()
    (tmp_path / "config.json").write_text(config)
    lacking = {key: value for key, value in weights.items() if key != "class_predictor.bias"}
    save_file(lacking, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ValueError, match=r"lacks 1 weights of its configuration, such as class_predictor.bias"
    ):
        load_maskformer(tmp_path)
    wide = weights | {"class_predictor.bias": torch.zeros(9)}
    save_file(wide, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks 1 weights of its configuration"):
        load_maskformer(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "segformer"}))
    with pytest.raises(ValueError, match="must describe a MaskFormer of transformers, got segformer"):
        load_maskformer(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="is no configuration"):
        load_maskformer(tmp_path)
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="are damaged"):
        load_maskformer(tmp_path)


def test_one_sentence_without_a_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    said = "could not be fetched from the Hugging Face Hub and are not in its cache on this machine"
    with pytest.raises(WeightsError, match=said):
        load_maskformer("facebook/maskformer-swin-base-ade")
    with pytest.raises(WeightsError, match=r"the folder .* has no config.json"):
        load_maskformer(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "maskformer"}))
    with pytest.raises(WeightsError, match=said):
        load_maskformer(tmp_path)


def test_what_is_refused(network: MaskFormerForInstanceSegmentation):
    with pytest.raises(ValueError, match=r"backbone must be one of swin-tiny, .*, got 'resnet50'"):
        maskformer("resnet50")
    with pytest.raises(ValueError, match="no upsampler is called 'wavelet'"):
        maskformer("swin-tiny", upsampler="wavelet")
    with pytest.raises(ValueError, match="no upsampler is called 'wavelet'"):
        load_maskformer("nowhere", upsampler="wavelet")
    assert isinstance(MaskFormer(network).operator("p2"), nn.Module)
