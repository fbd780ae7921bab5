"""`encoder_weights`: the weights are SMP's, with their normalisation."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from segmentation_models_pytorch import encoders

from dysample.models.encoder import Encoder

SETTINGS = {"mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3], "input_space": "RGB", "input_range": [0, 1]}


def _serve(folder: Path, monkeypatch: pytest.MonkeyPatch, **changed: object) -> dict[str, torch.Tensor]:
    """Make SMP load weights made here instead of the Hub's."""
    torch.manual_seed(3)
    weights = encoders.get_encoder("mobilenet_v2", weights=None).state_dict()
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(SETTINGS | changed), encoding="utf-8")
    monkeypatch.setattr(encoders, "hf_hub_download", lambda _repo, filename, **_: str(folder / filename))
    return weights


def test_weights_and_their_normalisation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = _serve(tmp_path, monkeypatch)
    torch.manual_seed(4)
    encoder = Encoder("mobilenet_v2", encoder_weights="imagenet")
    assert all(torch.equal(value, weights[key]) for key, value in encoder.backbone.state_dict().items())
    assert encoder.mean.flatten().tolist() == pytest.approx(SETTINGS["mean"])
    assert encoder.deviation.flatten().tolist() == pytest.approx(SETTINGS["std"])
    assert not torch.equal(Encoder("mobilenet_v2").backbone.state_dict()["features.0.0.weight"],
                           weights["features.0.0.weight"])  # fmt: skip


def test_a_normalisation_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _serve(tmp_path, monkeypatch)
    encoder = Encoder("mobilenet_v2", encoder_weights="imagenet", mean=(0.5, 0.5, 0.5))
    assert encoder.mean.flatten().tolist() == [0.5] * 3
    assert encoder.deviation.flatten().tolist() == pytest.approx(SETTINGS["std"])


def test_weights_for_other_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _serve(tmp_path, monkeypatch, input_space="BGR")
    with pytest.raises(ValueError, match=r"weights for RGB in .* are needed"):
        Encoder("mobilenet_v2", encoder_weights="imagenet")


def test_weights_that_smp_does_not_know() -> None:
    with pytest.raises(ValueError, match=r"no encoder called 'mit_b0' with weights 'moon': .*imagenet"):
        Encoder("mit_b0", encoder_weights="moon")
