"""SegFormers saved by segmentation_models_pytorch give the same output in our host."""

import json
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from huggingface_hub import constants
from torch import Tensor, nn

from dysample.models.encoder import IMAGENET, Encoder
from dysample.models.hub import WeightsError
from dysample.models.segformer_head import SegFormerHead
from dysample.models.smp import load_smp_segformer
from tests.models.hosts import picture

HUB = "smp-hub/segformer-b0-512x512-ade-160k"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as the published ones are, with random weights, statistics and biases."""
    torch.manual_seed(0)
    model = smp.Segformer("mit_b0", encoder_weights=None, classes=150).eval()
    for name, tensor in model.state_dict().items():
        if name.startswith(("decoder", "segmentation_head")) and tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.2 + (0.5 if "running_var" in name else -0.1))
    folder = tmp_path_factory.mktemp("segformer")
    model.save_pretrained(folder)
    return folder


def smp_output(checkpoint: Path, image: Tensor) -> Tensor:
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    with torch.no_grad():
        return smp.from_pretrained(str(checkpoint)).eval()((image - mean) / deviation)


@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
def test_bilinear_gives_the_output_of_smp(checkpoint: Path, size: tuple[int, int]) -> None:
    host, image = load_smp_segformer(checkpoint), picture(*size, batch=2)
    expected = smp_output(checkpoint, image)
    assert expected.shape == (2, 150, *size)
    with torch.no_grad():
        torch.testing.assert_close(host(image), expected, atol=2e-5, rtol=1e-4)


def test_chains_of_two_are_another_network(checkpoint: Path) -> None:
    """Repeated x2 bilinear is not one-shot bilinear: the paper's chain is near SMP's output, not equal."""
    image = picture(64, 96)
    with torch.no_grad():
        expected = smp_output(checkpoint, image)
        chained = load_smp_segformer(checkpoint, upsampler="dysample+")
        for module in chained.head.upsamplers.values():
            nn.init.zeros_(module.offset.weight)
        found = chained(image)
    assert [step.name for step in chained.intermediates(image).steps][:3] == ["c4_0", "c4_1", "c4_2"]
    difference = (found - expected).abs().max() / expected.abs().max()
    assert 1e-3 < difference < 0.2


def test_any_size(checkpoint: Path) -> None:
    with torch.no_grad():
        assert load_smp_segformer(checkpoint)(picture(45, 70)).shape == (1, 150, 45, 70)


def test_one_shot_steps() -> None:
    """There is one step per level, by its whole scale; its guide has the size of the output."""
    head = SegFormerHead((8, 8, 8, 8), width=32, classes=2, upsampler="sapa", one_shot=True)
    maps = tuple(torch.rand(1, 8, 16 // 2**k, 24 // 2**k) for k in range(4))
    steps = head.intermediates(maps).steps
    assert [(step.name, tuple(step.input.shape[2:])) for step in steps] == [
        ("c4_0", (2, 3)),
        ("c3_0", (4, 6)),
        ("c2_0", (8, 12)),
    ]
    assert all(step.guide.shape[2:] == step.output.shape[2:] == (16, 24) for step in steps)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"_model_class": "Unet"}, "must describe a Segformer of segmentation_models_pytorch, got Unet"),
        ({"upsampling": 1}, "upsampling of .* must be 4, got 1"),
        ({"activation": "sigmoid"}, "activation of .* must be None, got sigmoid"),
        ({"encoder_name": "mit_b9"}, "no encoder called 'mit_b9'"),
        ({"classes": 7}, "does not fit four maps of the encoder mit_b0"),
    ],
)
def test_other_networks_are_refused(
    checkpoint: Path, tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | changed), encoding="utf-8")
    (tmp_path / "model.safetensors").symlink_to(checkpoint / "model.safetensors")
    with pytest.raises(ValueError, match=said):
        load_smp_segformer(tmp_path)


def test_damaged_files(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"has no config\.json"):
        load_smp_segformer(tmp_path)
    (tmp_path / "config.json").write_text("[", encoding="utf-8")
    (tmp_path / "model.safetensors").write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="is no configuration"):
        load_smp_segformer(tmp_path)
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    with pytest.raises(ValueError, match="is no safetensors file"):
        load_smp_segformer(tmp_path)


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("_offline")
def test_one_sentence_without_a_connection() -> None:
    said = "could not be fetched from the Hugging Face Hub and are not in its cache on this machine"
    for fetch in (
        lambda: load_smp_segformer(HUB),
        lambda: Encoder("mit_b0", encoder_weights="imagenet"),
        lambda: Encoder("tu-resnet18", encoder_weights="imagenet"),
    ):
        with pytest.raises(WeightsError, match=said) as raised:
            fetch()
        assert "\n" not in str(raised.value)
    with pytest.raises(WeightsError, match="neither a folder nor the name of a repository"):
        load_smp_segformer("/no/such/folder")
