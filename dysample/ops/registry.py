"""The one table of operators, and `build`, which makes one by its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.a2u import A2U
from dysample.ops.carafe import CARAFE
from dysample.ops.deconv import Deconvolution
from dysample.ops.dysample import DySample, Style
from dysample.ops.fade import FADE
from dysample.ops.fixed import Bilinear, Nearest
from dysample.ops.indexnet import IndexNet
from dysample.ops.pixelshuffle import PixelShuffle
from dysample.ops.sapa import SAPA


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """One row of the table.

    Attributes:
        label: Name for people.
        factory: Makes the operator, from channels, the keyword scale and the options.
        summary: One sentence: how it decides what an output pixel holds.
        options: What the row fixes of the factory's options.
        paper: Who published it and where, short; empty for textbook interpolation.
        year: Of that paper; None for textbook interpolation.
        constraints: What it asks of channels and scale, for people.
        needs_guide: Whether it looks at a high-res guide as well.
        has_footprint: Whether it weighs input pixels, so that `plan` tells which made an output pixel;
            the others mix channels too.
    """

    label: str
    factory: Callable[..., nn.Module]
    summary: str
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    paper: str = ""
    year: int | None = None
    constraints: str = "any channels, any scale"
    needs_guide: bool = False
    has_footprint: bool = True

    def inputs(self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"]) -> tuple[Tensor, ...]:
        """What to call the operator with: hosts pass both and never ask which operator they hold."""
        return (x, guide) if self.needs_guide else (x,)


def _dysample(
    label: str, summary: str, *, style: Style, groups: int, dynamic_scope: bool, constraints: str
) -> OperatorSpec:
    return OperatorSpec(
        label,
        DySample,
        summary,
        {"style": style, "groups": groups, "dynamic_scope": dynamic_scope},
        paper="Liu et al., ICCV",
        year=2023,
        constraints=constraints,
    )


OPERATORS: dict[str, OperatorSpec] = {
    "nearest": OperatorSpec("Nearest", Nearest, "Copies the low-res pixel it lies in."),
    "bilinear": OperatorSpec("Bilinear", Bilinear, "Blends the four nearest low-res pixels."),
    "deconv": OperatorSpec(
        "Deconvolution",
        Deconvolution,
        "Spreads every low-res pixel over its surroundings with a learned 3×3 filter between all channels.",
        paper="Zeiler et al., CVPR",
        year=2010,
        constraints="any channels, scale 2",
        has_footprint=False,
    ),
    "pixelshuffle": OperatorSpec(
        "Pixel shuffle",
        PixelShuffle,
        "Predicts the output pixels of a low-res pixel with a 3×3 convolution and lays them out.",
        paper="Shi et al., CVPR",
        year=2016,
        has_footprint=False,
    ),
    "carafe": OperatorSpec(
        "CARAFE",
        CARAFE,
        "Weighs 5×5 low-res pixels with a kernel that the low-res features predict.",
        paper="Wang et al., ICCV",
        year=2019,
    ),
    "indexnet": OperatorSpec(
        "IndexNet",
        IndexNet,
        "Multiplies the low-res pixel it lies in by a gain that the guide predicts.",
        paper="Lu et al., ICCV",
        year=2019,
        constraints="any channels, scale 2",
        needs_guide=True,
    ),
    "a2u": OperatorSpec(
        "A2U",
        A2U,
        "Weighs 3×3 low-res pixels with one kernel per image, scaled by the guide's affinity.",
        paper="Dai et al., CVPR",
        year=2021,
        constraints="a guide whose channels are a multiple of 32, scale 2",
        needs_guide=True,
    ),
    "fade": OperatorSpec(
        "FADE",
        FADE,
        "Weighs 5×5 low-res pixels with a kernel that guide and low-res features predict together.",
        paper="Lu et al., ECCV",
        year=2022,
        needs_guide=True,
    ),
    "sapa": OperatorSpec(
        "SAPA-B",
        SAPA,
        "Weighs 5×5 low-res pixels by their similarity to the guide.",
        paper="Lu et al., NeurIPS",
        year=2022,
        constraints="channels of map and guide a multiple of 32, any scale",
        needs_guide=True,
    ),
    "dysample": _dysample(
        "DySample",
        "Moves each sampling point by an offset that the low-res features predict.",
        style="lp",
        groups=4,
        dynamic_scope=False,
        constraints="channels a multiple of 4, any scale",
    ),
    "dysample+": _dysample(
        "DySample+",
        "As DySample; how far a point may move is predicted too.",
        style="lp",
        groups=4,
        dynamic_scope=True,
        constraints="channels a multiple of 4, any scale",
    ),
    "dysample-s": _dysample(
        "DySample-S",
        "As DySample; offsets are predicted from pixel-shuffled features, with an eighth of the weights.",
        style="pl",
        groups=8,
        dynamic_scope=False,
        constraints="channels a multiple of 8 and of the scale squared, any scale",
    ),
    "dysample-s+": _dysample(
        "DySample-S+",
        "As DySample-S; how far a point may move is predicted too.",
        style="pl",
        groups=8,
        dynamic_scope=True,
        constraints="channels a multiple of 8 and of the scale squared, any scale",
    ),
}


def operator_spec(name: str) -> OperatorSpec:
    """Look an operator up.

    Raises:
        ValueError: No operator has that name; the message lists those that exist.
    """
    if name not in OPERATORS:
        raise ValueError(f"no upsampler is called {name!r}; there are {', '.join(OPERATORS)}")
    return OPERATORS[name]


def build(name: str, channels: int, *, scale: int = 2, guide_channels: int | None = None) -> nn.Module:
    """Make the operator of a row of `OPERATORS`.

    Args:
        name: Its key.
        channels: Channels of the map to enlarge.
        scale: Enlargement s.
        guide_channels: Channels of the guide where one is needed; None for as many as the map has.

    Raises:
        ValueError: The name is unknown, or the operator cannot have these channels or this scale.
    """
    spec = operator_spec(name)
    guide = {"guide_channels": guide_channels} if spec.needs_guide else {}
    return spec.factory(channels, scale=scale, **spec.options, **guide)
