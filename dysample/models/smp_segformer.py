"""SegFormers of segmentation_models_pytorch, such as those that it publishes for ADE20K, in our host.

SMP's network is the published one: every level is enlarged at once (x8, x4, x2), not step by step as
in the paper's comparison, and SMP enlarges the logits with aligned corners.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dysample.models.encoder import Encoder
from dysample.models.host import SegmentationHost
from dysample.models.hub import fetch
from dysample.models.segformer_head import SegFormerHead
from dysample.ops.registry import canonical_name

# What the host is made for; a checkpoint that says otherwise is another network.
_FIXED = {"encoder_depth": 5, "in_channels": 3, "upsampling": 4, "activation": None, "aux_params": None}
# SMP's names of the weights, and the host's.
_NAMES = {
    "encoder.": "encoder.backbone.",
    **{f"decoder.mlp_stage.{k}.linear.": f"head.project.c{4 - k}." for k in range(4)},
    "decoder.fuse_stage.": "head.fuse.",
    "segmentation_head.0.": "head.predict.",
}


def load_smp_segformer(source: str | Path, *, upsampler: str = "bilinear") -> SegmentationHost:
    """A SegFormer that segmentation_models_pytorch saved, in eval mode.

    With bilinear upsampling it gives what ``smp.from_pretrained(source)`` gives for the normalised
    picture (normalising is part of the host), to float rounding: each level is enlarged at once. With
    any other upsampler the head has the paper's six x2 ones; they are new and want training, while all
    other weights are the checkpoint's. DySample starts as repeated x2 bilinear interpolation, which is
    near one-shot bilinear, but not the same.

    Args:
        source: A folder that `save_pretrained` wrote, or a repository of the Hugging Face Hub, such as
            ``"smp-hub/segformer-b0-512x512-ade-160k"``.
        upsampler: A name of `OPERATORS`.

    Returns:
        A host: RGB in [0, 1] of any size from 32 pixels in; logits of that size out.

    Raises:
        ValueError: The checkpoint is of another network, is damaged, or the upsampler cannot have its
            width.
        WeightsError: The files are not there, and cannot be fetched.
    """
    upsampler = canonical_name(upsampler)
    config = _config(fetch(str(source), "config.json"))
    weights = _weights(fetch(str(source), "model.safetensors"))
    encoder = Encoder(config["encoder_name"])
    head = SegFormerHead(
        encoder.channels,
        width=config["decoder_segmentation_channels"],
        classes=config["classes"],
        upsampler=upsampler,
        one_shot=upsampler == "bilinear",
    )
    host = SegmentationHost(encoder, head, align_corners=True)
    fresh = {key: value for key, value in host.state_dict().items() if ".upsamplers." in key}
    try:
        host.load_state_dict(fresh | _renamed(weights))
    except RuntimeError as error:
        said = " ".join(str(error).split())[:300]
        name = config["encoder_name"]
        raise ValueError(f"{source} does not fit four maps of the encoder {name}: {said}") from error
    return host.eval()


def _config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = config.get("_model_class")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is no configuration: {error}") from error
    if found != "Segformer":
        raise ValueError(f"{path} must describe a Segformer of segmentation_models_pytorch, got {found}")
    for key, value in _FIXED.items():
        if config.get(key, value) != value:
            raise ValueError(f"{key} of {path} must be {value}, got {config[key]}")
    # SMP's own defaults, for a configuration that leaves them out.
    return {"encoder_name": "resnet34", "decoder_segmentation_channels": 256, "classes": 1} | config


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {error}") from error


def _renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """SMP's weights under the host's names: what it projects by linear layers is a 1x1 convolution here."""
    renamed = dict[str, Tensor]()
    for key, value in weights.items():
        theirs = next((prefix for prefix in _NAMES if key.startswith(prefix)), "")
        linear = theirs.endswith(".linear.") and value.ndim == 2
        name = _NAMES.get(theirs, "") + key.removeprefix(theirs)
        renamed[name] = value[:, :, None, None] if linear else value
    return renamed
