"""The one table of operators, and `build`, which makes one by its name."""

from torch import nn

from dysample.ops.a2u import A2U
from dysample.ops.carafe import CARAFE
from dysample.ops.deconv import Deconvolution
from dysample.ops.dysample import DySample, Style
from dysample.ops.fade import FADE
from dysample.ops.fixed import Bilinear, Nearest
from dysample.ops.indexnet import IndexNet
from dysample.ops.pixelshuffle import PixelShuffle
from dysample.ops.sapa import SAPA
from dysample.ops.spec import OperatorSpec
from dysample.ops.variants import variant


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
    """Look an operator up, or a variant of one, such as "dysample@groups=8,style=pl".

    Raises:
        ValueError: No operator has that name, or the named one has no such option or value; the
            message lists those that exist.
    """
    return variant(OPERATORS, name)[1]


def canonical_name(name: str) -> str:
    """The one spelling of an operator's name: default options left out, the rest in order.

    What a row of the table is called gets that name: "dysample@dynamic_scope=true" is "dysample+".

    Raises:
        ValueError: As `operator_spec`.
    """
    return variant(OPERATORS, name)[0]


def build(name: str, channels: int, *, scale: int = 2, guide_channels: int | None = None) -> nn.Module:
    """Make the operator of a row of `OPERATORS`, or a variant of one.

    Args:
        name: Its key, or that with options, as `operator_spec` takes it.
        channels: Channels of the map to enlarge.
        scale: Enlargement s.
        guide_channels: Channels of the guide where one is needed; None for as many as the map has.

    Raises:
        ValueError: The name is unknown, or the operator cannot have these channels or this scale.
    """
    spec = operator_spec(name)
    guide = {"guide_channels": guide_channels} if spec.needs_guide else {}
    return spec.factory(channels, scale=scale, **spec.options, **guide)
