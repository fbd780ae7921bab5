"""Bases of the heads that turn an encoder's maps into predictions."""

from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.models.encoder import STRIDES
from dysample.types import Prediction, Step


class Head(nn.Module, ABC):
    """Base of all heads.

    Attributes:
        upsamplers: The operators by the name of their step.
    """

    upsamplers: nn.ModuleDict

    @abstractmethod
    def decode(
        self, maps: tuple[Float[Tensor, "b _c _h _w"], ...], height: int, width: int
    ) -> Prediction[Any]:
        """Turn an encoder's maps into a prediction for a picture of `height` x `width` pixels.

        The maps may reach beyond the picture at the right and at the bottom, where it was padded.
        """

    def steps(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> tuple[Step, ...]:
        """Return the upsampling steps alone."""
        return self.decode(maps, *maps[0].shape[2:]).steps


class DenseHead(Head):
    """Base of heads that predict values for every pixel, at the size of the finest map that they read."""

    def forward(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Float[Tensor, "b k h w"]:
        """Predict at the size of the finest map.

        Args:
            maps: The encoder's maps, finest first, each half the size of the one before.
        """
        return self.intermediates(maps).output

    def steps(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> tuple[Step, ...]:
        """Return the upsampling steps alone."""
        return self.intermediates(maps).steps

    @abstractmethod
    def intermediates(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Prediction[Tensor]:
        """Return the prediction with every upsampling step on the way."""

    def decode(
        self,
        maps: tuple[Float[Tensor, "b _c _h _w"], ...],
        height: int,
        width: int,
        *,
        align_corners: bool = False,
    ) -> Prediction[Tensor]:
        """Predict the values of `height` x `width` pixels."""
        prediction = self.intermediates(maps)
        # The last enlargement, by the stride of the finest map, belongs to the network, not to the comparison
        # (Sec. 4.1). Strides double from map to map up to the coarsest.
        stride = STRIDES[-1] // 2 ** (len(maps) - 1)
        # Under autocast, a half type would make equal what an argmax has to tell apart.
        dtype = torch.promote_types(prediction.output.dtype, next(self.parameters()).dtype)
        # Channels last keeps the classes of a pixel together: this and a later argmax are faster.
        coarse = prediction.output.to(dtype).contiguous(memory_format=torch.channels_last)
        output = F.interpolate(
            coarse, scale_factor=float(stride), mode="bilinear", align_corners=align_corners
        )
        return Prediction(output=output[:, :, :height, :width], steps=prediction.steps)
