"""Questions and their words, and the questions about border, reaches and weights."""

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
_TEXT = Path(__file__).with_name("texts.toml")
_APART = 2  # the second closest choice must be this many times as far off as the closest
_BORDER_CHANNELS = 64
_SIDE = 6  # low-res pixels: 5×5 kernels at the middle ones do not reach the border
_SAME = 0.01  # of the value 1: an invisible difference
_SCOPE_SCALE, _DOUBLE = 2, 0.5  # `_DOUBLE` is twice the scope of Eq. 4
_COUNTS = (1, 2, 4, 9)
_PLACE = (0.6, 0.4)  # any place that is not on the border of a reach
_OTHER_SCALE = 3
_GUESSES = ((1, 9), (1, 6), (1, 4), (1, 3))  # scopes as fractions
_CHANNELS, _SCALE = 256, 2
_TIMES = (2, 4, 8, 16)
_PARTS = (30, 9, 3, 1)  # CARAFE's parameters divided by these
_ORDINALS = {3: "third", 9: "ninth", 30: "thirtieth"}


@dataclass(frozen=True, slots=True)
class Question(Generic[F]):
    """A prediction to make.

    Attributes:
        choices: The choices, in words.
        right: Index of the right choice, as computed.
        facts: Computed facts for the figures.
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
    """Return the index of the only choice that holds.

    Raises:
        ValueError: No choice holds, or several do.
    """
    if sum(holds) != 1:
        raise ValueError(f"exactly one choice must be right, got {sum(holds)} of {len(holds)}")
    return list(holds).index(True)


def closest(distances: Sequence[float]) -> int:
    """Return the index of the choice with the smallest distance from the computed value.

    Raises:
        ValueError: Another choice is nearly as close.
    """
    best, second = sorted(distances)[:2]
    if second <= _APART * best:
        raise ValueError(f"one choice must be clearly the closest, got distances {best:g} and {second:g}")
    return list(distances).index(best)


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a question, in Markdown.

    Attributes:
        title: Its subject.
        given: Facts that the question builds on.
        ask: The question.
        why: The reason for the answer.
        page: Address of the page on which to try it.
        link: Label of the link to that page.
    """

    title: str
    given: str
    ask: str
    why: str
    page: str
    link: str


@cache
def wordings() -> Mapping[str, Wording]:
    """Return the words of all questions by name, in the order of `texts.toml`."""
    with _TEXT.open("rb") as file:
        return {name: Wording(**words) for name, words in tomllib.load(file).items()}


@dataclass(frozen=True, slots=True)
class Border:
    """A constant map of ones, enlarged by two untrained operators.

    Attributes:
        side: Rows and columns of the low-res map.
        carafe: Output of CARAFE.
        dysample: Output of DySample.
    """

    side: int
    carafe: Float32[np.ndarray, "H W"]
    dysample: Float32[np.ndarray, "H W"]


def border() -> Question[Border]:
    """Ask which operator keeps a constant map constant at its border."""
    x = torch.ones(1, _BORDER_CHANNELS, _SIDE, _SIDE)
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.default_generator.manual_seed(0)
        carafe, dysample = (
            as_array(build(name, _BORDER_CHANNELS)(x)[0, 0]) for name in ("carafe", "dysample")
        )
    carafe_darker, dysample_darker = (bool((1 - output).max() > _SAME) for output in (carafe, dysample))
    outcomes = ((False, False), (True, True), (False, True), (True, False))  # in the order of the choices
    right = only([(carafe_darker, dysample_darker) == outcome for outcome in outcomes])
    choices = (
        "nothing: both give 1 everywhere",
        "both get darker",
        "DySample gets darker, CARAFE does not",
        "CARAFE gets darker, DySample does not",
    )
    return Question(choices, right, Border(_SIDE, carafe, dysample))


@dataclass(frozen=True, slots=True)
class Double:
    """The reaches before and after doubling the scope.

    Attributes:
        scope: Scope before, in low-res pixels.
        doubled: Scope after, in low-res pixels.
        before: Reaches of nine cells before.
        after: Reaches of nine cells after.
        place: A place (x, y) in low-res pixels.
        over: Mask of the reaches in `after` that lie over the place.
        shares: Share of the plane in more than one reach, before and after.
    """

    scope: float
    doubled: float
    before: Reaches
    after: Reaches
    place: tuple[float, float]
    over: Bool[np.ndarray, " n"]
    shares: tuple[float, float]


