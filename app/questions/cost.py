"""Questions about weights: what is left of them when pixels are shuffled first, or kernels not predicted."""

from dataclasses import dataclass
from math import log

from torch import nn

from app.questions.question import Question, closest
from dysample.analysis.complexity.counting import parameters
from dysample.ops.carafe import CARAFE
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS, build

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
