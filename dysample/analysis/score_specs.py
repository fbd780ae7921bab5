"""The scores that evidence may hold, and how upsamplers and their variants are named."""

from dataclasses import dataclass
from typing import Literal

from dysample.ops.registry import OPERATORS

Kind = Literal["segmentation", "depth"]


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """A score that evidence may hold.

    Attributes:
        name: Key, as in the columns of the paper's tables.
        label: Name for people.
        kind: The tasks that have it.
        better: Whether more or less of it is better.
        factor: What to multiply a value by to print it.
        unit: What the printed value is in; empty for a plain number.
        digits: Decimals to print.
    """

    name: str
    label: str
    kind: Kind
    better: Literal["higher", "lower"]
    factor: int = 1
    unit: str = ""
    digits: int = 3


SCORES = (
    ScoreSpec("miou", "mIoU", "segmentation", "higher", 100, "%", 2),
    ScoreSpec("boundary_miou", "Boundary IoU", "segmentation", "higher", 100, "%", 2),
    ScoreSpec("delta1", "δ1", "depth", "higher"),
    ScoreSpec("delta2", "δ2", "depth", "higher"),
    ScoreSpec("delta3", "δ3", "depth", "higher"),
    ScoreSpec("abs_rel", "AbsRel", "depth", "lower"),
    ScoreSpec("rms", "RMS", "depth", "lower", 1, "m"),
    ScoreSpec("log10", "log10", "depth", "lower"),
    ScoreSpec("rms_log", "RMS(log)", "depth", "lower"),
    ScoreSpec("sq_rel", "SqRel", "depth", "lower", 1, "m"),
)


def score_spec(name: str) -> ScoreSpec:
    """A score by its name.

    Raises:
        ValueError: There is none of that name.
    """
    for spec in SCORES:
        if spec.name == name:
            return spec
    raise ValueError(f"no score is called {name!r}; there are {', '.join(spec.name for spec in SCORES)}")


def upsampler_label(name: str) -> str:
    """An upsampler's name for people: "DySample, groups=8" for "dysample:groups=8".

    Raises:
        ValueError: The part before the colon is not in `OPERATORS`.
    """
    base, _, options = name.partition(":")
    if base not in OPERATORS:
        raise ValueError(f"no upsampler is called {base!r}; there are {', '.join(OPERATORS)}")
    return ", ".join([OPERATORS[base].label, *(option for option in options.split(",") if option)])
