"""Nearest and bilinear interpolation: plans with nothing learned (Sec. 2)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import InitialGrid, check_map, check_scale, initial_positions
from dysample.types import SamplingRecord


class _Interpolation(nn.Module):
    """What nearest and bilinear share: only the grid differs."""

    initial: InitialGrid

    def __init__(self, channels: int, *, scale: int = 2) -> None:
        """Make an interpolation for maps of `channels` channels.

        Args:
            channels: Kept for the one interface of all operators; any number will do.
            scale: Enlargement s.

        Raises:
            ValueError: `scale` is not an integer of at least 1.
        """
        super().__init__()
        check_scale(scale)
        self.channels = channels
        self.scale = scale

    def plan(self, x: Float[Tensor, "b c h w"]) -> SamplingRecord:
        """The fixed positions that the output is read at: offsets of zero, one group."""
        check_map(x)
        initial = initial_positions(x.shape[2], x.shape[3], scale=self.scale, like=x, initial=self.initial)
        offset = initial.new_zeros(()).expand(x.shape[0], 1, *initial.shape[2:])
        return SamplingRecord(initial=initial, offset=offset, scope=0.0)

    def extra_repr(self) -> str:
        """Name the scale in the printed module."""
        return f"scale={self.scale}"


class Nearest(_Interpolation):
    """Every output pixel copies the low-res pixel that it lies in."""

    initial: InitialGrid = "nearest"

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times.

        Raises:
            ValueError: `x` is not a batch of non-empty maps.
        """
        check_map(x)
        # "nearest" itself rounds some scales, such as 41, into the wrong pixel; this is what it means.
        return F.interpolate(x, scale_factor=float(self.scale), mode="nearest-exact")


class Bilinear(_Interpolation):
    """Every output pixel blends its four nearest low-res pixels (align_corners=False)."""

    initial: InitialGrid = "bilinear"

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times.

        Raises:
            ValueError: `x` is not a batch of non-empty maps.
        """
        check_map(x)
        return F.interpolate(x, scale_factor=float(self.scale), mode="bilinear", align_corners=False)
