"""Trunks, branches and twigs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from app.scenes.canvas import Canvas, Colour
from app.scenes.materials import Material
from app.scenes.plants import LIGHT

_STEPS = 7  # straight pieces in a branch


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches of a tree that are equally many forks away from its foot.

    Attributes:
        paths: Centre lines, in pixels.
        widths: Thickness at each point of the centre lines, in pixels.
    """

    paths: Float[np.ndarray, "n p 2"]
    widths: Float[np.ndarray, "n p"]


def grow(
    rng: np.random.Generator,
    root: Float[np.ndarray, " 2"],
    *,
    angle: float,
    length: float,
    width: float,
    levels: int,
    droop: float = 0.0,
) -> list[Branches]:
    """Grow a tree: every branch bends a little, thins, continues and has three side branches.

    Args:
        rng: Random generator.
        root: Foot of the trunk, in pixels.
        angle: Direction of growth in radians; -π/2 is upwards.
        length: Length of the trunk, in pixels.
        width: Thickness of the trunk's foot, in pixels.
        levels: Number of forks from foot to twig.
        droop: Downward turn of thin branches at each fork, in radians.

    Returns:
        The trunk, then its branches, and so on to the twigs.
    """
    tree: list[Branches] = []
    buds = _Buds(root[None], np.array([angle]), np.array([length]), np.array([width]))
    for level in range(levels + 1):
        turns = buds.angles[:, None] + rng.normal(0, 0.09, (len(buds.angles), _STEPS)).cumsum(1)
        strides = buds.lengths[:, None, None] / _STEPS * np.stack([np.cos(turns), np.sin(turns)], 2)
        paths = np.concatenate([buds.starts[:, None], buds.starts[:, None] + strides.cumsum(1)], 1)
        tree.append(Branches(paths, buds.widths[:, None] * np.linspace(1, 0.62, _STEPS + 1)))
        buds = _fork(rng, tree[-1], turns, buds.lengths, droop * level)
    return tree


@dataclass(frozen=True, slots=True)
class _Buds:
    """Starts, directions (radians), lengths and thicknesses (pixels) of new branches."""

    starts: Float[np.ndarray, "n 2"]
    angles: Float[np.ndarray, " n"]
    lengths: Float[np.ndarray, " n"]
    widths: Float[np.ndarray, " n"]


def _fork(
    rng: np.random.Generator,
    branches: Branches,
    turns: Float[np.ndarray, "n steps"],
    lengths: Float[np.ndarray, " n"],
    droop: float,
) -> _Buds:
    """Return four buds for each branch: one continues from its tip, three leave sideways."""
    parent = np.arange(len(lengths)).repeat(4)
    count = len(parent)
    side = np.tile([0, -1, 1, 1], len(lengths)) * rng.choice([-1, 1], len(lengths)).repeat(4)
    ahead = side == 0
    fork = np.where(ahead, _STEPS, rng.integers(3, _STEPS + 1, count))
    bend = np.where(ahead, rng.normal(0, 0.14, count), side * rng.uniform(0.45, 0.95, count))
    angles = turns[parent, fork - 1] + bend
    shorter = np.where(ahead, 0.79, rng.uniform(0.55, 0.74, count))
    thinner = np.where(ahead, 0.9, 0.55)
    return _Buds(
        branches.paths[parent, fork],
        angles + droop * np.cos(angles),
        lengths[parent] * shorter,
        branches.widths[parent, fork] * thinner,
    )


def draw_branches(canvas: Canvas, rng: np.random.Generator, tree: Sequence[Branches], bark: Colour) -> None:
    """Draw branches, the thinnest first; the sunny side is lighter, and thick ones have streaks."""
    colour = np.array([bark], float)
    for branches in reversed(tree):
        paths, widths = branches.paths, branches.widths
        canvas.strokes(paths, widths, colour.repeat(len(paths), 0) * 0.6, Material.TREE)
        thick = widths[:, 0] > 1.2
        inner = paths[thick] + LIGHT * widths[thick, :, None] * 0.14
        canvas.strokes(inner, widths[thick] * 0.62, colour.repeat(len(inner), 0) * 0.92, Material.TREE)
        # The number of streaks depends on the picture's size, and what is drawn next must not.
        _draw_streaks(canvas, rng.spawn(1)[0], paths, widths, colour[0])


def _draw_streaks(
    canvas: Canvas,
    rng: np.random.Generator,
    paths: Float[np.ndarray, "n p 2"],
    widths: Float[np.ndarray, "n p"],
    colour: Float[np.ndarray, " 3"],
) -> None:
    """Draw ridges of the bark, about three per pixel of thickness, on branches thicker than 5 pixels."""
    counts = np.where(widths[:, 0] > 5, 3 * widths[:, 0], 0).astype(int)
    which = np.repeat(np.arange(len(paths)), counts)
    count = len(which)
    place = rng.uniform(-0.44, 0.44, (count, 1))
    start = rng.integers(0, paths.shape[1] - 2, count)
    end = start + rng.integers(1, 3, count)
    step = paths[which, end] - paths[which, start]
    across = np.stack([-step[:, 1], step[:, 0]], 1) / np.hypot(step[:, 0], step[:, 1])[:, None]
    ends = np.stack([paths[which, at] + across * place * widths[which, at, None] for at in (start, end)], 1)
    tone = (0.9 + 0.75 * place * np.sign(across @ LIGHT)[:, None]) * rng.choice([0.72, 1.18], (count, 1))
    thickness = np.repeat(rng.uniform(0.3, 0.9, (count, 1)), 2, 1)
    canvas.lines(ends, thickness, colour * tone, Material.TREE)
