"""The table of operators, and building them by name.

A name may carry options: "dysample@groups=8,scope=0.1" is the row "dysample" with two options changed.
These characters are safe in shells and in file names, which matters because runs are stored in folders
named after their operator.
"""

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

Family = Literal["fixed", "convolution", "kernel", "guided", "points"]
Start = Literal[
    "nothing to learn",
    "near bilinear",
    "near an average",
    "random kernel",
    "random gain",
    "random filters",
]
MARK = "@"
_HOST_OPTIONS = ("scale", "guide_channels")  # set by the host, so a name cannot carry them
_WORDS: dict[str, Callable[[Any], str]] = {
    "groups": lambda value: "1 group" if value == 1 else f"{value} groups",
    "style": lambda value: value.upper(),
    "dynamic_scope": lambda value: "dynamic scope" if value else "static scope",
    "scope": lambda value: f"scope {value:g}",
    "initial": lambda value: f"{value} grid",
}


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """Row of the table of operators.

    Attributes:
        label: Display name.
        factory: Class or function that builds the operator from channels, the keyword `scale` and `options`.
        summary: One sentence on how the operator computes an output pixel.
        family: Kind of upsampler: fixed interpolation, convolution between all channels, learned kernels,
            learned kernels with a guide, or moving points.
        start: Behaviour before training.
        convolutions: What its convolutions and products compute, to follow "most of the time goes to";
            empty if it has none.
        in_paper: Whether the paper's tables include it.
        options: Options of the factory that the row sets.
        paper: Authors and venue of its paper, in short; empty for textbook interpolation.
        year: Year of that paper; None for textbook interpolation.
        constraints: Requirements on channels and scale, in words.
        needs_guide: Whether it also reads a high-res guide.
        has_footprint: Whether it only weighs input pixels, so that `plan` tells which ones made an output
            pixel; the other operators also mix channels.
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
        """Return the arguments of a call, so that hosts can pass both maps to any operator."""
        return (x, guide) if self.needs_guide else (x,)


def _dysample(
    label: str, summary: str, *, style: Style, groups: int, dynamic_scope: bool, constraints: str
) -> OperatorSpec:
    """Return the row of a member of the DySample family."""
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
        "Copies the low-res pixel that contains it.",
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
        "Predicts all output pixels of a low-res pixel with a 3×3 convolution and rearranges them.",
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
        "Weighs 5×5 low-res pixels with a kernel predicted from the low-res features.",
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
        "Multiplies the low-res pixel that contains it by a gain predicted from the guide.",
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
        constraints="a guide with a multiple of 32 channels, scale 2",
        needs_guide=True,
    ),
    "fade": OperatorSpec(
        "FADE",
        FADE,
        "Weighs 5×5 low-res pixels with a kernel predicted from the guide and the low-res features.",
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
        constraints="a map and a guide with a multiple of 32 channels each, any scale",
        needs_guide=True,
    ),
    "dysample": _dysample(
        "DySample",
        "Moves each sampling point by an offset predicted from the low-res features.",
        style="lp",
        groups=4,
        dynamic_scope=False,
        constraints="a multiple of 4 channels, any scale",
    ),
    "dysample+": _dysample(
        "DySample+",
        "Like DySample, but also predicts how far each point may move.",
        style="lp",
        groups=4,
        dynamic_scope=True,
        constraints="a multiple of 4 channels, any scale",
    ),
    "dysample-s": _dysample(
        "DySample-S",
        "Like DySample, but predicts offsets from pixel-shuffled features, with an eighth of the weights.",
        style="pl",
        groups=8,
        dynamic_scope=False,
        constraints="channels that are a multiple of 8 and of the scale squared, any scale",
    ),
    "dysample-s+": _dysample(
        "DySample-S+",
        "Like DySample-S, but also predicts how far each point may move.",
        style="pl",
        groups=8,
        dynamic_scope=True,
        constraints="channels that are a multiple of 8 and of the scale squared, any scale",
    ),
}


def operator_spec(name: str) -> OperatorSpec:
    """Return the row of an operator, or of a variant such as "dysample@groups=8,style=pl".

    Raises:
        ValueError: No operator has that name, or the operator has no such option or value; the message
            lists the valid ones.
    """
    return _variant(OPERATORS, name)[1]


def canonical_name(name: str) -> str:
    """Return the canonical spelling of an operator's name: options in order, defaults omitted.

    Options that make another row of the table give its name: "dysample@dynamic_scope=true" is "dysample+".

    Raises:
        ValueError: No operator has that name, or the operator has no such option or value.
    """
    return _variant(OPERATORS, name)[0]


def build(name: str, channels: int, *, scale: int = 2, guide_channels: int | None = None) -> nn.Module:
    """Build an operator of `OPERATORS`, or a variant of one.

    Args:
        name: Key of the table, optionally with options, such as "dysample@groups=8".
        channels: Channels of the map to enlarge.
        scale: Enlargement s.
        guide_channels: Channels of the guide, if the operator needs one; None for the same number as the
            map.

    Raises:
        ValueError: The name is unknown, or the operator does not support these channels or this scale.
    """
    spec = operator_spec(name)
    guide = {"guide_channels": guide_channels} if spec.needs_guide else {}
    return spec.factory(channels, scale=scale, **spec.options, **guide)


def _variant(rows: Mapping[str, OperatorSpec], name: str) -> tuple[str, OperatorSpec]:
    """Return the canonical name of an operator, and its row with the options of the name merged in.

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
    # Rows of one factory differ only in their options: the row that needs the fewest changes names it.
    changes = {key: _changes(row, wanted) for key, row in rows.items() if row.factory is rows[base].factory}
    key = min(changes, key=lambda row: len(changes[row]))
    if not changes[key]:
        return key, rows[key]
    label = ", ".join([rows[key].label, *(_WORDS[option](value) for option, value in changes[key].items())])
    spelled = ",".join(f"{option}={_spelled(value)}" for option, value in changes[key].items())
    return f"{key}{MARK}{spelled}", replace(rows[key], label=label, options=wanted)