def double() -> Question[Double]:
    """Ask how many reaches lie over a place when the scope is doubled."""
    usual = marginal_scope(_SCOPE_SCALE)
    before, after = (cell_reaches(scale=_SCOPE_SCALE, scope=scope) for scope in (usual, _DOUBLE))
    single, double = (overlap(scale=_SCOPE_SCALE, scope=scope) for scope in (usual, _DOUBLE))
    counts = {part.reaches for part in double.coverage}
    right = only([counts == {count} for count in _COUNTS])
    over = _over(after, _PLACE)
    shares = (single.overlapped, double.overlapped)
    facts = Double(usual, _DOUBLE, before, after, _PLACE, over, shares)
    return Question(_counted(_COUNTS), right, facts)


def _over(reaches: Reaches, place: tuple[float, float]) -> Bool[np.ndarray, " n"]:
    low, high = np.split(reaches.rectangles, 2, axis=1)
    return np.all((low < place) & (place < high), axis=1)


def _counted(counts: Sequence[int]) -> tuple[str, ...]:
    return tuple("1, as before" if count == 1 else str(count) for count in counts)


@dataclass(frozen=True, slots=True)
class Guess:
    """A scope to choose, with its reaches.

    Attributes:
        name: The scope as a fraction.
        reaches: Reaches of the middle cell and those around it.
        overlap: Overlap on an infinite grid.
    """

    name: str
    reaches: Reaches
    overlap: Overlap


@dataclass(frozen=True, slots=True)
class Touch:
    """The points of a cell, and their reaches for four scopes.

    Attributes:
        scale: Upsampling factor s.
        points: Points of nine cells, with reaches of size 0.
        guesses: In the order of the choices.
        marginal: Largest scope without overlap, in low-res pixels.
    """

    scale: int
    points: Reaches
    guesses: tuple[Guess, ...]
    marginal: float


def touch() -> Question[Touch]:
    """Ask at which scope the reaches just touch."""
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


@dataclass(frozen=True, slots=True)
class Linear:
    """A layer that predicts offsets.

    Attributes:
        label: Display name of the operator.
        groups: Number of channel groups, each with its own offsets.
        inputs: Number of input channels.
        outputs: Number of output channels.
        weights: Number of weights, without the bias.
    """

    label: str
    groups: int
    inputs: int
    outputs: int
    weights: int


@dataclass(frozen=True, slots=True)
class Shuffle:
    """The layers that predict offsets before the pixel shuffle, and after it.

    Attributes:
        channels: Channels of the map.
        scale: Upsampling factor s.
        first: Linear, then pixel shuffle (LP).
        last: Pixel shuffle, then linear (PL).
    """

    channels: int
    scale: int
    first: Linear
    last: Linear


def shuffle() -> Question[Shuffle]:
    """Ask how many times as many weights LP has as PL."""
    first, last = _linear("dysample"), _linear("dysample-s")
    facts = Shuffle(_CHANNELS, _SCALE, first, last)
    right = closest([abs(log(first.weights / last.weights / times)) for times in _TIMES])
    return Question(tuple(f"{times} times" for times in _TIMES), right, facts)


def _linear(name: str) -> Linear:
    operator = build(name, _CHANNELS, scale=_SCALE)
    if not isinstance(operator, DySample):
        raise ValueError(f"only the DySample family predicts offsets, got {name!r}")
    outputs, inputs = operator.offset.weight.shape[:2]
    weights = parameters(operator.offset).weights_only
    return Linear(OPERATORS[name].label, operator.groups, inputs, outputs, weights)


@dataclass(frozen=True, slots=True)
class LayerSize:
    """Display name and number of parameters of a layer."""

    name: str
    parameters: int


@dataclass(frozen=True, slots=True)
class Weight:
    """The layers of two operators and their parameters.

    Attributes:
        channels: Channels of the map.
        kernels: Layers of CARAFE.
        points: Layers of DySample.
        guesses: Parameters of DySample according to each choice, rounded.
    """

    channels: int
    kernels: tuple[LayerSize, ...]
    points: tuple[LayerSize, ...]
    guesses: tuple[int, ...]


def weight() -> Question[Weight]:
    """Ask how many parameters DySample has compared to CARAFE."""
    carafe, dysample = CARAFE(_CHANNELS, scale=_SCALE), DySample(_CHANNELS, scale=_SCALE)
    kernels = (_layer("compress, 1×1", carafe.compress), _layer("encode, 3×3", carafe.encode))
    points = (_layer("offset, 1×1", dysample.offset),)
    total = parameters(carafe).all
    guesses = tuple(round(total / parts) for parts in _PARTS)
    right = closest([abs(log(guess / parameters(dysample).all)) for guess in guesses])
    names = tuple(f"about a {_ORDINALS[parts]}" if parts > 1 else "about as many" for parts in _PARTS)
    return Question(names, right, Weight(_CHANNELS, kernels, points, guesses))


def _layer(name: str, layer: nn.Module) -> LayerSize:
    return LayerSize(name, parameters(layer).all)
