"""A tiny DySample that learns from one small picture, in seconds on a CPU.

The network learns only where to read. Two 3x3 convolutions look at the reduced picture, and DySample predicts
sampling points from their features. Every group reads the whole input at its own points, and the readings are
mixed with learned weights that are the same everywhere and add up to one. Without offsets this is plain
interpolation whatever the weights, so any gain over bilinear comes from reading elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from dysample.explain.learn_tasks import CELLS, HeldOutScore, Problem, bilinear, rgb_pixels, score, squares
from dysample.geometry import InitialGrid, sample
from dysample.ops.dysample import DySample, Style
from dysample.types import SamplingRecord

LEARNING_RATE = 0.01
_HIDDEN = 16
_PER_POINT = 4  # features for each of the s x s points, which is all that "pl" predicts from
_MIX_SPREAD = 0.5  # groups with equal initial weights would all learn to read the same
_VIEWS = 8  # four quarter turns, each plain and mirrored


@dataclass(frozen=True, slots=True)
class LearnSettings:
    """Options of DySample; the learning rate is the same for all.

    Attributes:
        scope: Static scope factor (Eq. 4), or the initial value of the dynamic scope.
        groups: Sets of sampling points, a divisor of 4 s^2.
        initial: Grid that the points start from.
        style: Predict offsets, then shuffle ("lp"), or the reverse ("pl").
        dynamic_scope: Predict the scope of every point (Eq. 5).
    """

    scope: float = 0.25
    groups: int = 4
    initial: InitialGrid = "bilinear"
    style: Style = "lp"
    dynamic_scope: bool = False


class TinyUpsampler(nn.Module):
    """A network that plans sampling points for every group, reads there, and mixes the readings."""

    def __init__(self, channels: int, settings: LearnSettings, *, scale: int) -> None:
        """Build a network whose offsets are close to zero.

        Args:
            channels: Channels of the map that offsets are predicted from.
            settings: The options of DySample.
            scale: Enlargement s.

        Raises:
            ValueError: The options are inconsistent.
        """
        super().__init__()
        features = _PER_POINT * scale**2
        if settings.groups < 1 or features % settings.groups:
            raise ValueError(f"groups must divide {features} at scale {scale}, got {settings.groups}")
        self.look = nn.Sequential(
            _convolution(channels, _HIDDEN), nn.ReLU(), _convolution(_HIDDEN, features), nn.ReLU()
        )
        self.upsample = DySample(
            features,
            scale=scale,
            groups=settings.groups,
            style=settings.style,
            dynamic_scope=settings.dynamic_scope,
            scope=settings.scope,
            initial=settings.initial,
        )
        self.spread = nn.Parameter(torch.linspace(-_MIX_SPREAD, _MIX_SPREAD, settings.groups))

    @property
    def mix(self) -> Float[Tensor, " g"]:
        """Weights of the groups' readings, which add up to one."""
        return self.spread - self.spread.mean() + 1 / len(self.spread)

    def plan(self, seen: Float[Tensor, "b f h w"]) -> SamplingRecord:
        """Plan where to read, from values in [0, 1]."""
        return self.upsample.plan(self.look(4 * (seen - 0.5)))  # scaled to about unit size

    def read(self, x: Float[Tensor, "b c h w"], record: SamplingRecord) -> Float[Tensor, "b c H W"]:
        """Read all of `x` once for every group, and mix the readings."""
        groups = record.offset.shape[1]
        readings = sample(x.repeat(1, groups, 1, 1), record.points).unflatten(1, (groups, x.shape[1]))
        return torch.einsum("bgchw,g->bchw", readings, self.mix)


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, padding_mode="replicate")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of the learning, on the CPU, for the whole picture.

    Attributes:
        step: Number of updates so far.
        loss: Mean squared error on the training squares, which training minimises.
        bilinear_loss: The same for bilinear interpolation.
        score: Score on the held-out squares.
        bilinear: Score of bilinear interpolation on the same squares.
        record: Plan for the whole picture.
        mix: Weights of the groups' readings, which add up to one.
        output: The enlarged picture, or the mask in grey.
    """

    step: int
    loss: float
    bilinear_loss: float
    score: HeldOutScore
    bilinear: HeldOutScore
    record: SamplingRecord
    mix: tuple[float, ...]
    output: UInt8[np.ndarray, "H W 3"]

    @property
    def gain(self) -> float:
        """Held-out PSNR minus bilinear's in dB, each rounded to two decimals as shown; may be negative."""
        return round(round(self.score.psnr, 2) - round(self.bilinear.psnr, 2), 2)

    @property
    def beats_bilinear(self) -> bool:
        """Whether the held-out PSNR is higher than that of bilinear, as shown."""
        return self.gain > 0


