"""Questions about how a map is read: before training, at one point, and with learnt offsets."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor, nn

from app.views.quiz.questions import Question, closest
from dysample.explain.disorder import fit_points
from dysample.explain.features import edge_map
from dysample.explain.footprint import footprint_of
from dysample.explain.offsets import as_array
from dysample.explain.scope import Disturbance, random_record
from dysample.geometry import InitialGrid, sample
from dysample.ops.dysample import DySample
from dysample.ops.fixed import Bilinear, Nearest
from dysample.types import SamplingRecord

_SIDE = 6  # low-res pixels: few enough to count on a projector
_CHANNELS = 256
# Chosen for mental arithmetic: the weights are 9, 3, 3 and 1 sixteenths.
_VALUES = ((16.0, 0.0), (0.0, 32.0))
_POINT = (0.75, 0.75)
_EDGE = (3, 4)  # rows and columns of the low-res map
_AT = (3, 4)  # row and column of the output pixel on the bright side of the edge
_ARROW = 0.7  # low-res pixels: length of the arrows to choose from


@dataclass(frozen=True, slots=True)
class Start:
    """An edge enlarged by an untrained DySample, beside four guesses.

    Attributes:
        input: The low-res map.
        output: Output of the untrained DySample.
        guesses: The four guesses, in the order of the choices.
        differences: Largest difference of each guess from the output.
        from_nearest: Largest difference of an untrained DySample on the nearest grid from nearest neighbour.
    """

    input: Float32[np.ndarray, "h w"]
    output: Float32[np.ndarray, "H W"]
    guesses: tuple[Float32[np.ndarray, "H W"], ...]
    differences: tuple[float, ...]
    from_nearest: float


def start() -> Question[Start]:
    """Ask what DySample outputs before training."""
    edge = edge_map("diagonal", height=_SIDE, width=_SIDE)
    x = edge.expand(1, _CHANNELS, -1, -1)
    on_bilinear, on_nearest = _new("bilinear"), _new("nearest")
    noise = random_record(Disturbance(strength=4.0), height=_SIDE, width=_SIDE)
    with torch.inference_mode():
        output, nearest = on_bilinear(x)[:, :1], Nearest(1)(edge)
        guesses = (nearest, sample(edge, noise.points), Bilinear(1)(edge), _average(edge))
        differences = tuple(_difference(output, guess) for guess in guesses)
        from_nearest = _difference(on_nearest(x)[:, :1], nearest)
    names = ("hard blocks", "disorder", "a smooth edge", "a wide blur")
    pictures = tuple(as_array(guess[0, 0]) for guess in guesses)
    facts = Start(as_array(edge[0, 0]), as_array(output[0, 0]), pictures, differences, from_nearest)
    return Question(names, closest(differences), facts)


def _new(initial: InitialGrid) -> DySample:
    """Return an untrained DySample, always the same; torch's random state is left as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return DySample(_CHANNELS, initial=initial)


def _average(x: Tensor) -> Tensor:
    """Enlarge the mean of the 5×5 pixels inside the map: what untrained kernels output."""
    return Nearest(1)(nn.functional.avg_pool2d(x, 5, stride=1, padding=2, count_include_pad=False))


def _difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


@dataclass(frozen=True, slots=True)
class Value:
    """One reading between four pixels.

    Attributes:
        values: Values of the pixels, row by row.
        weights: Weight of each pixel.
        point: Position (x, y) of the reading in low-res pixels.
        output: Value read.
    """

    values: Float32[np.ndarray, "2 2"]
    weights: Float32[np.ndarray, "2 2"]
    point: tuple[float, float]
    output: float


def value() -> Question[Value]:
    """Ask what is read at a point between four pixels."""
    x = torch.tensor(_VALUES)[None, None]
    point = torch.tensor(_POINT).view(1, 1, 2, 1, 1)
    read = footprint_of(SamplingRecord(point, torch.zeros_like(point), 0.0), x, at=(0, 0))
    weights = torch.zeros(2, 2)
    weights[read.rows[0], read.columns[0]] = read.weights[0]
    output = float(read.apply(x))
    reversed_weights = float((weights.flip(0, 1) * x[0, 0]).sum())  # the farthest pixel weighs most
    guesses = (output, float(x.mean()), float(x[0, 0, 0, 0]), reversed_weights)
    facts = Value(as_array(x[0, 0]), as_array(weights), _POINT, output)
    choices = tuple(f"{guess:g}" for guess in guesses)
    return Question(choices, closest([abs(guess - output) for guess in guesses]), facts)


@dataclass(frozen=True, slots=True)
class Arrow:
    """A point beside an edge, and the offset that training gives it.

    Attributes:
        input: The low-res map.
        start: Initial position (x, y) in low-res pixels.
        learnt: Offset (x, y) that gradient descent ends at, in low-res pixels.
        choices: Ends (x, y) of the four arrows to choose from, in low-res pixels.
        before: Value read at the start.
        after: Value read at the end.
        target: Value that should be read.
    """

    input: Float32[np.ndarray, "h w"]
    start: Float64[np.ndarray, " 2"]
    learnt: Float64[np.ndarray, " 2"]
    choices: Float64[np.ndarray, "n 2"]
    before: float
    after: float
    target: float


def arrow() -> Question[Arrow]:
    """Ask where the arrow of a point beside an edge points."""
    rows, columns = _EDGE
    x, target = (edge_map("vertical", height=s * rows, width=s * columns) for s in (1, 2))
    record = fit_points(x, target)
    row, column = _AT
    start, offset = (x[0, 0, :, row, column].double().numpy() for x in (record.initial, record.offset))
    directions = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)], np.float64)
    before, after = (sample(x, points)[0, 0, row, column] for points in (record.initial, record.points))
    facts = Arrow(
        input=as_array(x[0, 0]),
        start=start,
        learnt=offset,
        choices=start + _ARROW * directions,
        before=float(before),
        after=float(after),
        target=float(target[0, 0, row, column]),
    )
    names = (
        "left, across the edge",
        "right, away from the edge",
        "up, along the edge",
        "down, along the edge",
    )
    turns = 1 - directions @ offset / np.hypot(*offset)
    return Question(names, closest(turns.tolist()), facts)
