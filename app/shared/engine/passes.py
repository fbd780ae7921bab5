"""How encoders and heads run fastest on the device."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from app.shared.engine import devices
from dysample.models import host
from dysample.models.encoder import Encoder
from dysample.models.heads import Head
from dysample.types import Prediction, Step


def to_device(image: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "1 3 h w"]:
    """Return a picture on the device, RGB in [0, 1], channels last in memory, which is faster."""
    pixels = torch.from_numpy(image.copy()).to(devices.device())
    return pixels.permute(2, 0, 1)[None].float() / 255


def encode(encoder: Encoder, image: Float[Tensor, "1 3 h w"]) -> tuple[Tensor, ...]:
    """Compute the encoder's maps of a picture, contiguous, since samplers are fastest so."""
    return tuple(x.contiguous() for x in host.encode(encoder, image))


def decode(head: Head, maps: tuple[Tensor, ...], shape: tuple[int, ...]) -> Prediction[Any]:
    """Compute a head's output for a picture of some rows and columns, with all upsampling steps."""
    return head.decode(maps, *shape[:2])


def steps(head: Head, maps: tuple[Tensor, ...]) -> tuple[Step, ...]:
    """Compute a head's upsampling steps alone."""
    return head.steps(maps)
