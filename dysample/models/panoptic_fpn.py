"""Panoptic FPN (Kirillov et al. 2019), semantic branch: a feature pyramid, then one prediction from it."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.models.feature_pyramid import FeaturePyramid
from dysample.models.heads import DenseHead
from dysample.ops.upsampler import check_channels
from dysample.types import Prediction

_LEVELS = ("p2", "p3", "p4", "p5")
_GROUPS = 32


class PanopticFPNHead(DenseHead):
    """Feature pyramid with three x2 upsamplers and a semantic branch on it (Sec. 4.3).

    Steps are named after the level that they reach: "p4", "p3", "p2". The bilinear enlargements of the
    semantic branch belong to the network, as in the paper.
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
        # A group of one channel has zero deviation on the 1x1 maps of the smallest pictures.
        check_channels("width", width, 4 * _GROUPS, f"{_GROUPS} groups of two in half as many channels")
        self.pyramid = FeaturePyramid(channels, width=width, upsampler=upsampler)
        self.semantic = SemanticBranch(width, width // 2, classes, groups=_GROUPS)

    @property
    def upsamplers(self) -> nn.ModuleDict:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The operators by the name of their step."""
        return self.pyramid.upsamplers

    def intermediates(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Prediction[Tensor]:
        """Return class logits with every upsampling step on the way."""
        pyramid = self.pyramid(maps)
        return Prediction(output=self.semantic(pyramid.levels), steps=pyramid.steps)


class SemanticBranch(nn.Module):
    """Enlarge the levels of a pyramid to the size of the finest, add them, and predict class logits."""

    def __init__(self, width: int, inner: int, classes: int, *, groups: int) -> None:
        """Make a branch with random weights.

        Args:
            width: Channels of the pyramid.
            inner: Channels of the branch.
            classes: Channels of the output.
            groups: Groups of the normalisations.
        """
        super().__init__()
        self.enlarge = nn.ModuleDict(
            {level: _layers(width, inner, k, groups) for k, level in enumerate(_LEVELS)}
        )
        self.predict = nn.Conv2d(inner, classes, kernel_size=1)

    def forward(self, levels: Mapping[str, Float[Tensor, "b c _h _w"]]) -> Float[Tensor, "b k h w"]:
        """Predict class logits at the size of p2."""
        branches = [enlarge(levels[level]) for level, enlarge in self.enlarge.items()]
        return self.predict(torch.stack(branches).sum(0))


def _layers(width: int, inner: int, enlargements: int, groups: int) -> nn.Sequential:
    """Return layers that enlarge a level to the finest size.

    There is a convolution before each enlargement; the finest level has one convolution too.
    """
    layers: list[nn.Module] = []
    for k in range(max(enlargements, 1)):
        layers += [
            nn.Conv2d(width if k == 0 else inner, inner, kernel_size=3, padding=1, bias=False),
            nn.GroupNorm(groups, inner),
            nn.ReLU(),
        ]
        if enlargements:
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
    return nn.Sequential(*layers)
