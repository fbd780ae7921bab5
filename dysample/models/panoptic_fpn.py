"""Panoptic FPN (Kirillov et al. 2019), semantic branch: a feature pyramid, then one prediction from it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.registry import build, operator_spec
from dysample.ops.upsampler import check_channels
from dysample.types import Prediction, Step

# Levels by base-two logarithm of their stride, finest first.
_LEVELS = ("p2", "p3", "p4", "p5")
_GROUPS = 32


class PanopticFPNHead(nn.Module):
    """Semantic feature pyramid with three x2 upsamplers, each with its own weights (Sec. 4.3).

    Each upsampler enlarges the sum of all coarser levels; the level that the result is added to is the
    guide. Steps are named after the level that they reach: "p4", "p3", "p2". The bilinear
    enlargements of the semantic branch belong to the network, as in the paper.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        width: int = 256,
        classes: int,
        upsampler: str = "bilinear",
    ) -> None:
        """Make a head with random weights.

        Args:
            channels: Channels of the four maps, finest first.
            width: Channels of the pyramid; the semantic branch has half as many.
            classes: Channels of the output.
            upsampler: A name of `OPERATORS`.

        Raises:
            ValueError: There are not four maps, or pyramid or upsampler cannot have this width.
        """
        super().__init__()
        if len(channels) != len(_LEVELS):
            raise ValueError(f"channels must name the {len(_LEVELS)} maps of an encoder, got {channels}")
        # A group of one channel has zero deviation on the 1x1 maps of the smallest pictures.
        check_channels("width", width, 4 * _GROUPS, f"{_GROUPS} groups of two in half as many channels")
        self.spec = operator_spec(upsampler)
        self.project = nn.ModuleDict(
            {
                level: nn.Conv2d(count, width, kernel_size=1)
                for level, count in zip(_LEVELS, channels, strict=True)
            }
        )
        self.upsamplers = nn.ModuleDict({level: build(upsampler, width) for level in _LEVELS[-2::-1]})
        self.smooth = nn.ModuleDict(
            {level: nn.Conv2d(width, width, kernel_size=3, padding=1) for level in _LEVELS}
        )
        self.semantic = nn.ModuleDict({level: _branch(width, k) for k, level in enumerate(_LEVELS)})
        self.predict = nn.Conv2d(width // 2, classes, kernel_size=1)

    def forward(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Float[Tensor, "b k h w"]:
        """Predict class logits at the size of the finest map.

        Args:
            maps: The encoder's four maps, finest first, each half the size of the one before.
        """
        return self.intermediates(maps).output

    def intermediates(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Prediction:
        """Return the prediction with every upsampling step on the way."""
        laterals = {name: self.project[name](x) for name, x in zip(_LEVELS, maps, strict=True)}
        pyramid = {_LEVELS[-1]: laterals[_LEVELS[-1]]}
        steps: list[Step] = []
        x = laterals[_LEVELS[-1]]
        for name, up in self.upsamplers.items():
            guide = laterals[name]
            output = up(*self.spec.inputs(x, guide))
            steps.append(Step(name=name, input=x, guide=guide, output=output))
            x = pyramid[name] = guide + output
        branches = [self.semantic[name](self.smooth[name](x)) for name, x in pyramid.items()]
        return Prediction(output=self.predict(torch.stack(branches).sum(0)), steps=tuple(steps))


def _branch(width: int, enlargements: int) -> nn.Sequential:
    """Return layers that enlarge a level to the finest size.

    There is a convolution before each enlargement; the finest level has one convolution too.
    """
    layers: list[nn.Module] = []
    for k in range(max(enlargements, 1)):
        layers += [
            nn.Conv2d(width if k == 0 else width // 2, width // 2, kernel_size=3, padding=1, bias=False),
            nn.GroupNorm(_GROUPS, width // 2),
            nn.ReLU(),
        ]
        if enlargements:
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
    return nn.Sequential(*layers)
