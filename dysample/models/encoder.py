"""Encoders of segmentation_models_pytorch, reduced to the four maps that decoders read."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

STRIDES = (4, 8, 16, 32)


class Encoder(nn.Module):
    """Any SMP encoder: an RGB picture in, its maps at strides 4, 8, 16 and 32 out."""

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        name: str,
        *,
        mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
        deviation: tuple[float, float, float] = (0.229, 0.224, 0.225),
    ) -> None:
        """Make an encoder with random weights.

        Args:
            name: A name of segmentation_models_pytorch, such as "mit_b1".
            mean: Subtracted from red, green and blue in [0, 1].
            deviation: Divides them afterwards.

        Raises:
            ValueError: SMP has no encoder of that name, or it lacks one of the four strides.
        """
        super().__init__()
        # Imported here: SMP takes seconds to load, and operators alone do not need it.
        from segmentation_models_pytorch.encoders import get_encoder

        try:
            backbone = get_encoder(name, in_channels=3, depth=5, weights=None)
        except KeyError as error:
            raise ValueError(f"segmentation_models_pytorch has no encoder called {name!r}") from error
        self.name = name
        self.backbone = cast(nn.Module, backbone)
        self.channels = tuple(cast(list[int], backbone.out_channels)[-len(STRIDES) :])
        for key, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(key, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
        """Compute the four maps of an RGB picture in [0, 1], finest first.

        Both sides must be multiples of 32.
        """
        normalised = (image - self.mean) / self.deviation
        maps: list[Tensor] = self.backbone(normalised)
        return tuple(maps[-len(STRIDES) :])
