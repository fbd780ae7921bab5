"""Base classes of the learned operators, and the checks of their options and inputs."""

import torch
import torch.fx
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import check_map, check_scale
from dysample.reassembly import reassemble
from dysample.types import KernelRecord

torch.fx.wrap("reassemble")  # one node for torch.fx: it depends on shapes


class Upsampler(nn.Module):
    """Base class of operators for maps with a fixed number of channels."""

    def __init__(self, channels: int, *, scale: int) -> None:
        """Check and store the number of channels and the scale.

        Raises:
            ValueError: `channels` is not a positive integer, or `scale` is not an integer of at least 2.
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
    """Base class of operators that weigh a neighbourhood with the help of a high-res map, the guide."""

    def __init__(self, channels: int, *, scale: int, guide_channels: int | None) -> None:
        """Check and store the numbers of channels and the scale.

        Args:
            channels: Channels of the low-res map.
            scale: Enlargement s.
            guide_channels: Channels of the guide; None for the same number as the map.

        Raises:
            ValueError: A number of channels is not a positive integer, or `scale` is not an integer of at
                least 2.
        """
        super().__init__(channels, scale=scale)
        self.guide_channels = channels if guide_channels is None else guide_channels
        check_channels("guide_channels", self.guide_channels)

    def plan(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None = None
    ) -> KernelRecord:
        """Return the kernel of every output pixel; subclasses implement this.

        Raises:
            ValueError: `x` or the guide has the wrong shape.
        """
        raise NotImplementedError

    def forward(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None = None
    ) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times: plan the kernels, then apply them.

        Raises:
            ValueError: `x` or the guide has the wrong shape.
        """
        return reassemble(x, self.plan(x, guide).weights, scale=self.scale)

    def check_guide(
        self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"] | None
    ) -> Float[Tensor, "b g H W"]:
        """Check the shapes of map and guide, and return the guide in the dtype of the map.

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels, or the guide
                is missing or has the wrong shape.
        """
        name, channels = type(self).__name__, (self.channels, self.guide_channels)
        return checked_guide(x, guide, name=name, channels=channels, scale=self.scale)

    def extra_repr(self) -> str:
        """Name the options in the printed module."""
        return f"{super().extra_repr()}, guide_channels={self.guide_channels}"


@torch.fx.wrap
def checked_guide(
    x: Float[Tensor, "b c h w"],
    guide: Float[Tensor, "b g H W"] | None,
    *,
    name: str,
    channels: tuple[int, int],
    scale: int,
) -> Float[Tensor, "b g H W"]:
    """Check the shapes of map and guide, and return the guide in the dtype of the map.

    Args:
        x: The low-res map.
        guide: The high-res map; None if there is none.
        name: Name of the operator, for the message.
        channels: Channels that map and guide must have.
        scale: Enlargement s.

    Raises:
        ValueError: `x` is not a batch of non-empty maps with the right number of channels, or the guide is
            missing or has the wrong shape.
    """
    check_map(x, channels[0])
    expected = (x.shape[0], channels[1], x.shape[2] * scale, x.shape[3] * scale)
    if guide is None:
        raise ValueError(f"{name} needs a guide of shape {expected}, got none")
    if tuple(guide.shape) != expected:
        raise ValueError(
            f"guide must have shape {expected}, scale={scale} times the input's, got {tuple(guide.shape)}"
        )
    return guide.to(x.dtype)


def normalised(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """Apply group normalisation, also to groups of a single value, which 1x1 maps can have."""
    return torch.group_norm(x, norm.num_groups, norm.weight, norm.bias, norm.eps)


def check_channels(name: str, count: int, multiple: int = 1, why: str = "") -> None:
    """Check a number of channels.

    Args:
        name: Name of the argument, for the message.
        count: Number of channels.
        multiple: Number that must divide it.
        why: Reason for the multiple, for the message.

    Raises:
        ValueError: `count` is not a positive integer or not a multiple of `multiple`.
    """
    if type(count) is not int or count < 1 or count % multiple:
        rule = f"a positive multiple of {multiple} ({why})" if multiple > 1 else "a positive integer"
        raise ValueError(f"{name} must be {rule}, got {count!r}")


def check_only_scale(operator: str, scale: int, only: int) -> None:
    """Check the scale of an operator that is defined for a single one.

    Raises:
        ValueError: `scale` is not an integer of at least 2, or is not `only`.
    """
    check_scale(scale, least=2)
    if scale != only:
        raise ValueError(f"{operator} is defined only for scale={only}, got {scale!r}")
