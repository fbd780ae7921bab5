"""Pedestrians and a cyclist."""

import numpy as np

from app.scenes.sketch import Sketch

SKIN = np.array([206.0, 164, 136])
HEIGHT = 1.74  # metres


def draw_walker(
    sketch: Sketch, *, coat: tuple[int, int, int], trousers: tuple[int, int, int], stride: float
) -> None:
    """Draw a person walking to the right.

    Args:
        sketch: Frame of the figure; (0, 0) is on the ground between the feet.
        coat: Colour of the upper clothes.
        trousers: Colour of the lower clothes.
        stride: Half the distance between the feet, in metres.
    """
    upper, lower = np.array(coat, float), np.array(trousers, float)
    for side, tone in ((-1, 0.7), (1, 1.0)):
        foot, knee = side * stride, side * stride * 0.45 + 0.06
        sketch.line(((0, 0.90), (knee, 0.50), (foot, 0.08)), (0.19, 0.14, 0.10), lower * tone)
        sketch.line(((foot - 0.04, 0.04), (foot + 0.16, 0.03)), (0.09, 0.07), np.array([46, 40, 38]) * tone)
        if side < 0:
            sketch.line(((0.0, 1.40), (0.10, 1.14), (0.26, 0.98)), (0.13, 0.11, 0.08), upper * 0.66)
            sketch.oval((0.28, 0.96), (0.045, 0.05), SKIN * 0.8)
    torso = ((-0.12, 1.46), (0.10, 1.47), (0.17, 1.30), (0.15, 0.82), (-0.15, 0.82), (-0.19, 1.28))
    sketch.shape(torso, upper * 0.82)
    sketch.shape(((-0.12, 1.46), (0.0, 1.47), (-0.02, 0.82), (-0.15, 0.82), (-0.19, 1.28)), upper)
    sketch.line(((-0.03, 1.40), (-0.12, 1.12), (-0.10, 0.92)), (0.14, 0.12, 0.09), upper * 1.12)
    sketch.oval((-0.09, 0.87), (0.045, 0.055), SKIN)
    sketch.line(((0, 1.45), (0.01, 1.56)), 0.10, SKIN * 0.82)
    sketch.oval((0.02, 1.63), (0.095, 0.115), SKIN)
    sketch.oval((-0.025, 1.665), (0.10, 0.095), (58, 42, 32))
    sketch.shape(((0.10, 1.66), (0.125, 1.61), (0.09, 1.59)), SKIN)


def draw_stroller(sketch: Sketch, *, coat: tuple[int, int, int], trousers: tuple[int, int, int]) -> None:
    """Draw a person from behind; (0, 0) is on the ground between the feet."""
    upper, lower = np.array(coat, float), np.array(trousers, float)
    for side, lift in ((-1, 0.06), (1, 0.0)):
        sketch.line(
            ((side * 0.08, 0.90), (side * 0.10, 0.48), (side * 0.09, 0.07 + lift)),
            (0.18, 0.14, 0.11),
            lower * (0.8 - 0.1 * side),
        )
        sketch.oval((side * 0.10, 0.05 + lift), (0.06, 0.055), (44, 40, 38))
        arm = ((side * 0.20, 1.40), (side * 0.26, 1.14), (side * 0.24, 0.90))
        sketch.line(arm, (0.12, 0.11, 0.09), upper * (0.85 - 0.15 * side))
        sketch.oval((side * 0.24, 0.84), (0.045, 0.06), SKIN * 0.9)
    torso = ((-0.20, 1.45), (0.20, 1.45), (0.19, 1.1), (0.18, 0.80), (-0.18, 0.80), (-0.19, 1.1))
    sketch.shape(torso, upper * 0.9)
    sketch.shape(((-0.20, 1.45), (0.0, 1.46), (-0.02, 0.80), (-0.18, 0.80), (-0.19, 1.1)), upper)
    sketch.line(((0, 1.44), (0, 1.55)), 0.11, SKIN * 0.85)
    sketch.oval((0, 1.64), (0.085, 0.11), SKIN)
    sketch.oval((0, 1.665), (0.095, 0.10), (70, 50, 36))


def draw_cyclist(sketch: Sketch, *, coat: tuple[int, int, int]) -> None:
    """Draw a cyclist from behind; (0, 0) is the point where the rear wheel touches the ground."""
    upper = np.array(coat, float)
    sketch.oval((0, 0.34), (0.026, 0.34), (34, 34, 36))
    sketch.line(((0, 0.40), (0, 0.92)), 0.035, (60, 70, 90))
    sketch.shape(((-0.05, 0.60), (0.05, 0.60), (0.05, 0.68), (-0.05, 0.68)), (200, 30, 28))
    for side, knee in ((-1, 0.62), (1, 0.74)):
        foot = knee - 0.42
        sketch.line(
            ((side * 0.09, 0.98), (side * 0.14, knee), (side * 0.12, foot)),
            (0.19, 0.15, 0.10),
            np.array([48, 52, 66]) * (1 - 0.12 * side),
        )
        sketch.line(((side * 0.06, foot - 0.04), (side * 0.17, foot - 0.04)), 0.08, (38, 36, 36))
        sketch.line(
            ((side * 0.19, 1.42), (side * 0.30, 1.20), (side * 0.27, 1.04)), (0.12, 0.10, 0.08), upper * 0.8
        )
    sketch.line(((-0.30, 1.02), (0.30, 1.02)), 0.03, (50, 50, 54))
    sketch.shape(
        ((-0.19, 1.46), (0.19, 1.46), (0.21, 1.2), (0.17, 0.90), (-0.17, 0.90), (-0.21, 1.2)), upper * 0.88
    )
    sketch.shape(((-0.19, 1.46), (0.0, 1.47), (0.0, 0.90), (-0.17, 0.90), (-0.21, 1.2)), upper)
    sketch.shape(((-0.19, 1.22), (0.20, 1.22), (0.20, 1.16), (-0.19, 1.16)), (214, 214, 206))
    sketch.oval((0, 1.60), (0.085, 0.11), SKIN)
    sketch.oval((0, 1.66), (0.115, 0.095), (232, 232, 226))
    for x in (-0.05, 0.0, 0.05):
        sketch.line(((x, 1.60), (x * 0.7, 1.74)), 0.014, (60, 60, 64))
