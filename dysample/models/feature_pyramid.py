"""Feature Pyramid Network (Lin et al. 2017) whose top-down path takes any upsampler of `OPERATORS`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.registry import build, operator_spec
from dysample.types import Step

Stages = Literal[3, 4]
_LEVELS = ("p2", "p3", "p4", "p5", "p6")  # named after the base-two logarithm of their stride


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The levels of a feature pyramid and the upsampling steps between them.

    Attributes:
        levels: Maps by name, "p2" to "p6", at strides 4 to 64.
        steps: The upsampling steps, coarsest first, each named after the level that it reaches.
    """

    levels: Mapping[str, Float[Tensor, "b c _h _w"]]
    steps: tuple[Step, ...]


class FeaturePyramid(nn.Module):
    """Top-down feature pyramid on the maps of an encoder at strides 4, 8, 16 and 32.

    Every upsampler enlarges the sum of all coarser levels. Its guide is the lateral map that the result is
    added to. Where that map has an odd side, the guide is a row or column longer, and the result is cut off.

    With three stages, as in the paper's Panoptic FPN, p6 is every second position of p5. With four, as in
    its Faster R-CNN, p6 has weights of its own and is enlarged into p5 as well (mmdetection's
    ``FPN_CARAFE``); sides of the picture are then best multiples of 64.
    """

    def __init__(
        self, channels: tuple[int, ...], *, width: int = 256, upsampler: str = "nearest", stages: Stages = 3
    ) -> None:
        """Make a pyramid with random weights.

        Args:
            channels: Channels of the encoder's four maps, finest first.
            width: Channels of every level.
            upsampler: A name of `OPERATORS`.
            stages: Number of upsamplers.

        Raises:
            ValueError: There are not four maps, there is no pyramid of so many stages, or the upsampler is
                unknown or cannot have this width.
        """
        super().__init__()
        if len(channels) != 4:
            raise ValueError(f"channels must name the 4 maps of an encoder, got {channels}")
        if stages not in get_args(Stages):
            raise ValueError(f"stages must be 3 or 4, got {stages!r}")
        self.spec = operator_spec(upsampler)
        own = _LEVELS[: stages + 1]  # levels with weights of their own
        self.project = nn.ModuleDict(
            {
                level: nn.Conv2d(count, width, kernel_size=1)
                for level, count in zip(own, channels, strict=False)
            }
        )
        if stages == 4:
            self.project["p6"] = nn.Conv2d(channels[-1], width, kernel_size=3, stride=2, padding=1)
        self.upsamplers = nn.ModuleDict({level: build(upsampler, width) for level in own[-2::-1]})
        self.smooth = nn.ModuleDict(
            {level: nn.Conv2d(width, width, kernel_size=3, padding=1) for level in own}
        )

    def forward(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Pyramid:
        """Return the levels, finest first, and the steps.

        Args:
            maps: The encoder's four maps, finest first, each half the size of the one before.
        """
        sources: dict[str, Tensor] = dict(zip(_LEVELS, (*maps, maps[-1]), strict=True))
        laterals = {name: project(sources[name]) for name, project in self.project.items()}
        *_, coarsest = laterals
        x = laterals[coarsest]
        sums, steps = {coarsest: x}, list[Step]()
        for name, up in self.upsamplers.items():
            lateral = laterals[name]
            guide = _extended(lateral, 2 * x.shape[2], 2 * x.shape[3])
            output = up(*self.spec.inputs(x, guide))
            steps.append(Step(name=name, input=x, guide=guide, output=output))
            x = sums[name] = lateral + output[:, :, : lateral.shape[2], : lateral.shape[3]]
        levels = {name: smooth(sums[name]) for name, smooth in self.smooth.items()}
        if "p6" not in levels:
            levels["p6"] = F.max_pool2d(levels["p5"], kernel_size=1, stride=2)
        return Pyramid(levels, tuple(steps))


def _extended(x: Tensor, height: int, width: int) -> Tensor:
    """Repeat the last row and column up to a size, if a map is smaller."""
    missing = height - x.shape[2], width - x.shape[3]
    return F.pad(x, (0, missing[1], 0, missing[0]), mode="replicate") if any(missing) else x
