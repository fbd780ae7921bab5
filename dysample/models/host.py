"""Hosts: networks of an encoder and a head that take pictures of any size."""

from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import check_map
from dysample.models.depth_head import DepthHead
from dysample.models.encoder import STRIDES, Encoder
from dysample.models.panoptic_fpn import PanopticFPNHead
from dysample.models.segformer_head import SegFormerHead
from dysample.types import Prediction

# A head predicts at the size of the finest map that it reads, and keeps its operators in `upsamplers`.
Head = SegFormerHead | PanopticFPNHead | DepthHead
_Head = TypeVar("_Head", bound=Head)


class Host(nn.Module, Generic[_Head]):
    """Encoder and head that predict one or more values for every pixel of an RGB picture of any size."""

    def __init__(self, encoder: Encoder, head: _Head, *, align_corners: bool = False) -> None:
        """Join an encoder and a head made for its channels.

        Args:
            encoder: Computes the maps.
            head: Predicts at the size of the finest map.
            align_corners: Whether the last enlargement, to the picture's size, aligns corners, as in SMP's
                networks.
        """
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.align_corners = align_corners

    def forward(self, image: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b k H W"]:
        """Predict at the picture's own size.

        Args:
            image: RGB in [0, 1].

        Raises:
            ValueError: The picture is not (batch, 3, height, width).
        """
        return self.intermediates(image).output

    def intermediates(self, image: Float[Tensor, "b 3 H W"]) -> Prediction:
        """Return the prediction with every upsampling step inside the head.

        The maps in the steps belong to the padded picture; see `encode`.
        """
        maps = encode(self.encoder, image)
        height, width = image.shape[2:]
        return decode(self.head, maps, height, width, align_corners=self.align_corners)

    def operator(self, step: str) -> nn.Module:
        """Return the upsampler of a step by the step's name.

        Raises:
            ValueError: The host has no step of that name.
        """
        if step not in self.head.upsamplers:
            raise ValueError(f"no step is called {step!r}; there are {', '.join(self.head.upsamplers)}")
        return self.head.upsamplers[step]


class SegmentationHost(Host[SegFormerHead]):
    """Predicts class logits for every pixel of an RGB picture of any size."""


class PanopticFPN(Host[PanopticFPNHead]):
    """`SegmentationHost` with a feature pyramid between encoder and prediction."""


class DepthEstimator(Host[DepthHead]):
    """Predicts depth in metres for every pixel of an RGB picture of any size, on maps from stride 2 on."""


def encode(encoder: Encoder, image: Float[Tensor, "b 3 H W"]) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
    """Compute an encoder's maps, so that several heads can share them.

    The picture is padded to sides that are multiples of 32 by repeating the last row and column.

    Raises:
        ValueError: The picture is not (batch, 3, height, width).
    """
    check_map(image)
    if image.shape[1] != 3:
        raise ValueError(f"image must have 3 channels (RGB), got {image.shape[1]}")
    padding = (0, -image.shape[3] % STRIDES[-1], 0, -image.shape[2] % STRIDES[-1])
    return encoder(F.pad(image, padding, mode="replicate"))


def decode(
    head: Head,
    maps: tuple[Float[Tensor, "b _c _h _w"], ...],
    height: int,
    width: int,
    *,
    align_corners: bool = False,
) -> Prediction:
    """Turn an encoder's maps into a prediction of `height` x `width` pixels, cropped at right and bottom."""
    prediction = head.intermediates(maps)
    # The last enlargement, by the stride of the finest map, belongs to the network, not to the comparison
    # (Sec. 4.1). Strides double from map to map up to the coarsest.
    stride = STRIDES[-1] // 2 ** (len(maps) - 1)
    # Channels last keeps the classes of a pixel together: this and a later argmax are faster.
    coarse = prediction.output.contiguous(memory_format=torch.channels_last)
    output = F.interpolate(coarse, scale_factor=float(stride), mode="bilinear", align_corners=align_corners)
    return Prediction(output=output[:, :, :height, :width], steps=prediction.steps)
