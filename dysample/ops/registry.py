"""The one table of operators, and `build`, which makes one by its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.dysample import DySample
from dysample.ops.fixed import Bilinear, Nearest


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """One row of the table.

    Attributes:
        label: Name for people.
        factory: Makes the operator, from channels, the keyword scale and the options.
        options: What the row fixes of the factory's options.
        summary: One sentence: how it decides what an output pixel holds.
        paper: Where it was published, short; empty for textbook interpolation.
        needs_guide: Whether it looks at a high-res guide as well.
    """

    label: str
    factory: Callable[..., nn.Module]
    summary: str
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    paper: str = ""
    needs_guide: bool = False

    def inputs(self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b g H W"]) -> tuple[Tensor, ...]:
        """What to call the operator with: hosts pass both and never ask which operator they hold."""
        return (x, guide) if self.needs_guide else (x,)


_DYSAMPLE_PAPER = "Liu et al., ICCV 2023"

OPERATORS: dict[str, OperatorSpec] = {
    "nearest": OperatorSpec("Nearest", Nearest, "Copies the low-res pixel it lies in."),
    "bilinear": OperatorSpec("Bilinear", Bilinear, "Blends the four nearest low-res pixels."),
    "dysample": OperatorSpec(
        "DySample",
        DySample,
        "Moves each sampling point by an offset that the low-res features predict.",
        {"style": "lp", "groups": 4, "dynamic_scope": False},
        _DYSAMPLE_PAPER,
    ),
    "dysample+": OperatorSpec(
        "DySample+",
        DySample,
        "As DySample; how far a point may move is predicted too.",
        {"style": "lp", "groups": 4, "dynamic_scope": True},
        _DYSAMPLE_PAPER,
    ),
    "dysample-s": OperatorSpec(
        "DySample-S",
        DySample,
        "As DySample; offsets are predicted from pixel-shuffled features, with an eighth of the weights.",
        {"style": "pl", "groups": 8, "dynamic_scope": False},
        _DYSAMPLE_PAPER,
    ),
    "dysample-s+": OperatorSpec(
        "DySample-S+",
        DySample,
        "As DySample-S; how far a point may move is predicted too.",
        {"style": "pl", "groups": 8, "dynamic_scope": True},
        _DYSAMPLE_PAPER,
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


def build(name: str, channels: int, *, scale: int = 2) -> nn.Module:
    """Make the operator of a row of `OPERATORS` for maps of `channels` channels.

    Raises:
        ValueError: The name is unknown, or the operator cannot have these channels or this scale.
    """
    spec = operator_spec(name)
    return spec.factory(channels, scale=scale, **spec.options)
