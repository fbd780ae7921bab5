"""Networks of segmentation_models_pytorch by name, with random weights: nothing is downloaded."""

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

SCHEME = "smp"
CLASSES = 21
_CONVOLUTIONAL = ("resnet18", "resnet34", "mobilenet_v2", "efficientnet-b0")


@dataclass(frozen=True, slots=True)
class Family:
    """One decoder of the library.

    Attributes:
        label: Name for people.
        encoders: Small and common encoders that it takes, the usual one first.
        options: What else it is made with.
        side: Of pictures to try it with, in pixels.
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
    """The name of a network, such as ``"smp:Unet:resnet18"``."""
    return f"{SCHEME}:{family}:{encoder}"


def is_smp_name(name: str) -> bool:
    """Whether a name is of this kind."""
    return name.startswith(f"{SCHEME}:")


def smp_model(name: str) -> nn.Module:
    """Make a network with random weights for `CLASSES` classes.

    Args:
        name: ``"smp:FAMILY:ENCODER"``: a class and an encoder of segmentation_models_pytorch, whether
            `FAMILIES` has them or not.

    Raises:
        ValueError: There is no such class or encoder, or the one does not take the other.
    """
    # Imported here: SMP takes seconds to load, and whoever names no network of it need not wait.
    import segmentation_models_pytorch as smp

    family, _, encoder = name.removeprefix(f"{SCHEME}:").partition(":")
    made: Any = getattr(smp, family, None)
    if not (inspect.isclass(made) and issubclass(made, nn.Module) and encoder):
        raise ValueError(f"a network is named as in smp:Unet:resnet18, with a class of SMP, got {name!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the encoders' packages, about their own imports
            return made(encoder, **smp_options(family))
    except (ValueError, KeyError, NotImplementedError) as error:
        said = str(error.args[0]) if error.args else type(error).__name__
        raise ValueError(f"{family} cannot have the encoder {encoder!r}: {said.splitlines()[0]}") from error


def smp_options(family: str) -> dict[str, object]:
    """What a network is made with besides its encoder."""
    known = FAMILIES.get(family, Family(family))
    return {"encoder_weights": None, "classes": CLASSES, **known.options}
