"""Things at a wall: a window with a cat, a potted plant, a sign."""

from collections.abc import Sequence

import numpy as np

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas
from app.scenes.materials import Material
from app.scenes.plants import draw_leaves
from app.scenes.sketch import Sketch

SILL, LEFT, RIGHT, TOP = 1.08, 0.62, 1.34, 2.6  # metres: the window's sides
FUR, STEEL = np.array([190.0, 134, 78]), np.array([150.0, 154, 158])


def draw_window(canvas: Canvas, camera: Camera, rng: np.random.Generator, wall: float) -> None:
    """Draw a window with louvred shutters, in a wall `wall` metres ahead, and a cat on its sill."""
    sketch = Sketch.standing(canvas, camera, (0, 0, wall), Material.BUILDING)
    sketch.box(LEFT, SILL, RIGHT, TOP, (92, 70, 48))
    sketch.box(LEFT + 0.05, SILL + 0.02, RIGHT - 0.02, TOP, (232, 228, 216))
    for left, right in ((LEFT + 0.09, 0.975), (1.015, RIGHT - 0.06)):
        for step in range(30):
            low = SILL + 0.07 + step * 0.05
            tint = np.array([48.0, 60, 70]) + np.array([4.0, 4, 5]) * min(step, 16)
            sketch.box(left, low, right, low + 0.052, tint)
    for left in (LEFT - 0.36, RIGHT + 0.02):
        sketch.box(left, SILL + 0.01, left + 0.34, TOP, (52, 92, 84))
        for low in np.arange(SILL + 0.07, TOP, 0.036):
            sketch.box(left + 0.045, low, left + 0.295, low + 0.022, (84, 132, 120))
            sketch.box(left + 0.045, low + 0.022, left + 0.295, low + 0.034, (30, 58, 54))
    sketch.box(LEFT - 0.06, SILL - 0.07, RIGHT + 0.06, SILL, (192, 184, 172))
    sketch.box(LEFT - 0.06, SILL - 0.10, RIGHT + 0.06, SILL - 0.07, (136, 110, 72))
    draw_cat(Sketch.standing(canvas, camera, (0.88, SILL, wall), Material.CAT, size=0.42), rng)


def draw_cat(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a sitting cat of unit height that faces the camera, its tail hanging down."""
    sketch.line(((0.16, 0.06), (0.32, 0.02), (0.40, -0.12), (0.37, -0.28), (0.42, -0.40)), 0.085, FUR * 0.72)
    body = ((0, 0.13, 0.19), (0.02, 0.28, 0.19), (0.0, 0.42, 0.15), (0.10, 0.12, 0.15), (-0.07, 0.10, 0.12))
    sketch.fur(rng, body, FUR, tuft=0.03, ragged=0.05, contrast=0.10)
    for x in (-0.07, 0.03):
        sketch.line(((x, 0.34), (x - 0.01, 0.05)), (0.09, 0.10), FUR * 0.92)
        sketch.oval((x - 0.01, 0.03), (0.06, 0.035), (232, 214, 192))
    sketch.shape(((-0.08, 0.52), (0.04, 0.52), (0.06, 0.38), (-0.02, 0.28), (-0.10, 0.38)), (232, 214, 192))
    for side in (-1, 1):
        ear = np.array([(0.015, 0.77), (0.125, 0.885), (0.172, 0.66)])
        sketch.shape(ear * [side, 1] - [0.02, 0], FUR * 0.8)
        sketch.shape((ear - [0.012, 0.04]) * [0.85 * side, 1] - [0.02, 0], (206, 150, 132))
    sketch.fur(rng, ((-0.02, 0.66, 0.16), (-0.02, 0.60, 0.155)), FUR, tuft=0.03, ragged=0.04, contrast=0.10)
    _draw_face(sketch)


def _draw_face(sketch: Sketch) -> None:
    for x in (-0.06, -0.02, 0.02):
        sketch.line(((x, 0.72), (x * 1.1, 0.79)), 0.014, FUR * 0.6)
    for side in (-1, 1):
        sketch.oval((-0.02 + side * 0.045, 0.56), (0.055, 0.042), (232, 214, 192))
        sketch.oval((-0.02 + side * 0.068, 0.66), (0.036, 0.027), (196, 200, 96))
        sketch.oval((-0.02 + side * 0.066, 0.66), (0.011, 0.026), (24, 24, 22))
        for lift in (-0.03, 0.0, 0.03):
            sketch.line(
                ((-0.02 + side * 0.06, 0.56), (-0.02 + side * 0.26, 0.55 + 1.6 * lift)),
                0.008,
                (246, 244, 238),
            )
    sketch.shape(((-0.045, 0.605), (0.005, 0.605), (-0.02, 0.575)), (172, 96, 88))


def draw_pot(canvas: Canvas, camera: Camera, rng: np.random.Generator, place: Sequence[int | float]) -> None:
    """Draw a terracotta pot with a bushy plant."""
    sketch = Sketch.standing(canvas, camera, place, Material.PLANT)
    for step in range(24):
        left, right = step / 12 - 1, (step + 1) / 12 - 1
        tone = 0.5 + 0.65 * max(np.cos(np.arcsin((left + right) / 2) + 0.7), 0)
        clay = np.array([190, 104, 70]) * tone
        sketch.shape(((left * 0.12, 0), (right * 0.12, 0), (right * 0.165, 0.30), (left * 0.165, 0.30)), clay)
        sketch.shape(
            ((left * 0.18, 0.26), (right * 0.18, 0.26), (right * 0.185, 0.33), (left * 0.185, 0.33)),
            clay * 1.05,
        )
    count = 230
    reach = np.sqrt(rng.random(count))
    angle = rng.uniform(0.04, 0.96, count) * np.pi
    middle = np.stack([0.27 * reach * np.cos(angle), 0.34 + 0.44 * reach * np.sin(angle)], 1)
    for end in middle[:40]:
        sketch.line(((0.1 * end[0], 0.32), (0.6 * end[0], 0.45 * end[1] + 0.2), end), 0.006, (76, 92, 46))
    order = np.argsort(reach * np.sin(angle) + rng.normal(0, 0.3, count))[::-1]
    turn = -angle + rng.normal(0, 0.7, count)
    tone = rng.normal(1, 0.16, (count, 1)) * (0.72 + 0.5 * middle[:, 1:] / 0.8)
    draw_leaves(
        canvas,
        sketch.at(middle)[order],
        turn[order],
        sketch.pixels(0.085) * rng.uniform(0.7, 1.3, count),
        (np.array([74, 112, 46]) * tone)[order],
        Material.PLANT,
    )


def draw_sign(canvas: Canvas, camera: Camera, place: Sequence[int | float]) -> None:
    """Draw a round sign on a steel pole."""
    pole = Sketch.standing(canvas, camera, place, Material.POLE)
    pole.tube(((0, 0), (0, 2.2)), 0.055, STEEL)
    sign = Sketch.standing(canvas, camera, place, Material.SIGN)
    for radius, colour in ((0.18, (196, 196, 196)), (0.17, (190, 30, 34)), (0.135, (28, 74, 150))):
        sign.oval((0, 1.42), (radius, radius), colour)
    sign.line(((-0.10, 1.52), (0.10, 1.32)), 0.04, (190, 30, 34))
