"""Trunks, branches and twigs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from dysample.scenes.canvas import Canvas, Colour
from dysample.scenes.materials import Material
from dysample.scenes.plants import LIGHT


@dataclass(frozen=True, slots=True)
class Branch:
    """A bent piece of wood.

    Attributes:
        path: Its middle line, in pixels.
        widths: Its thickness at each of those points, in pixels.
        level: 0 for the trunk, one more after each fork.
    """

    path: Float[np.ndarray, "n 2"]
    widths: Float[np.ndarray, " n"]
    level: int


def grow(
    rng: np.random.Generator,
    root: Float[np.ndarray, " 2"],
    *,
    angle: float,
    length: float,
    width: float,
    levels: int,
    droop: float = 0.0,
) -> list[Branch]:
    """Grow a tree: every branch bends a little, thins and forks.

    Args:
        rng: Where the randomness comes from.
        root: Foot of the trunk, in pixels.
        angle: Direction of growth in radians, -pi/2 is upwards.
        length: Of the trunk, in pixels.
        width: Of the trunk's foot, in pixels.
        levels: How many times it forks.
        droop: How far thin branches turn downwards at each fork, in radians.
    """
    branches: list[Branch] = []
    buds = [(np.asarray(root, float), angle, length, width, 0)]
    while buds:
        start, angle, length, width, level = buds.pop()
        steps = 7
        turns = angle + np.cumsum(rng.normal(0, 0.09, steps))
        stride = length / steps * np.stack([np.cos(turns), np.sin(turns)], 1)
        path = np.vstack([start, start + np.cumsum(stride, 0)])
        widths = np.linspace(width, width * 0.62, steps + 1)
        branches.append(Branch(path, widths, level))
        if level == levels:
            continue
        forks = [(steps, rng.normal(0, 0.14), 0.86)]
        forks += [
            (int(rng.integers(3, steps + 1)), side * rng.uniform(0.45, 0.95), rng.uniform(0.6, 0.8))
            for side in (-1, 1, rng.choice([-1, 1]))
        ]
        for at, turn, share in forks:
            bent = turns[at - 1] + turn
            bent += droop * level * np.cos(bent)
            buds.append(
                (path[at], bent, length * share * 0.92, widths[at] * (0.55 + 0.35 * (share > 0.8)), level + 1)
            )
    return branches


def draw_branches(canvas: Canvas, rng: np.random.Generator, branches: Sequence[Branch], bark: Colour) -> None:
    """Draw branches, the thinnest kind first: their sunny side is lighter, and thick ones have streaks."""
    colour = np.asarray(bark, float)
    for level in range(max(branch.level for branch in branches), -1, -1):
        kind = [branch for branch in branches if branch.level == level]
        paths, widths = np.stack([b.path for b in kind]), np.stack([b.widths for b in kind])
        canvas.strokes(paths, widths, np.tile(colour * 0.6, (len(kind), 1)), Material.TREE)
        inner = paths + LIGHT * widths[..., None] * 0.14
        canvas.strokes(inner, widths * 0.62, np.tile(colour * 0.92, (len(kind), 1)), Material.TREE)
        _draw_streaks(canvas, rng, paths, widths, colour)


def _draw_streaks(
    canvas: Canvas,
    rng: np.random.Generator,
    paths: Float[np.ndarray, "n p 2"],
    widths: Float[np.ndarray, "n p"],
    colour: Float[np.ndarray, " 3"],
) -> None:
    """Ridges of the bark, about three for each pixel of thickness from 5 pixels on."""
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
