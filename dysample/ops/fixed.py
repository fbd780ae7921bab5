"""Nearest and bilinear interpolation: plans with nothing learned (Sec. 2)."""

import torch
import torch.fx
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import InitialGrid, check_map, check_scale, initial_positions
from dysample.tracing import is_transformed
from dysample.types import SamplingRecord

torch.fx.wrap("check_map")  # one node for torch.fx: it depends on shapes


class _Interpolation(nn.Module):
    """Common part of nearest and bilinear interpolation, which differ only in their grid."""

    initial: InitialGrid

    def __init__(self, channels: int, *, scale: int = 2) -> None:
        """Initialise for maps with any number of channels.

        Args:
            channels: Part of the interface of all operators; any number works.
            scale: Enlargement s.

        Raises:
            ValueError: `scale` is not an integer of at least 1.
        """
        super().__init__()
        check_scale(scale)
        self.channels = channels
        self.scale = scale

    def plan(self, x: Float[Tensor, "b c h w"]) -> SamplingRecord:
        """Return the fixed positions at which the output is read, with offsets of zero and one group."""
        check_map(x)
        initial = initial_positions(x.shape[2], x.shape[3], scale=self.scale, like=x, initial=self.initial)
        offset = initial.new_zeros(()).expand(x.shape[0], 1, *initial.shape[2:])
        return SamplingRecord(initial=initial, offset=offset, scope=0.0)

    def extra_repr(self) -> str:
        """Name the scale in the printed module."""
        return f"scale={self.scale}"


class Nearest(_Interpolation):
    """Copy into every output pixel the low-res pixel that contains it."""

    initial: InitialGrid = "nearest"

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times.

        Raises:
            ValueError: `x` is not a batch of non-empty maps.
        """
        check_map(x)
        return copy_pixels(x, self.scale)


class Bilinear(_Interpolation):
    """Blend the four nearest low-res pixels into every output pixel (align_corners=False)."""

    initial: InitialGrid = "bilinear"

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times.

        Raises:
            ValueError: `x` is not a batch of non-empty maps.
        """
        check_map(x)
        return F.interpolate(x, scale_factor=float(self.scale), mode="bilinear", align_corners=False)


def copy_pixels(x: Float[Tensor, "b c h w"], scale: int) -> Float[Tensor, "b c H W"]:
    """Copy every pixel into the `scale` x `scale` output pixels that it contains."""
    if is_transformed():  # for this interpolation torch has no rule for vmap, and says so with every call
        copies = x[:, :, :, None, :, None].expand(-1, -1, -1, scale, -1, scale)
        return copies.flatten(4, 5).flatten(2, 3)
    # mode="nearest" picks the wrong pixel at some scales, such as 41, because of rounding. ONNX's `Resize`
    # does not, and has no "nearest-exact".
    mode = "nearest" if torch.onnx.is_in_onnx_export() else "nearest-exact"
    return F.interpolate(x, scale_factor=float(scale), mode=mode)
