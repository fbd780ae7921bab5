"""A tiny DySample that learns while one watches, on one small picture, in seconds on a CPU."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from dysample.explain.learn_tasks import CELLS, Problem, Score, as_pixels, bilinear, score, squares
from dysample.geometry import InitialGrid, sample
from dysample.ops.dysample import DySample, Style
from dysample.types import SamplingRecord

# The network that is small enough to learn while one watches.
#
# What is learnt is where to read. Two 3x3 convolutions look at the reduced picture, and DySample
# predicts sampling points from what they see; every group reads the whole input at its own points, and
# the readings are mixed with weights that are learned, the same everywhere, and add up to one. Without
# offsets this is plain interpolation whatever the weights, so all that it gains over bilinear it gains
# by reading elsewhere.


_HIDDEN = 16
_PER_POINT = 4  # features for each of the s x s points: what "pl" has to predict from
_MIX_SPREAD = 0.5  # groups that start with one weight would all learn to read the same


@dataclass(frozen=True, slots=True)
class LearnSettings:
    """The options of DySample, see there; the learning rate is the same for all.

    Attributes:
        scope: Static scope factor (Eq. 4), or the dynamic one's value at the start.
        groups: Sets of sampling points, a divisor of 4 s^2.
        initial: Grid that the points start from.
        style: Predict offsets, then shuffle ("lp"), or the other way round ("pl").
        dynamic_scope: Predict the scope of every point (Eq. 5).
    """

    scope: float = 0.25
    groups: int = 4
    initial: InitialGrid = "bilinear"
    style: Style = "lp"
    dynamic_scope: bool = False


class Learner(nn.Module):
    """Looks at the picture, decides where every group reads, reads, and mixes the readings."""

    def __init__(self, channels: int, settings: LearnSettings, *, scale: int) -> None:
        """Make a network whose offsets are close to zero.

        Args:
            channels: Of what offsets are predicted from.
            settings: The options of DySample.
            scale: Enlargement s.

        Raises:
            ValueError: The options do not fit together.
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
        """Decide where to read, from values in [0, 1]."""
        return self.upsample.plan(self.look(4 * (seen - 0.5)))  # of about unit size

    def read(self, x: Float[Tensor, "b c h w"], record: SamplingRecord) -> Float[Tensor, "b c H W"]:
        """Read the whole of `x` once for every group, and mix."""
        groups = record.offset.shape[1]
        readings = sample(x.repeat(1, groups, 1, 1), record.points).unflatten(1, (groups, x.shape[1]))
        return torch.einsum("bgchw,g->bchw", readings, self.mix)


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, padding_mode="replicate")


LEARNING_RATE = 0.01
_VIEWS = 8  # quarter turns, plain and mirrored


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where learning has got to; everything is on the CPU, for the whole picture.

    Attributes:
        step: Updates so far.
        loss: Mean squared error on the training squares, which is minimised.
        bilinear_loss: The same for bilinear interpolation.
        score: On the held-out squares.
        bilinear: Score of bilinear interpolation on the same squares.
        record: Where the picture is read.
        mix: Weight of each group's reading; they add up to one.
        output: The enlarged picture, or the mask in grey.
    """

    step: int
    loss: float
    bilinear_loss: float
    score: Score
    bilinear: Score
    record: SamplingRecord
    mix: tuple[float, ...]
    output: UInt8[np.ndarray, "H W 3"]

    @property
    def gain(self) -> float:
        """Held-out PSNR over bilinear's in dB, both to two decimals as they are shown; may be negative."""
        return round(round(self.score.psnr, 2) - round(self.bilinear.psnr, 2), 2)

    @property
    def beats_bilinear(self) -> bool:
        """Whether the held-out PSNR is higher than bilinear's, in what is shown of them."""
        return self.gain > 0


