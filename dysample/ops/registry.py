"""The one table of operators, and `build`, which makes one by its name."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

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

# What the table of operators says of each.


Family = Literal["fixed", "convolution", "kernel", "guided", "points"]
Start = Literal[
    "nothing to learn",
    "near bilinear",
    "near an average",
    "random kernel",
    "random gain",
    "random filters",
]


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """One row of the table.

    Attributes:
        label: Name for people.
        factory: Makes the operator, from channels, the keyword scale and the options.
        summary: One sentence: how it decides what an output pixel holds.
        family: What kind of upsampler it is: fixed interpolation, a convolution between all channels,
            learned kernels, those with a guide, or points that move.
        start: What it does before it has learned anything.
        convolutions: What its convolutions and products compute, to follow "most of the time goes to";
            empty where it has none.
        in_paper: Whether the paper's tables compare it.
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
    _: KW_ONLY
    family: Family
    start: Start
    convolutions: str = ""
    in_paper: bool = False
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
    convolutions = (
        "convolutions that predict offsets and scope"
        if dynamic_scope
        else "convolution that predicts offsets"
    )
    return OperatorSpec(
        label,
        DySample,
        summary,
        family="points",
        start="near bilinear",
        convolutions=f"the 1×1 {convolutions}",
        in_paper=True,
        options={"style": style, "groups": groups, "dynamic_scope": dynamic_scope},
        paper="Liu et al., ICCV",
        year=2023,
        constraints=constraints,
    )


