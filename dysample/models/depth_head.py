"""DepthFormer's fusion head: four x2 upsamplings, each fused with the encoder's map of that size."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.models.heads import DenseHead
from dysample.ops.registry import build, operator_spec
from dysample.types import Prediction, Step

# Levels by stride, finest first.
_LEVELS = ("d2", "d4", "d8", "d16", "d32")
# Light enough for a CPU, and multiples of 32, as the group normalisations of A2U and SAPA-B require.
WIDTHS = (32, 32, 64, 96, 128)
# Indoor depth sensors measure nothing nearer, so nothing nearer can be learned.
LOWEST = 0.5
DEEPEST = 10.0


class DepthHead(DenseHead):
    """Metric depth from five maps, by four x2 upsamplers, each with its own weights.

    A stage enlarges the output of the previous stage, concatenates the encoder's map of the new size (the
    skip, which is also the guide), and blends both by two convolutions to the skip's channels. Steps are
    named after the stride that they reach: "d16", "d8", "d4", "d2".
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        widths: tuple[int, ...] | None = WIDTHS,
        upsampler: str = "bilinear",
        lowest: float = LOWEST,
        deepest: float = DEEPEST,
    ) -> None:
        """Make a head with random weights.

        Args:
            channels: Channels of the five maps, finest first.
            widths: Channels that each is projected to; None takes all but the coarsest as they are.
            upsampler: A name of `OPERATORS`.
            lowest: Smallest depth that the head can predict, in metres.
            deepest: Largest depth that the head can predict, in metres.

        Raises:
            ValueError: There are not five maps or widths, the upsampler cannot have these channels, or
                the depths are not positive and in order.
        """
        super().__init__()
        _check(channels, widths, lowest, deepest)
        self.spec = operator_spec(upsampler)
        self.lowest = lowest
        self.deepest = deepest
        self.project = nn.ModuleDict(_projections(channels, widths))
        self.upsamplers = nn.ModuleDict()
        self.blend = nn.ModuleDict()
        skips = widths or channels
        for k in reversed(range(len(_LEVELS) - 1)):
            guide, count = skips[k], skips[k + 1]
            self.upsamplers[_LEVELS[k]] = build(upsampler, count, guide_channels=guide)
            self.blend[_LEVELS[k]] = _blend(count + guide, guide)
        self.predict = nn.Conv2d(skips[0], 1, kernel_size=3, padding=1)

    def intermediates(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Prediction[Tensor]:
        """Return depths in metres with every upsampling step on the way."""
        levels = {name: self.project[name](x) for name, x in zip(_LEVELS, maps, strict=True)}
        steps: list[Step] = []
        x = levels[_LEVELS[-1]]
        for name, up in self.upsamplers.items():
            guide = levels[name]
            output = up(*self.spec.inputs(x, guide))
            steps.append(Step(name=name, input=x, guide=guide, output=output))
            x = self.blend[name](torch.cat([output, guide], dim=1))
        return Prediction(output=self._metres(self.predict(x)), steps=tuple(steps))

    def _metres(self, raw: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
        """Map raw values to depths: the logarithm is a sigmoid, stretched over the range.

        The loss compares logarithms. They depend on `raw` smoothly everywhere, equal steps are equal
        ratios of depths, and a fresh head predicts sqrt(lowest * deepest), about two metres, as indoors.
        """
        # Half precision would resolve depths to one percent at best.
        share = torch.sigmoid(-raw.to(torch.promote_types(raw.dtype, torch.float32)))
        return self.deepest * torch.exp(-math.log(self.deepest / self.lowest) * share)


def _projections(channels: tuple[int, ...], widths: tuple[int, ...] | None) -> dict[str, nn.Module]:
    """Return a projection for each level; the published head always has one for the coarsest."""
    coarsest = len(_LEVELS) - 1
    targets = widths or channels
    return {
        name: nn.Conv2d(channels[k], targets[k], kernel_size=1) if widths or k == coarsest else nn.Identity()
        for k, name in enumerate(_LEVELS)
    }


def _blend(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel_size=3, padding=1),
        nn.LeakyReLU(),
        nn.Conv2d(width, width, kernel_size=3, padding=1),
        nn.LeakyReLU(),
    )


def _check(channels: tuple[int, ...], widths: tuple[int, ...] | None, lowest: float, deepest: float) -> None:
    if len(channels) != len(_LEVELS):
        raise ValueError(
            f"channels must name the {len(_LEVELS)} maps of an encoder from stride 2 on, got {channels}"
        )
    if widths is not None and len(widths) != len(_LEVELS):
        raise ValueError(f"widths must name {len(_LEVELS)} numbers of channels, got {widths}")
    if not 0 < lowest < deepest < math.inf:
        raise ValueError(f"depths must be 0 < lowest < deepest, got {lowest} and {deepest}")
