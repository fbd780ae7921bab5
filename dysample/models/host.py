"""Hosts: networks of an encoder and a head that take pictures of any size."""

from typing import Any, Generic, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from dysample.geometry import check_map
from dysample.models.depth_head import DepthHead
from dysample.models.encoder import STRIDES, Encoder
from dysample.models.heads import DenseHead, Head
from dysample.models.panoptic_fpn import PanopticFPNHead
from dysample.models.segformer_head import SegFormerHead
from dysample.tracing import is_traced
from dysample.types import Prediction

Pictures = Float[Tensor, "b 3 H W"] | UInt8[Tensor, "b 3 H W"]
_MOST_OUTSIDE = 0.5  # of [0, 1]: sharpening and enlarging overshoot by less, normalised pictures by more
_Dense = TypeVar("_Dense", bound=DenseHead)
_Head = TypeVar("_Head", bound=Head)


class Host(nn.Module, Generic[_Head]):
    """Encoder and head that take RGB pictures of any size."""

    def __init__(self, encoder: Encoder, head: _Head) -> None:
        """Join an encoder and a head made for its channels."""
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, image: Pictures) -> Any:
        """Predict for pictures at their own size.

        Args:
            image: RGB in [0, 1], or of 8 bits; see `picture`.

        Raises:
            ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
        """
        return self.intermediates(image).output

    def intermediates(self, image: Pictures) -> Prediction[Any]:
        """Return the prediction with every upsampling step inside the head.

        The maps in the steps belong to the padded picture; see `encode`.
        """
        return self.head.decode(self.encode(image), *image.shape[2:])

    def encode(self, image: Pictures) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
        """Compute the encoder's maps of padded pictures.

        Raises:
            ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
        """
        return encode(self.encoder, image)

    def operator(self, step: str) -> nn.Module:
        """Return the upsampler of a step by the step's name.

        Raises:
            ValueError: The host has no step of that name.
        """
        if step not in self.head.upsamplers:
            raise ValueError(f"no step is called {step!r}; there are {', '.join(self.head.upsamplers)}")
        return self.head.upsamplers[step]


# --- Values for every pixel ---


class DenseHost(Host[_Dense]):
    """Encoder and head that predict one or more values for every pixel of an RGB picture of any size."""

    def __init__(self, encoder: Encoder, head: _Dense, *, align_corners: bool = False) -> None:
        """Join an encoder and a head made for its channels.

        Args:
            encoder: Computes the maps.
            head: Predicts at the size of the finest map.
            align_corners: Whether the last enlargement, to the picture's size, aligns corners, as in SMP's
                networks.
        """
        super().__init__(encoder, head)
        self.align_corners = align_corners

    def forward(self, image: Pictures) -> Float[Tensor, "b k H W"]:
        """Predict at the picture's own size.

        Args:
            image: RGB in [0, 1], or of 8 bits; see `picture`.

        Raises:
            ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
        """
        return self.intermediates(image).output

    def intermediates(self, image: Pictures) -> Prediction[Tensor]:
        """Return the prediction with every upsampling step inside the head.

        The maps in the steps belong to the padded picture; see `encode`.
        """
        return self.head.decode(self.encode(image), *image.shape[2:], align_corners=self.align_corners)


class SegmentationHost(DenseHost[SegFormerHead]):
    """Predicts class logits for every pixel of an RGB picture of any size."""


class PanopticFPN(DenseHost[PanopticFPNHead]):
    """`SegmentationHost` with a feature pyramid between encoder and prediction."""


class DepthEstimator(DenseHost[DepthHead]):
    """Predicts depth in metres for every pixel of an RGB picture of any size, on maps from stride 2 on."""


# --- Maps that several heads can share ---


def picture(image: Pictures, like: Tensor) -> Float[Tensor, "b 3 H W"]:
    """Return a batch of pictures as networks compute with them: RGB in [0, 1], in the network's dtype.

    Eight bits are divided by 255. Floats become the network's, so that float64 is computed in float32, and
    float16 and bfloat16 in float32 too unless the network is in a half type itself. Floats may exceed [0, 1]
    a little, as enlarged and sharpened pictures do; that they do not exceed it by more is checked where
    operations run, not where they are compiled, exported or traced.

    Args:
        image: RGB in [0, 1], or integers of 8 bits.
        like: A tensor of the network, whose dtype to use.

    Raises:
        ValueError: The pictures are not (batch, 3, height, width), of another type, or not in [0, 1].
    """
    if not isinstance(image, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"image must be a tensor, RGB in [0, 1], got {type(image).__name__}")
    check_map(image)
    if image.shape[1] != 3:
        raise ValueError(f"image must have 3 channels (RGB), got {image.shape[1]}")
    if image.dtype == torch.uint8:
        return image.to(like.dtype) / 255
    if not image.is_floating_point():
        raise ValueError(
            f"image must be RGB in [0, 1] or of 8 bits (torch.uint8), got {image.dtype}: divide it by its "
            "largest possible value"
        )
    _check_range(image)
    return image if image.dtype == like.dtype else image.to(like.dtype)


def _check_range(image: Tensor) -> None:
    if not image.numel() or not _has_values(image):
        return
    low, high = (float(end) for end in image.detach().aminmax())
    if not (low >= -_MOST_OUTSIDE and high <= 1 + _MOST_OUTSIDE):
        ends = f"values from {low:.4g} to {high:.4g}"
        if low != low:  # aminmax returns NaN where there is one
            ends = "NaN among the values"
        raise ValueError(
            f"image must be RGB in [0, 1], got {ends}: divide pictures up to 255 by 255, and leave "
            "normalisation to the network"
        )


def _has_values(image: Tensor) -> bool:
    """Return whether the values can be read here and now."""
    if is_traced() or image.is_meta or (image.is_cuda and torch.cuda.is_current_stream_capturing()):
        return False
    # Subclasses, modes and the wrappers of torch.func may hold no values, or record what is done to them.
    plain = type(image) in (Tensor, nn.Parameter) and not is_functorch_wrapped_tensor(image)
    return plain and not is_in_torch_dispatch_mode()


def encode(encoder: Encoder, image: Pictures) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
    """Compute an encoder's maps, so that several heads can share them.

    The picture is padded to sides that are multiples of 32 by repeating the last row and column.

    Raises:
        ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
    """
    return encoder(padded(encoder, image))


def padded(encoder: Encoder, image: Pictures) -> Float[Tensor, "b 3 h w"]:
    """Return pictures as an encoder takes them: padded to sides that are multiples of 32.

    Raises:
        ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
    """
    pixels = picture(image, encoder.mean)
    padding = (0, -image.shape[3] % STRIDES[-1], 0, -image.shape[2] % STRIDES[-1])
    return F.pad(pixels, padding, mode="replicate")
