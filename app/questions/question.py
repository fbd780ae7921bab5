"""What all questions have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

F = TypeVar("F")
LETTERS = "ABCD"
_APART = 2  # the second best choice must be so many times as far from the value as the best


@dataclass(frozen=True, slots=True)
class Question(Generic[F]):
    """One prediction.

    Attributes:
        choices: What to choose from, in words.
        right: Index of the choice that the computation says.
        facts: What was computed, for the figures.
    """

    choices: tuple[str, ...]
    right: int
    facts: F

    def __post_init__(self) -> None:
        if len(self.choices) != len(LETTERS):
            raise ValueError(f"a question must have {len(LETTERS)} choices, got {len(self.choices)}")
        if not 0 <= self.right < len(self.choices):
            raise ValueError(
                f"right must be the index of one of {len(self.choices)} choices, got {self.right}"
            )


def only(holds: Sequence[bool]) -> int:
    """Index of the only choice that holds.

    Raises:
        ValueError: None or several hold.
    """
    if sum(holds) != 1:
        raise ValueError(f"exactly one choice must be right, got {sum(holds)} of {len(holds)}")
    return list(holds).index(True)


def closest(distances: Sequence[float]) -> int:
    """Index of the choice with the smallest distance from what was computed.

    Raises:
        ValueError: Another choice is nearly as close.
    """
    best, second = sorted(distances)[:2]
    if second <= _APART * best:
        raise ValueError(f"one choice must be clearly the closest, got distances {best:g} and {second:g}")
    return list(distances).index(best)
