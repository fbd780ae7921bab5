"""Bases of the heads that turn an encoder's maps into predictions."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
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
        coarse = self._comparable(prediction.output)
        output = _enlarged(coarse, _finest_stride(maps), align_corners=align_corners)
        return Prediction(output=output[:, :, :height, :width], steps=prediction.steps)

    def strips(
        self, maps: tuple[Float[Tensor, "b _c _h _w"], ...], height: int, width: int, *, rows: int
    ) -> Iterator[tuple[slice, Float[Tensor, "b k _rows {width}"]]]:
        """Predict the same values as `decode`, a few rows at a time: the values of large pictures are large.

        Args:
            maps: The encoder's maps.
            height: Rows of the picture.
            width: Columns of the picture.
            rows: Most rows that are predicted at a time, but no fewer than the stride of the finest map.

        Returns:
            Pairs of rows of the picture and their values.
        """
        coarse, stride = self._comparable(self.forward(maps)), _finest_stride(maps)
        step = max(1, rows // stride)
        for top in range(0, -(-height // stride), step):
            above = max(0, top - 1)  # a row of the map reaches half a row beyond its own pixels
            values = _enlarged(coarse[:, :, above : top + step + 1], stride)
            rows_here = slice(top * stride, min((top + step) * stride, height))
            first = (top - above) * stride
            yield rows_here, values[:, :, first : first + rows_here.stop - rows_here.start, :width]

    def _comparable(self, coarse: Float[Tensor, "b k _h _w"]) -> Float[Tensor, "b k _h _w"]:
        """Return values as exact as the head's parameters, so that an argmax can tell them apart."""
        return coarse.to(torch.promote_types(coarse.dtype, next(self.parameters()).dtype))


def _finest_stride(maps: tuple[Tensor, ...]) -> int:
    """Return the stride of the finest map: strides double from map to map up to the coarsest."""
    return STRIDES[-1] // 2 ** (len(maps) - 1)


def _enlarged(
    coarse: Float[Tensor, "b k _h _w"], stride: int, *, align_corners: bool = False
) -> Float[Tensor, "b k _H _W"]:
    """Enlarge values by a stride: this belongs to the network, not to the comparison (Sec. 4.1)."""
    # Channels last keeps the classes of a pixel together: this and a later argmax are faster.
    return F.interpolate(
        coarse.contiguous(memory_format=torch.channels_last),
        scale_factor=float(stride),
        mode="bilinear",
        align_corners=align_corners,
    )
