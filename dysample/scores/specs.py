"""The scores that evidence may hold, and how they are printed."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """A score that evidence may hold.

    Attributes:
        name: Key, as in the columns of the paper's tables.
        label: Name for people.
        better: Whether higher or lower values are better.
        factor: Factor of the printed value.
        unit: Unit of the printed value; empty for a plain number.
        digits: Number of printed decimals.
    """

    name: str
    label: str
    better: Literal["higher", "lower"]
    factor: int = 1
    unit: str = ""
    digits: int = 3

    def printed(self, value: float) -> str:
        """Return a value of this score as text, without its unit."""
        return f"{self.factor * value:.{self.digits}f}"


SCORES = (
    ScoreSpec("miou", "mIoU", "higher", 100, "%", 2),
    ScoreSpec("boundary_miou", "Boundary IoU", "higher", 100, "%", 2),
    ScoreSpec("delta1", "δ1", "higher"),
    ScoreSpec("delta2", "δ2", "higher"),
    ScoreSpec("delta3", "δ3", "higher"),
    ScoreSpec("abs_rel", "AbsRel", "lower"),
    ScoreSpec("rms", "RMS", "lower", 1, "m"),
    ScoreSpec("log10", "log10", "lower"),
    ScoreSpec("rms_log", "RMS(log)", "lower"),
    ScoreSpec("sq_rel", "SqRel", "lower", 1, "m"),
    ScoreSpec("box_ap", "Box AP", "higher", 100, "%", 2),
    ScoreSpec("box_ap50", "Box AP50", "higher", 100, "%", 2),
    ScoreSpec("box_ap75", "Box AP75", "higher", 100, "%", 2),
    ScoreSpec("mask_ap", "Mask AP", "higher", 100, "%", 2),
    ScoreSpec("mask_ap50", "Mask AP50", "higher", 100, "%", 2),
    ScoreSpec("mask_ap75", "Mask AP75", "higher", 100, "%", 2),
    ScoreSpec("boundary_ap", "Boundary AP", "higher", 100, "%", 2),
    ScoreSpec("pq", "PQ", "higher", 100, "%", 2),
    ScoreSpec("sq", "SQ", "higher", 100, "%", 2),
    ScoreSpec("rq", "RQ", "higher", 100, "%", 2),
    ScoreSpec("pq_things", "PQ of things", "higher", 100, "%", 2),
    ScoreSpec("pq_stuff", "PQ of stuff", "higher", 100, "%", 2),
)


def score_spec(name: str) -> ScoreSpec:
    """Return a score by its name.

    Raises:
        ValueError: There is no score of that name.
    """
    for spec in SCORES:
        if spec.name == name:
            return spec
    raise ValueError(f"no score is called {name!r}; there are {', '.join(spec.name for spec in SCORES)}")
