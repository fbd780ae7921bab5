"""Questions about how far sampling points may go."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from app.questions.question import Question, closest, only
from dysample.analysis.overlap import Overlap, Reaches, cell_reaches, marginal_scope, overlap

_SCALE, _DOUBLE = 2, 0.5  # the scope of the paper's Eq. 4 is half of it
_COUNTS = (1, 2, 4, 9)
_PLACE = (0.6, 0.4)  # any place will do that is on no reach's border
_OTHER_SCALE = 3
_GUESSES = ((1, 9), (1, 6), (1, 4), (1, 3))  # as fractions, for people


@dataclass(frozen=True, slots=True)
class Double:
    """The reaches before and after the scope is doubled.

    Attributes:
        scope: Before, in low-res pixels.
        doubled: After.
        before: The reaches of nine cells before.
        after: The same after.
        place: A place (x, y) in low-res pixels.
        over: Which of the reaches after lie over it.
        shares: Share of the plane in more than one reach, before and after.
    """

    scope: float
    doubled: float
    before: Reaches
    after: Reaches
    place: tuple[float, float]
    over: Bool[np.ndarray, " n"]
    shares: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Guess:
    """One scope to choose, with the reaches that it gives.

    Attributes:
        name: The scope as a fraction.
        reaches: Of the middle cell and those around it.
        overlap: Of a grid without end.
    """

    name: str
    reaches: Reaches
    overlap: Overlap


@dataclass(frozen=True, slots=True)
class Touch:
    """The points of a cell, and what four scopes make of them.

    Attributes:
        scale: Enlargement s.
        points: Those of nine cells, with reaches of no size.
        guesses: In the order of the choices.
        marginal: Largest scope without overlap.
    """

    scale: int
    points: Reaches
    guesses: tuple[Guess, ...]
    marginal: float


def double() -> Question[Double]:
    """How many reaches lie over a place when the scope is doubled?"""
    usual = marginal_scope(_SCALE)
    before, after = (cell_reaches(scale=_SCALE, scope=scope) for scope in (usual, _DOUBLE))
    found = [overlap(scale=_SCALE, scope=scope) for scope in (usual, _DOUBLE)]
    covered = {each.reaches for each in found[1].coverage}
    right = only([covered == {count} for count in _COUNTS])
    over = _over(after, _PLACE)
    shares = (found[0].overlapped, found[1].overlapped)
    facts = Double(usual, _DOUBLE, before, after, _PLACE, over, shares)
    return Question(_counted(_COUNTS), right, facts)


def touch() -> Question[Touch]:
    """At which scope do the reaches just touch?"""
    marginal = marginal_scope(_OTHER_SCALE)
    scopes = [one / parts for one, parts in _GUESSES]
    guesses = tuple(
        Guess(
            f"{one}/{parts}",
            cell_reaches(scale=_OTHER_SCALE, scope=scope),
            overlap(scale=_OTHER_SCALE, scope=scope),
        )
        for (one, parts), scope in zip(_GUESSES, scopes, strict=True)
    )
    right = closest([abs(scope - marginal) for scope in scopes])
    points = cell_reaches(scale=_OTHER_SCALE, scope=0.0)
    names = tuple(guess.name for guess in guesses)
    return Question(names, right, Touch(_OTHER_SCALE, points, guesses, marginal))


def _over(reaches: Reaches, place: tuple[float, float]) -> Bool[np.ndarray, " n"]:
    low, high = np.split(reaches.rectangles, 2, axis=1)
    return np.all((low < place) & (place < high), axis=1)


def _counted(counts: Sequence[int]) -> tuple[str, ...]:
    return tuple("1, as before" if count == 1 else str(count) for count in counts)
