"""What the learned operators share: what they are made for, and what they refuse."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import check_map, check_scale
from dysample.reassembly import reassemble
from dysample.types import KernelRecord


class Upsampler(nn.Module):
    """An operator for maps of a given number of channels."""

    def __init__(self, channels: int, *, scale: int) -> None:
        """Remember what the operator is made for.

        Raises:
            ValueError: `channels` is not a positive integer, or `scale` not an integer of at least 2.
        """
        super().__init__()
        check_scale(scale, least=2)
        check_channels("channels", channels)
        self.channels = channels
        self.scale = scale

    def extra_repr(self) -> str:
        """Name the options in the printed module."""
        return f"{self.channels}, scale={self.scale}"


class GuidedUpsampler(Upsampler):
    """An operator that also looks at a high-res map, its guide; all of these weigh a neighbourhood."""

    def __init__(self, channels: int, *, scale: int, guide_channels: int | None) -> None:
        """Remember what the operator is made for.

        Args:
            channels: Channels of the map.
            scale: Enlargement s.
            guide_channels: Channels of the guide; None for as many as the map has.

        Raises:
            ValueError: A number of channels is not a positive integer, or the scale is not one of at least 2.
        """
        super().__init__(channels, scale=scale)
        self.guide_channels = channels if guide_channels is None else guide_channels
        check_channels("guide_channels", self.guide_channels)

    def plan(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None = None
    ) -> KernelRecord:
        """Decide how to weigh the neighbours of every output pixel; each operator has its own way.

        Raises:
            ValueError: `x` or the guide is not what the operator is made for.
        """
        raise NotImplementedError

    def forward(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None = None
    ) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times: decide, then sum.

        Raises:
            ValueError: `x` or the guide is not what the operator is made for.
        """
        return reassemble(x, self.plan(x, guide).weights, scale=self.scale)

    def check_guide(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None
    ) -> Float[Tensor, "b g H W"]:
        """Refuse a map or a guide that the operator is not made for; gives the guide, in the map's dtype.

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels, or the guide
                is missing or of another shape.
        """
        check_map(x, self.channels)
        expected = (x.shape[0], self.guide_channels, x.shape[2] * self.scale, x.shape[3] * self.scale)
        if guide is None:
            raise ValueError(f"{type(self).__name__} needs a guide of shape {expected}, got none")
        if tuple(guide.shape) != expected:
            raise ValueError(
                f"guide must have shape {expected}, scale={self.scale} times the input's, "
                f"got {tuple(guide.shape)}"
            )
        return guide.to(x.dtype)

    def extra_repr(self) -> str:
        """Name the options in the printed module."""
        return f"{super().extra_repr()}, guide_channels={self.guide_channels}"


def normalised(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """Group normalisation that also accepts groups of a single value, as 1x1 maps have."""
    return torch.group_norm(x, norm.num_groups, norm.weight, norm.bias, norm.eps)


def check_channels(name: str, count: int, multiple: int = 1, why: str = "") -> None:
    """Refuse channels that cannot be divided as an operator wants.

    Raises:
        ValueError: `count` is not a positive integer, or not a multiple.
    """
    if type(count) is not int or count < 1 or count % multiple:
        rule = f"a positive multiple of {multiple} ({why})" if multiple > 1 else "a positive integer"
        raise ValueError(f"{name} must be {rule}, got {count!r}")


def check_only_scale(operator: str, scale: int, only: int) -> None:
    """Refuse a scale for which an operator is not defined.

    Raises:
        ValueError: `scale` is not an integer of at least 2, or another than `only`.
    """
    check_scale(scale, least=2)
    if scale != only:
        raise ValueError(f"{operator} is defined for scale={only} alone, got {scale!r}")
