"""Hosts: networks of an encoder and a head that take pictures of any size."""

from typing import Any, Generic, TypeVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import check_map
from dysample.models.depth_head import DepthHead
from dysample.models.encoder import STRIDES, Encoder
from dysample.models.heads import DenseHead, Head
from dysample.models.panoptic_fpn import PanopticFPNHead
from dysample.models.segformer_head import SegFormerHead
from dysample.types import Prediction

_Dense = TypeVar("_Dense", bound=DenseHead)
_Head = TypeVar("_Head", bound=Head)


class Host(nn.Module, Generic[_Head]):
    """Encoder and head that take RGB pictures of any size."""

    def __init__(self, encoder: Encoder, head: _Head) -> None:
        """Join an encoder and a head made for its channels."""
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, image: Float[Tensor, "b 3 H W"]) -> Any:
        """Predict for pictures at their own size.

        Args:
            image: RGB in [0, 1].

        Raises:
            ValueError: The picture is not (batch, 3, height, width).
        """
        return self.intermediates(image).output

    def intermediates(self, image: Float[Tensor, "b 3 H W"]) -> Prediction[Any]:
        """Return the prediction with every upsampling step inside the head.

        The maps in the steps belong to the padded picture; see `encode`.
        """
        return self.head.decode(self.encode(image), *image.shape[2:])

    def encode(self, image: Float[Tensor, "b 3 H W"]) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
        """Compute the encoder's maps of padded pictures.

        Raises:
            ValueError: The picture is not (batch, 3, height, width).
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

    def forward(self, image: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b k H W"]:
        """Predict at the picture's own size.

        Args:
            image: RGB in [0, 1].

        Raises:
            ValueError: The picture is not (batch, 3, height, width).
        """
        return self.intermediates(image).output

    def intermediates(self, image: Float[Tensor, "b 3 H W"]) -> Prediction[Tensor]:
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


def check_picture(image: Tensor) -> None:
    """Check the shape of a batch of pictures.

    Raises:
        ValueError: It is not (batch, 3, height, width).
    """
    check_map(image)
    if image.shape[1] != 3:
        raise ValueError(f"image must have 3 channels (RGB), got {image.shape[1]}")


def encode(encoder: Encoder, image: Float[Tensor, "b 3 H W"]) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
    """Compute an encoder's maps, so that several heads can share them.

    The picture is padded to sides that are multiples of 32 by repeating the last row and column.

    Raises:
        ValueError: The picture is not (batch, 3, height, width).
    """
    check_picture(image)
    padding = (0, -image.shape[3] % STRIDES[-1], 0, -image.shape[2] % STRIDES[-1])
    return encoder(F.pad(image, padding, mode="replicate"))