def train_steps(
    problem: Problem, settings: LearnSettings, *, steps: int = 200, snapshot_every: int = 10, seed: int = 0
) -> Iterator[Snapshot]:
    """Learn on the training squares, step by step; nothing happens until the next snapshot is asked for.

    Every step sees all training squares from the next of eight sides, turned and mirrored. Equal
    arguments give equal snapshots. torch's random numbers and threads are left as they are.

    Args:
        problem: What is to be learnt.
        settings: The options of DySample.
        steps: Updates in all.
        snapshot_every: Updates from one snapshot to the next.
        seed: Of the weights at the start, the only thing that is random.

    Returns:
        Snapshots before the first update, then after every `snapshot_every`, and after the last. Dropping
        the iterator ends the learning, keeping it pauses.

    Raises:
        ValueError: The options do not fit together, or a number is less than one.
    """
    updates = train_updates(problem, settings, steps=steps, snapshot_every=snapshot_every, seed=seed)
    return (each for each in updates if each is not None)


def train_updates(
    problem: Problem, settings: LearnSettings, *, steps: int, snapshot_every: int, seed: int
) -> Iterator[Snapshot | None]:
    """Learn as `train_steps` does, but stop after each update, with None where there is no snapshot.

    For whoever must never wait longer than one update takes.
    """
    if steps < 1 or snapshot_every < 1:
        raise ValueError(f"steps and snapshot_every must be at least 1, got {steps} and {snapshot_every}")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would disturb other devices
        learner = Learner(problem.seen.shape[1], settings, scale=problem.scale)
    return _run(problem, learner, steps, snapshot_every)


@dataclass(frozen=True, slots=True)
class _Squares:
    """The training squares as seen from one side, each a small picture of its own."""

    seen: Float[Tensor, "n f h w"]
    input: Float[Tensor, "n c h w"]
    target: Float[Tensor, "n c H W"]


def _run(problem: Problem, learner: Learner, steps: int, snapshot_every: int) -> Iterator[Snapshot | None]:
    views = [_training_squares(problem, view) for view in range(_VIEWS)]
    optimizer = torch.optim.Adam(learner.parameters(), lr=LEARNING_RATE)
    yield _snapshot(problem, learner, views[0], 0)
    for step in range(1, steps + 1):
        _update(learner, optimizer, views[step % _VIEWS], problem.scale)
        wanted = step % snapshot_every == 0 or step == steps
        yield _snapshot(problem, learner, views[0], step) if wanted else None


@torch.enable_grad()
def _update(learner: Learner, optimizer: torch.optim.Optimizer, view: _Squares, scale: int) -> None:
    optimizer.zero_grad()
    output = learner.read(view.input, learner.plan(view.seen))
    _loss(output, view.target, scale).backward()
    optimizer.step()


def _loss(
    output: Float[Tensor, "n c H W"], target: Float[Tensor, "n c H W"], scale: int
) -> Float[Tensor, ""]:
    """Mean squared error without the squares' outermost low-res pixels, whose neighbours are cut off."""
    return (output - target)[..., scale:-scale, scale:-scale].square().mean()


@torch.no_grad()
def _snapshot(problem: Problem, learner: Learner, training: _Squares, step: int) -> Snapshot:
    record = learner.plan(problem.seen)
    # No picture has values beyond black and white, so neither has the output.
    output = learner.read(problem.input, record).clamp(0, 1)
    plain = bilinear(problem)
    tried = learner.read(training.input, learner.plan(training.seen))
    side = CELLS * problem.scale
    return Snapshot(
        step=step,
        loss=float(_loss(tried, training.target, problem.scale)),
        bilinear_loss=float(_loss(squares(plain, side, held_out=False), training.target, problem.scale)),
        score=score(problem, output),
        bilinear=score(problem, plain),
        record=record,
        mix=tuple(learner.mix.tolist()),
        output=as_pixels(output),
    )


def _training_squares(problem: Problem, view: int) -> _Squares:
    fine = CELLS * problem.scale
    return _Squares(
        seen=_turned(squares(problem.seen, CELLS, held_out=False), view),
        input=_turned(squares(problem.input, CELLS, held_out=False), view),
        target=_turned(squares(problem.target, fine, held_out=False), view),
    )


def _turned(x: Float[Tensor, "n c h w"], view: int) -> Float[Tensor, "n c h w"]:
    """One of eight views: `view % 4` quarter turns, from 4 on mirrored as well."""
    mirrored = x.flip(3) if view >= 4 else x
    return torch.rot90(mirrored, view % 4, dims=(2, 3))
