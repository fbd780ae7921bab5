"""The functions that enlarge, and what their arguments say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from dysample.models.swap.site import Kind


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call says of itself.

    Attributes:
        mode: As `Site.mode`.
        interpolates: Whether it is an interpolation.
        align_corners: Whether it aligns corners.
        factor: The scale it asks for, of all sides or of each; None where it asks for a size.
    """

    mode: str
    interpolates: bool = False
    align_corners: bool = False
    factor: tuple[int | float, ...] | None = None


def _interpolation(
    input: Tensor,
    size: object = None,
    scale_factor: int | float | Sequence[int | float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    **_others: object,
) -> Asked:
    factor = (scale_factor,) if isinstance(scale_factor, int | float) else scale_factor
    return Asked(mode, True, bool(align_corners), tuple(factor) if factor else None)


DESCRIBED: dict[Callable[..., Any], Callable[..., Asked]] = {
    F.interpolate: _interpolation,
    F.conv_transpose1d: lambda *_args, **_kwargs: Asked("learned"),
    F.conv_transpose2d: lambda *_args, **_kwargs: Asked("learned"),
    F.conv_transpose3d: lambda *_args, **_kwargs: Asked("learned"),
    F.max_unpool2d: lambda *_args, **_kwargs: Asked("unpool"),
    F.pixel_shuffle: lambda *_args, **_kwargs: Asked("shuffle"),
}


def kind_of(module: nn.Module, asked: Asked) -> Kind:
    """What a site is called whose module made the call."""
    if asked.interpolates:
        return "nn.Upsample" if isinstance(module, nn.Upsample) else "functional"
    if asked.mode == "learned" and isinstance(module, nn.ConvTranspose2d):
        return "ConvTranspose2d"
    return "PixelShuffle" if isinstance(module, nn.PixelShuffle) else "functional"
