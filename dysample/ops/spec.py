"""What the table of operators says of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn


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