def _defaults(row: OperatorSpec) -> dict[str, object]:
    """Return the options of a row's factory and their default values, in the order of its signature."""
    parameters = inspect.signature(row.factory).parameters.values()
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in _HOST_OPTIONS
    }


def _changes(row: OperatorSpec, wanted: Mapping[str, object]) -> dict[str, object]:
    """Return the options whose wanted values differ from those of a row."""
    current = _defaults(row) | dict(row.options)
    return {option: value for option, value in wanted.items() if current[option] != value}


def _read(row: OperatorSpec, base: str, text: str) -> dict[str, object]:
    """Parse the options of a name, such as ``"groups=8,style=pl"``."""
    known = _defaults(row)
    if not known:
        raise ValueError(f"{base} has no options, got {text!r}")
    hints = get_type_hints(getattr(row.factory, "__init__"))  # noqa: B009 - a class attribute
    options: dict[str, object] = {}
    for part in text.split(","):
        option, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{base}: options must be written like groups=8, got {part!r}")
        if option not in known:
            raise ValueError(f"{base} has no option {option!r}; it has {', '.join(known)}")
        if option in options:
            raise ValueError(f"{base}: the option {option} is given twice")
        options[option] = _value(f"{base}: {option}", hints[option], value)
    return options


def _value(what: str, kind: Any, text: str) -> object:
    """Convert the text of an option to its type."""
    if get_origin(kind) is Literal or kind is bool:
        choices = (
            {"true": True, "false": False} if kind is bool else {choice: choice for choice in get_args(kind)}
        )
        if text not in choices:
            raise ValueError(f"{what} must be one of {', '.join(choices)}, got {text!r}")
        return choices[text]
    try:
        return kind(text)
    except ValueError as error:
        number = "an integer" if kind is int else "a number"
        raise ValueError(f"{what} must be {number}, got {text!r}") from error


def _spelled(value: object) -> str:
    """Return a value as it is written in a name."""
    return str(value).lower() if isinstance(value, bool) else str(value)