def train_steps(
    problem: Problem, settings: LearnSettings, *, steps: int = 200, snapshot_every: int = 10, seed: int = 0
) -> Iterator[Snapshot]:
    """Learn on the training squares, lazily: updates run when the next snapshot is requested.

    Every step uses all training squares in the next of eight views, rotated and mirrored. Equal arguments
    make equal snapshots. torch's random state and threads are not changed.

    Args:
        problem: The problem to learn.
        settings: The options of DySample.
        steps: Total number of updates.
        snapshot_every: Updates from one snapshot to the next.
        seed: Random seed of the initial weights, the only random numbers.

    Returns:
        Snapshots before the first update, after every `snapshot_every` updates, and after the last.
        Dropping the iterator ends the learning; keeping it pauses the learning.

    Raises:
        ValueError: The options are inconsistent, or a number is less than one.
    """
    updates = train_updates(problem, settings, steps=steps, snapshot_every=snapshot_every, seed=seed)
    return (snapshot for snapshot in updates if snapshot is not None)


def train_updates(
    problem: Problem, settings: LearnSettings, *, steps: int, snapshot_every: int, seed: int
) -> Iterator[Snapshot | None]:
    """Learn like `train_steps`, but yield after each update, with None if there is no snapshot.

    For callers that must not wait longer than one update takes.
    """
    if steps < 1 or snapshot_every < 1:
        raise ValueError(f"steps and snapshot_every must be at least 1, got {steps} and {snapshot_every}")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would disturb other devices
        learner = TinyUpsampler(problem.seen.shape[1], settings, scale=problem.scale)
    return _run(problem, learner, steps, snapshot_every)


@dataclass(frozen=True, slots=True)
class _Squares:
    """The training squares in one view, each a small picture of its own."""

    seen: Float[Tensor, "n f h w"]
    input: Float[Tensor, "n c h w"]
    target: Float[Tensor, "n c H W"]


def _run(
    problem: Problem, learner: TinyUpsampler, steps: int, snapshot_every: int
) -> Iterator[Snapshot | None]:
    views = [_training_squares(problem, view) for view in range(_VIEWS)]
    optimizer = torch.optim.Adam(learner.parameters(), lr=LEARNING_RATE)
    yield _snapshot(problem, learner, views[0], 0)
    for step in range(1, steps + 1):
        _update(learner, optimizer, views[step % _VIEWS], problem.scale)
        due = step % snapshot_every == 0 or step == steps
        yield _snapshot(problem, learner, views[0], step) if due else None


def _training_squares(problem: Problem, view: int) -> _Squares:
    fine = CELLS * problem.scale
    return _Squares(
        seen=_turned(squares(problem.seen, CELLS, held_out=False), view),
        input=_turned(squares(problem.input, CELLS, held_out=False), view),
        target=_turned(squares(problem.target, fine, held_out=False), view),
    )


def _turned(x: Float[Tensor, "n c h w"], view: int) -> Float[Tensor, "n c h w"]:
    """Rotate by `view % 4` quarter turns; from view 4 on, mirror first."""
    mirrored = x.flip(3) if view >= 4 else x
    return torch.rot90(mirrored, view % 4, dims=(2, 3))


@torch.enable_grad()
def _update(learner: TinyUpsampler, optimizer: torch.optim.Optimizer, view: _Squares, scale: int) -> None:
    optimizer.zero_grad()
    output = learner.read(view.input, learner.plan(view.seen))
    _loss(output, view.target, scale).backward()
    optimizer.step()


def _loss(
    output: Float[Tensor, "n c H W"], target: Float[Tensor, "n c H W"], scale: int
) -> Float[Tensor, ""]:
    """Return the mean squared error without the outermost low-res pixels, whose neighbours are cut off."""
    return (output - target)[..., scale:-scale, scale:-scale].square().mean()


@torch.no_grad()
def _snapshot(problem: Problem, learner: TinyUpsampler, training: _Squares, step: int) -> Snapshot:
    record = learner.plan(problem.seen)
    # Values beyond black and white would be wrong in any picture.
    output = learner.read(problem.input, record).clamp(0, 1)
    plain = bilinear(problem)
    training_output = learner.read(training.input, learner.plan(training.seen))
    side = CELLS * problem.scale
    return Snapshot(
        step=step,
        loss=float(_loss(training_output, training.target, problem.scale)),
        bilinear_loss=float(_loss(squares(plain, side, held_out=False), training.target, problem.scale)),
        score=score(problem, output),
        bilinear=score(problem, plain),
        record=record,
        mix=tuple(learner.mix.tolist()),
        output=rgb_pixels(output),
    )
