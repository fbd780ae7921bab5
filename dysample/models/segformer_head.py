"""The paper's SegFormer head: project four maps, enlarge three of them step by step, fuse, predict."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.models.heads import DenseHead
from dysample.ops.registry import build, operator_spec
from dysample.types import Prediction, Step

# Scales by which each level reaches the finest one, coarsest level first.
_CHAINS = {"c4": (2, 2, 2), "c3": (2, 2), "c2": (2,)}
_ONE_SHOT = {"c4": (8,), "c3": (4,), "c2": (2,)}
_LEVELS = ("c1", "c2", "c3", "c4")


class SegFormerHead(DenseHead):
    """SegFormer head with six x2 upsamplers, each with its own weights (Sec. 4.1).

    Level c4 has three upsamplers, c3 two, c2 one. Every level is first projected to `width` channels, the
    width of all six; the guide of each is the projected level of its output size. With `one_shot` there
    are three, x8, x4 and x2, as in the published SegFormer, which is a different network even with bilinear
    interpolation.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        width: int = 256,
        classes: int,
        upsampler: str = "bilinear",
        dropout: float = 0.1,
        one_shot: bool = False,
    ) -> None:
        """Make a head with random weights.

        Args:
            channels: Channels of the four maps, finest first.
            width: Channels that each map is projected to.
            classes: Channels of the output.
            upsampler: A name of `OPERATORS`.
            dropout: Probability of dropping a fused channel in training.
            one_shot: Enlarge each level in a single step.

        Raises:
            ValueError: There are not four maps, or the upsampler cannot have this width or scale.
        """
        super().__init__()
        if len(channels) != len(_LEVELS):
            raise ValueError(f"channels must name the {len(_LEVELS)} maps of an encoder, got {channels}")
        self.spec = operator_spec(upsampler)
        self.chains = _ONE_SHOT if one_shot else _CHAINS
        self.project = nn.ModuleDict(
            {
                level: nn.Conv2d(count, width, kernel_size=1)
                for level, count in zip(_LEVELS, channels, strict=True)
            }
        )
        self.upsamplers = nn.ModuleDict(
            {
                f"{level}_{k}": build(upsampler, width, scale=scale)
                for level, scales in self.chains.items()
                for k, scale in enumerate(scales)
            }
        )
        self.fuse = nn.Sequential(
            nn.Conv2d(len(_LEVELS) * width, width, kernel_size=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Dropout2d(dropout),
        )
        self.predict = nn.Conv2d(width, classes, kernel_size=1)

    def intermediates(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Prediction[Tensor]:
        """Return the class logits with every upsampling step on the way."""
        levels = {name: self.project[name](x) for name, x in zip(_LEVELS, maps, strict=True)}
        steps: list[Step] = []
        enlarged: list[Tensor] = []
        for level, scales in self.chains.items():
            x = levels[level]
            for k in range(len(scales)):
                left = math.prod(scales[k + 1 :])  # factor by which the output is still smaller than c1
                guide = levels[_LEVELS[left.bit_length() - 1]]
                output = self.upsamplers[f"{level}_{k}"](*self.spec.inputs(x, guide))
                steps.append(Step(name=f"{level}_{k}", input=x, guide=guide, output=output))
                x = output
            enlarged.append(x)
        fused = self.fuse(torch.cat([*enlarged, levels["c1"]], dim=1))
        return Prediction(output=self.predict(fused), steps=tuple(steps))