OPERATORS: dict[str, OperatorSpec] = {
    "nearest": OperatorSpec(
        "Nearest",
        Nearest,
        "Copies the low-res pixel it lies in.",
        family="fixed",
        start="nothing to learn",
        in_paper=True,
    ),
    "bilinear": OperatorSpec(
        "Bilinear",
        Bilinear,
        "Blends the four nearest low-res pixels.",
        family="fixed",
        start="nothing to learn",
        in_paper=True,
    ),
    "deconv": OperatorSpec(
        "Deconvolution",
        Deconvolution,
        "Spreads every low-res pixel over its surroundings with a learned 3×3 filter between all channels.",
        family="convolution",
        start="random filters",
        convolutions="the transposed 3×3 convolution between all channels",
        in_paper=True,
        paper="Zeiler et al., CVPR",
        year=2010,
        constraints="any channels, scale 2",
        has_footprint=False,
    ),
    "pixelshuffle": OperatorSpec(
        "Pixel shuffle",
        PixelShuffle,
        "Predicts the output pixels of a low-res pixel with a 3×3 convolution and lays them out.",
        family="convolution",
        start="random filters",
        convolutions="the 3×3 convolution between all channels",
        in_paper=True,
        paper="Shi et al., CVPR",
        year=2016,
        has_footprint=False,
    ),
    "carafe": OperatorSpec(
        "CARAFE",
        CARAFE,
        "Weighs 5×5 low-res pixels with a kernel that the low-res features predict.",
        family="kernel",
        start="near an average",
        convolutions="the convolutions that predict kernels",
        in_paper=True,
        paper="Wang et al., ICCV",
        year=2019,
    ),
    "indexnet": OperatorSpec(
        "IndexNet",
        IndexNet,
        "Multiplies the low-res pixel it lies in by a gain that the guide predicts.",
        family="guided",
        start="random gain",
        convolutions="the convolutions that predict gains from the guide",
        in_paper=True,
        paper="Lu et al., ICCV",
        year=2019,
        constraints="any channels, scale 2",
        needs_guide=True,
    ),
    "a2u": OperatorSpec(
        "A2U",
        A2U,
        "Weighs 3×3 low-res pixels with one kernel per image, scaled by the guide's affinity.",
        family="guided",
        start="near an average",
        convolutions="the convolutions that compare with the guide",
        in_paper=True,
        paper="Dai et al., CVPR",
        year=2021,
        constraints="a guide whose channels are a multiple of 32, scale 2",
        needs_guide=True,
    ),
    "fade": OperatorSpec(
        "FADE",
        FADE,
        "Weighs 5×5 low-res pixels with a kernel that guide and low-res features predict together.",
        family="guided",
        start="random kernel",
        convolutions="the convolutions that predict kernels from both maps",
        in_paper=True,
        paper="Lu et al., ECCV",
        year=2022,
        needs_guide=True,
    ),
    "sapa": OperatorSpec(
        "SAPA-B",
        SAPA,
        "Weighs 5×5 low-res pixels by their similarity to the guide.",
        family="guided",
        start="near an average",
        convolutions="the products that compare with the guide",
        in_paper=True,
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


# Names with options: "dysample@groups=8,scope=0.1" is the row "dysample" with two options changed.
#
# The signs are safe in shells and in the names of files, since runs are kept in folders of that name.


MARK = "@"
_SIZES = ("scale", "guide_channels")  # decided by the host, not by a name
_WORDS: dict[str, Callable[[Any], str]] = {
    "groups": lambda value: "1 group" if value == 1 else f"{value} groups",
    "style": lambda value: value.upper(),
    "dynamic_scope": lambda value: "dynamic scope" if value else "static scope",
    "scope": lambda value: f"scope {value:g}",
    "initial": lambda value: f"{value} grid",
}


def variant(rows: Mapping[str, OperatorSpec], name: str) -> tuple[str, OperatorSpec]:
    """Look up a row, or a row with options changed.

    Args:
        rows: The table.
        name: A key of it, or such as ``"dysample@groups=8,style=pl"``.

    Returns:
        The one name that all spellings of this operator share, and the row with its options merged.

    Raises:
        ValueError: There is no such row, or it has no such option or value.
    """
    base, mark, rest = name.partition(MARK)
    if base not in rows:
        raise ValueError(f"no upsampler is called {base!r}; there are {', '.join(rows)}")
    if not mark:
        return base, rows[base]
    given = _read(rows[base], base, rest)
    wanted = _defaults(rows[base]) | dict(rows[base].options) | given
    # Rows of one factory differ by their options alone: the nearest row gives the name.
    near = {key: _changes(row, wanted) for key, row in rows.items() if row.factory is rows[base].factory}
    key = min(near, key=lambda row: len(near[row]))
    if not near[key]:
        return key, rows[key]
    label = ", ".join([rows[key].label, *(_WORDS[option](value) for option, value in near[key].items())])
    spelled = ",".join(f"{option}={_spelled(value)}" for option, value in near[key].items())
    return f"{key}{MARK}{spelled}", replace(rows[key], label=label, options=wanted)


def _defaults(row: OperatorSpec) -> dict[str, object]:
    """Options of a row's factory, in the order of its signature, with the values that it would take."""
    parameters = inspect.signature(row.factory).parameters.values()
    return {
        each.name: each.default
        for each in parameters
        if each.kind is each.KEYWORD_ONLY and each.name not in _SIZES
    }


def _changes(row: OperatorSpec, wanted: Mapping[str, object]) -> dict[str, object]:
    mine = _defaults(row) | dict(row.options)
    return {option: value for option, value in wanted.items() if mine[option] != value}


def _read(row: OperatorSpec, base: str, text: str) -> dict[str, object]:
    """The options of a name, such as ``"groups=8,style=pl"``."""
    known = _defaults(row)
    if not known:
        raise ValueError(f"{base} has no options, got {text!r}")
    hints = get_type_hints(getattr(row.factory, "__init__"))  # noqa: B009 - of a class, not of an instance
    found: dict[str, object] = {}
    for part in text.split(","):
        option, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{base}: an option is written as in groups=8, got {part!r}")
        if option not in known:
            raise ValueError(f"{base} has no option {option!r}; it has {', '.join(known)}")
        if option in found:
            raise ValueError(f"{base}: the option {option} is given twice")
        found[option] = _value(f"{base}: {option}", hints[option], value)
    return found


def _value(what: str, kind: Any, text: str) -> object:
    if get_origin(kind) is Literal or kind is bool:
        choices = {"true": True, "false": False} if kind is bool else {each: each for each in get_args(kind)}
        if text not in choices:
            raise ValueError(f"{what} must be one of {', '.join(choices)}, got {text!r}")
        return choices[text]
    try:
        return kind(text)
    except ValueError as error:
        number = "an integer" if kind is int else "a number"
        raise ValueError(f"{what} must be {number}, got {text!r}") from error


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
