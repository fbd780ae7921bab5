"""Networks of segmentation_models_pytorch (SMP): its SegFormers as hosts, and others by name.

SMP's SegFormer is the published one: every level is enlarged at once (x8, x4, x2), not step by step as in
the paper's comparison, and SMP enlarges the logits with aligned corners.
"""

import inspect
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from dysample.extras import needed_for, require
from dysample.models.encoder import Encoder
from dysample.models.host import SegmentationHost
from dysample.models.hub import fetch
from dysample.models.segformer_head import SegFormerHead
from dysample.ops.registry import canonical_name

# Settings that the host requires; a checkpoint with others is a different network.
_FIXED = {"encoder_depth": 5, "in_channels": 3, "upsampling": 4, "activation": None, "aux_params": None}
# Prefixes of weights: SMP's, and the host's.
_NAMES = {
    "encoder.": "encoder.backbone.",
    **{f"decoder.mlp_stage.{k}.linear.": f"head.project.c{4 - k}." for k in range(4)},
    "decoder.fuse_stage.": "head.fuse.",
    "segmentation_head.0.": "head.predict.",
}
SCHEME = "smp"
CLASSES = 21
_CONVOLUTIONAL = ("resnet18", "resnet34", "mobilenet_v2", "efficientnet-b0")


def load_smp_segformer(source: str | Path, *, upsampler: str = "bilinear") -> SegmentationHost:
    """Load a SegFormer that segmentation_models_pytorch saved, in eval mode.

    With bilinear upsampling, each level is enlarged at once, and the output equals that of
    ``smp.from_pretrained(source)`` for the normalised picture (the host normalises), up to float rounding.
    With any other upsampler the head has the paper's six x2 ones; these are new and need training, while
    all other weights are the checkpoint's. DySample starts as repeated x2 bilinear interpolation, which is
    close to one-shot bilinear but not the same.

    Args:
        source: A folder that `save_pretrained` wrote, or a repository of the Hugging Face Hub, such as
            ``"smp-hub/segformer-b0-512x512-ade-160k"``.
        upsampler: A name of `OPERATORS`.

    Returns:
        A host: RGB in [0, 1] of any size from 32 pixels in; logits of that size out.

    Raises:
        ValueError: The checkpoint is damaged or of another network, or the upsampler cannot have its
            width.
        WeightsError: The files are missing and cannot be fetched.
        MissingExtraError: segmentation_models_pytorch is not installed.
    """
    require("segmentation_models_pytorch", "load_smp_segformer")
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
        reason = " ".join(str(error).split())[:300]
        name = config["encoder_name"]
        raise ValueError(f"{source} does not fit four maps of the encoder {name}: {reason}") from error
    return host.eval()


def _config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        model = config.get("_model_class")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is no configuration: {error}") from error
    if model != "Segformer":
        raise ValueError(f"{path} must describe a Segformer of segmentation_models_pytorch, got {model}")
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
    """Return SMP's weights under the host's names, with linear projections turned into 1x1 convolutions."""
    renamed = dict[str, Tensor]()
    for key, value in weights.items():
        theirs = next((prefix for prefix in _NAMES if key.startswith(prefix)), "")
        linear = theirs.endswith(".linear.") and value.ndim == 2
        name = _NAMES.get(theirs, "") + key.removeprefix(theirs)
        renamed[name] = value[:, :, None, None] if linear else value
    return renamed


# --- Networks by name ---


@dataclass(frozen=True, slots=True)
class Family:
    """One decoder of SMP.

    Attributes:
        label: Display name.
        encoders: Small and common encoders that fit, the usual one first.
        options: Further arguments of its constructor.
        side: Side of pictures to try it with, in pixels.
    """

    label: str
    encoders: tuple[str, ...] = (*_CONVOLUTIONAL, "mit_b0")
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    side: int = 256


FAMILIES: Mapping[str, Family] = {
    "Unet": Family("U-Net"),
    "UnetPlusPlus": Family("U-Net++", _CONVOLUTIONAL),
    "FPN": Family("FPN"),
    "PAN": Family("PAN"),
    "MAnet": Family("MA-Net"),
    "UPerNet": Family("UPerNet"),
    "Segformer": Family("SegFormer", ("mit_b0", *_CONVOLUTIONAL)),
    "DPT": Family("DPT", ("tu-vit_tiny_patch16_224",), {"dynamic_img_size": True}, 224),
    "DeepLabV3Plus": Family("DeepLabV3+"),
    "Linknet": Family("LinkNet", _CONVOLUTIONAL),
}


def smp_name(family: str, encoder: str) -> str:
    """Return the name of a network, such as ``"smp:Unet:resnet18"``."""
    return f"{SCHEME}:{family}:{encoder}"


def is_smp_name(name: str) -> bool:
    """Return whether a name is one of `smp_name`."""
    return name.startswith(f"{SCHEME}:")


def smp_model(name: str) -> nn.Module:
    """Make a network with random weights for `CLASSES` classes.

    Args:
        name: ``"smp:FAMILY:ENCODER"``: a class and an encoder of segmentation_models_pytorch, listed in
            `FAMILIES` or not.

    Raises:
        ValueError: There is no such class or encoder, or they do not fit.
        MissingExtraError: segmentation_models_pytorch is not installed.
    """
    # Imported here: SMP takes seconds to load.
    with needed_for(name):
        import segmentation_models_pytorch as smp

    family, _, encoder = name.removeprefix(f"{SCHEME}:").partition(":")
    factory: Any = getattr(smp, family, None)
    if not (inspect.isclass(factory) and issubclass(factory, nn.Module) and encoder):
        raise ValueError(f"a network is named as in smp:Unet:resnet18, with a class of SMP, got {name!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the encoders' packages, about their own imports
            return factory(encoder, **smp_options(family))
    except (ValueError, KeyError, NotImplementedError) as error:
        reason = str(error.args[0]) if error.args else type(error).__name__
        raise ValueError(f"{family} cannot have the encoder {encoder!r}: {reason.splitlines()[0]}") from error


def smp_options(family: str) -> dict[str, object]:
    """Return the arguments of a network's constructor besides its encoder."""
    known = FAMILIES.get(family, Family(family))
    return {"encoder_weights": None, "classes": CLASSES, **known.options}
