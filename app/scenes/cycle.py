"""A town bicycle seen from the side, tube by tube and spoke by spoke."""

import numpy as np
from jaxtyping import Float

from app.scenes.canvas import Colour
from app.scenes.plants import LIGHT
from app.scenes.sketch import Sketch

REAR, FRONT, CRANK = (-0.52, 0.345), (0.53, 0.345), (-0.09, 0.29)
WHEEL = 0.345  # outer radius in metres
SPOKES = 36
STEEL, RUBBER = np.array([196.0, 200, 204]), np.array([42.0, 41, 42])
TUBES = (  # width in metres, then points from end to end
    (0.018, (REAR, CRANK)),
    (0.017, (REAR, (-0.235, 0.77))),
    (0.026, ((0.405, 0.84), (0.437, 0.69), (0.468, 0.52), (0.53, 0.345))),
    (0.034, (CRANK, (-0.10, 0.33), (0.437, 0.70))),
    (0.031, ((-0.232, 0.755), (0.412, 0.79))),
    (0.033, (CRANK, (-0.24, 0.79))),
    (0.040, ((0.437, 0.685), (0.405, 0.83))),
)
FITTINGS = (  # steel parts, likewise
    (0.024, ((-0.24, 0.79), (-0.272, 0.90))),
    (0.020, ((0.405, 0.83), (0.388, 0.915), (0.44, 0.945))),
    (0.019, ((0.44, 0.945), (0.42, 0.985), (0.34, 0.985), (0.22, 0.96))),
    (0.010, ((-0.25, 0.735), (-0.80, 0.745))),
    (0.008, ((-0.74, 0.74), REAR)),
    (0.008, ((-0.58, 0.74), REAR)),
    (0.014, ((-0.20, 0.30), (-0.33, 0.015))),
)
SADDLE = (
    (-0.43, 0.935),
    (-0.41, 0.962),
    (-0.34, 0.958),
    (-0.19, 0.945),
    (-0.13, 0.928),
    (-0.14, 0.915),
    (-0.22, 0.912),
    (-0.30, 0.892),
    (-0.38, 0.90),
)


def draw_bicycle(sketch: Sketch, paint: Colour) -> None:
    """Draw a bicycle that points to the right.

    Args:
        sketch: Frame of the figure, with the bicycle on the ground.
        paint: Colour of frame and mudguards.
    """
    paint = np.asarray(paint, float)
    for hub in (REAR, FRONT):
        _wheel(sketch, hub)
    _arc(sketch, REAR, WHEEL + 0.022, (0.12, 1.12), 0.016, paint)
    _arc(sketch, FRONT, WHEEL + 0.022, (0.30, 1.02), 0.016, paint)
    _drive(sketch)
    for width, path in FITTINGS:
        sketch.tube(path, width, STEEL * 0.9)
    for width, path in TUBES:
        sketch.tube(path, width, paint)
    sketch.tube(((0.30, 0.979), (0.21, 0.958)), 0.032, RUBBER * 1.4)
    sketch.shape(SADDLE, (86, 54, 36))
    sketch.tube(SADDLE[1:5], 0.010, np.array([150.0, 104, 72]))
    cable = ((0.40, 0.975), (0.50, 0.955), (0.515, 0.86), (0.465, 0.72))
    sketch.tube(cable, 0.006, RUBBER)
    sketch.oval((0.50, 0.80), (0.036, 0.036), (60, 62, 66))
    sketch.oval((0.515, 0.80), (0.022, 0.03), (240, 238, 220))
    sketch.oval((-0.868, 0.49), (0.022, 0.022), (196, 34, 30))


def _arc(
    sketch: Sketch,
    centre: tuple[float, float],
    radius: float,
    turns: tuple[float, float],
    width: float,
    colour: Float[np.ndarray, " 3"],
) -> None:
    """Draw part of a circle between two angles in units of π, shaded by the direction its outside faces."""
    angle = np.linspace(turns[0] * np.pi, turns[1] * np.pi, 73)
    outward = np.stack([np.cos(angle), np.sin(angle)], 1)
    points = sketch.at(np.array(centre) + radius * outward)
    lit = 0.78 + 0.4 * (outward * [1, -1]) @ LIGHT
    ends = np.stack([points[:-1], points[1:]], 1)
    # A little longer than their share, so that no gap opens at the joints.
    ends += (ends - ends[:, ::-1]) * 0.1
    widths = np.full((72, 2), sketch.pixels(width))
    sketch.canvas.lines(ends, widths, colour * lit[:-1, None], sketch.material)


def _wheel(sketch: Sketch, hub: tuple[float, float]) -> None:
    angle = np.arange(SPOKES) * 2 * np.pi / SPOKES
    cross = angle + np.where(np.arange(SPOKES) % 2, 1.15, -1.15)  # spokes leave the hub sideways
    inner = 0.030 * np.stack([np.cos(cross), np.sin(cross)], 1)
    outer = 0.312 * np.stack([np.cos(angle), np.sin(angle)], 1)
    ends = sketch.at(hub + np.stack([inner, outer], 1).reshape(-1, 2)).reshape(-1, 2, 2)
    tone = np.where(np.arange(SPOKES) % 2, 1.12, 0.80)[:, None]
    sketch.canvas.lines(ends, np.full((SPOKES, 2), sketch.pixels(0.0042)), STEEL * tone, sketch.material)
    _arc(sketch, hub, 0.308, (0.0, 2.0), 0.020, STEEL * 1.05)
    _arc(sketch, hub, WHEEL - 0.015, (0.0, 2.0), 0.034, RUBBER)
    _arc(sketch, hub, WHEEL - 0.022, (0.0, 2.0), 0.008, RUBBER * 1.9)
    for radius, tone in ((0.034, 0.7), (0.022, 1.1), (0.010, 0.5)):
        sketch.oval(hub, (radius, radius), STEEL * tone)


def _drive(sketch: Sketch) -> None:
    """Draw chain, chain ring, cranks and pedals."""
    crank = np.array(CRANK)
    for side in (-1, 1):
        wheels = np.array([[0, side * 0.036], [0, side * 0.094]])
        sketch.tube(np.stack([REAR, CRANK]) + wheels, 0.010, RUBBER * 1.3)
    _arc(sketch, CRANK, 0.088, (0.0, 2.0), 0.014, STEEL * 0.8)
    for turn in np.arange(5) * 0.4 * np.pi:
        spoke = np.array([np.cos(turn), np.sin(turn)])
        sketch.tube(crank + np.stack([0 * spoke, 0.085 * spoke]), 0.012, STEEL * 0.75)
    arm = 0.17 * np.array([np.cos(-0.6), np.sin(-0.6)])
    sketch.tube(np.stack([crank - arm, crank + arm]), 0.020, STEEL)
    for pedal in (crank - arm, crank + arm):
        sketch.tube(pedal + np.array([[-0.05, 0], [0.05, 0]]), 0.024, RUBBER * 1.2)
