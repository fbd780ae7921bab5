"""What all questions have in common."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import nn

from dysample.explain.offsets import as_array
from dysample.explain.overlap import Overlap, Reaches, cell_reaches, marginal_scope, overlap
from dysample.measure.complexity import parameters
from dysample.ops.carafe import CARAFE
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS, build

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


# What questions say: the prose of `texts.toml`.


_TEXT = Path(__file__).with_name("texts.toml")


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one question; Markdown.

    Attributes:
        title: What it is about.
        given: What one has to know.
        ask: The question.
        why: The reason for the answer.
        page: Address of the page on which to go on.
        link: What there is to do.
    """

    title: str
    given: str
    ask: str
    why: str
    page: str
    link: str


@cache
def wordings() -> Mapping[str, Wording]:
    """The words of all questions by name, in the order of asking."""
    with _TEXT.open("rb") as file:
        return {name: Wording(**words) for name, words in tomllib.load(file).items()}


# A question about the map's border: what is read where there is nothing.


_BORDER_CHANNELS, _SIDE = 64, 6  # low-res pixels: from the middle ones, 5×5 kernels see no border
_SAME = 0.01  # of the map's value: what no eye would tell


@dataclass(frozen=True, slots=True)
class Border:
    """A constant map of ones, enlarged by two operators that have learnt nothing.

    Attributes:
        side: Rows and columns of the low-res map.
        carafe: What CARAFE gives.
        dysample: What DySample gives.
    """

    side: int
    carafe: Float32[np.ndarray, "H W"]
    dysample: Float32[np.ndarray, "H W"]


def border() -> Question[Border]:
    """Who keeps a constant map constant at its border?"""
    x = torch.ones(1, _BORDER_CHANNELS, _SIDE, _SIDE)
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.default_generator.manual_seed(0)
        carafe, dysample = (as_array(_new(name)(x)[0, 0]) for name in ("carafe", "dysample"))
    darker, moved = (bool((1 - each).max() > _SAME) for each in (carafe, dysample))
    # In the order of the choices: both keep it, both darken, DySample darkens, CARAFE darkens.
    right = only([not darker and not moved, darker and moved, moved and not darker, darker and not moved])
    choices = (
        "nothing: both give 1 everywhere",
        "both get darker",
        "DySample gets darker, CARAFE does not",
        "CARAFE gets darker, DySample does not",
    )
    return Question(choices, right, Border(_SIDE, carafe, dysample))


def _new(name: str) -> nn.Module:
    return build(name, _BORDER_CHANNELS)


# Questions about how far sampling points may go.


_SCOPE_SCALE, _DOUBLE = 2, 0.5  # the scope of the paper's Eq. 4 is half of it
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
    usual = marginal_scope(_SCOPE_SCALE)
    before, after = (cell_reaches(scale=_SCOPE_SCALE, scope=scope) for scope in (usual, _DOUBLE))
    found = [overlap(scale=_SCOPE_SCALE, scope=scope) for scope in (usual, _DOUBLE)]
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


# Questions about weights: what is left of them when pixels are shuffled first, or kernels not predicted.


_CHANNELS, _SCALE = 256, 2
_TIMES = (2, 4, 8, 16)
_PARTS = (30, 9, 3, 1)


@dataclass(frozen=True, slots=True)
class Linear:
    """The layer that predicts offsets.

    Attributes:
        label: Name of the operator for people.
        groups: Groups of channels with offsets of their own.
        inputs: Channels that it reads.
        outputs: Channels that it predicts.
        weights: Its weights, without the bias.
    """

    label: str
    groups: int
    inputs: int
    outputs: int
    weights: int


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Offsets predicted before the shuffle, and after it.

    Attributes:
        channels: Of the map.
        scale: Enlargement s.
        first: Linear, then pixel shuffle (LP).
        last: Pixel shuffle, then linear (PL).
    """

    channels: int
    scale: int
    first: Linear
    last: Linear


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's name for people, and its parameters."""

    name: str
    parameters: int


@dataclass(frozen=True, slots=True)
class Weight:
    """What operators weigh, in parameters.

    Attributes:
        channels: Of the map.
        kernels: CARAFE's layers.
        points: DySample's.
        guesses: Parameters of a DySample as each choice has it, rounded.
    """

    channels: int
    kernels: tuple[Layer, ...]
    points: tuple[Layer, ...]
    guesses: tuple[int, ...]


def shuffle() -> Question[Shuffle]:
    """How many times as many weights has LP as PL?"""
    first, last = _linear("dysample"), _linear("dysample-s")
    facts = Shuffle(_CHANNELS, _SCALE, first, last)
    right = closest([abs(log(first.weights / last.weights / times)) for times in _TIMES])
    return Question(tuple(f"{times} times as many" for times in _TIMES), right, facts)


def weight() -> Question[Weight]:
    """What does DySample weigh against CARAFE?"""
    carafe, dysample = CARAFE(_CHANNELS, scale=_SCALE), DySample(_CHANNELS, scale=_SCALE)
    kernels = (_layer("compress, 1×1", carafe.compress), _layer("encode, 3×3", carafe.encode))
    points = (_layer("offset, 1×1", dysample.offset),)
    total = parameters(carafe).all
    guesses = tuple(round(total / parts) for parts in _PARTS)
    right = closest([abs(log(guess / parameters(dysample).all)) for guess in guesses])
    names = tuple(f"about a {_ORDINALS[parts]}" if parts > 1 else "about as many" for parts in _PARTS)
    return Question(names, right, Weight(_CHANNELS, kernels, points, guesses))


_ORDINALS = {3: "third", 9: "ninth", 30: "thirtieth"}


def _linear(name: str) -> Linear:
    operator = build(name, _CHANNELS, scale=_SCALE)
    if not isinstance(operator, DySample):
        raise ValueError(f"only the DySample family predicts offsets, got {name!r}")
    outputs, inputs = operator.offset.weight.shape[:2]
    weights = parameters(operator.offset).weights_only
    return Linear(OPERATORS[name].label, operator.groups, inputs, outputs, weights)


def _layer(name: str, layer: nn.Module) -> Layer:
    return Layer(name, parameters(layer).all)
