"""The network that is small enough to learn while one watches.

What is learnt is where to read. Two 3x3 convolutions look at the reduced picture, and DySample
predicts sampling points from what they see; every group reads the whole input at its own points, and
the readings are mixed with weights that are learned, the same everywhere, and add up to one. Without
offsets this is plain interpolation whatever the weights, so all that it gains over bilinear it gains
by reading elsewhere.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import InitialGrid, sample
from dysample.ops.dysample import DySample, Style
from dysample.types import SamplingRecord

_HIDDEN = 16
_PER_POINT = 4  # features for each of the s x s points: what "pl" has to predict from
_MIX_SPREAD = 0.5  # groups that start with one weight would all learn to read the same


@dataclass(frozen=True, slots=True)
class LearnSettings:
    """The options of DySample, see there; the learning rate is the same for all.

    Attributes:
        scope: Static scope factor (Eq. 4), or the dynamic one's value at the start.
        groups: Sets of sampling points, a divisor of 4 s^2.
        initial: Grid that the points start from.
        style: Predict offsets, then shuffle ("lp"), or the other way round ("pl").
        dynamic_scope: Predict the scope of every point (Eq. 5).
    """

    scope: float = 0.25
    groups: int = 4
    initial: InitialGrid = "bilinear"
    style: Style = "lp"
    dynamic_scope: bool = False


class Learner(nn.Module):
    """Looks at the picture, decides where every group reads, reads, and mixes the readings."""

    def __init__(self, channels: int, settings: LearnSettings, *, scale: int) -> None:
        """Make a network whose offsets are close to zero.

        Args:
            channels: Of what offsets are predicted from.
            settings: The options of DySample.
            scale: Enlargement s.

        Raises:
            ValueError: The options do not fit together.
        """
        super().__init__()
        features = _PER_POINT * scale**2
        if settings.groups < 1 or features % settings.groups:
            raise ValueError(f"groups must divide {features} at scale {scale}, got {settings.groups}")
        self.look = nn.Sequential(
            _convolution(channels, _HIDDEN), nn.ReLU(), _convolution(_HIDDEN, features), nn.ReLU()
        )
        self.upsample = DySample(
            features,
            scale=scale,
            groups=settings.groups,
            style=settings.style,
            dynamic_scope=settings.dynamic_scope,
            scope=settings.scope,
            initial=settings.initial,
        )
        self.spread = nn.Parameter(torch.linspace(-_MIX_SPREAD, _MIX_SPREAD, settings.groups))

    @property
    def mix(self) -> Float[Tensor, " g"]:
        """Weights of the groups' readings, which add up to one."""
        return self.spread - self.spread.mean() + 1 / len(self.spread)

    def plan(self, seen: Float[Tensor, "b f h w"]) -> SamplingRecord:
        """Decide where to read, from values in [0, 1]."""
        return self.upsample.plan(self.look(4 * (seen - 0.5)))  # of about unit size

    def read(self, x: Float[Tensor, "b c h w"], record: SamplingRecord) -> Float[Tensor, "b c H W"]:
        """Read the whole of `x` once for every group, and mix."""
        groups = record.offset.shape[1]
        readings = sample(x.repeat(1, groups, 1, 1), record.points).unflatten(1, (groups, x.shape[1]))
        return torch.einsum("bgchw,g->bchw", readings, self.mix)


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, padding_mode="replicate")
