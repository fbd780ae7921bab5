"""Lamps, signs and railings."""

import numpy as np

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas
from app.scenes.materials import Material
from app.scenes.sketch import Sketch

IRON = np.array([70.0, 74, 76])


def draw_lamp(sketch: Sketch) -> None:
    """Draw an old-fashioned park lamp, 3.6 m tall."""
    sketch.tube(((0, 0), (0, 0.5), (0, 3.1)), (0.16, 0.09, 0.07), IRON)
    for height, width in ((0.55, 0.14), (2.5, 0.11), (3.1, 0.15)):
        sketch.tube(((-width / 2, height), (width / 2, height)), 0.06, IRON)
    sketch.tube(((-0.3, 2.72), (0.3, 2.72)), 0.03, IRON)
    sketch.shape(((-0.12, 3.13), (0.12, 3.13), (0.19, 3.50), (-0.19, 3.50)), (226, 220, 196))
    for x in (-1, 0, 1):
        sketch.line(((x * 0.12, 3.13), (x * 0.19, 3.50)), 0.024, IRON * 0.7)
    sketch.shape(((-0.22, 3.50), (0.22, 3.50), (0.06, 3.66), (0, 3.74), (-0.06, 3.66)), IRON * 0.8)


def draw_street_lamp(sketch: Sketch) -> None:
    """Draw a lamp 7.5 m tall with an arm that reaches to the right, over the road."""
    steel = np.array([146.0, 150, 150])
    sketch.tube(
        ((0, 0), (0, 1.0), (0, 7.0), (0.12, 7.4), (0.45, 7.62), (1.5, 7.72)),
        (0.2, 0.13, 0.1, 0.09, 0.08, 0.07),
        steel,
    )
    sketch.shape(((1.35, 7.76), (2.05, 7.80), (2.15, 7.70), (2.0, 7.62), (1.4, 7.64)), (110, 112, 116))
    sketch.shape(((1.5, 7.65), (1.98, 7.63), (1.9, 7.58), (1.55, 7.60)), (226, 224, 210))


def draw_warning(canvas: Canvas, camera: Camera, place: tuple[float, float, float]) -> None:
    """Draw a triangular warning sign on a pole, with a plate below it."""
    Sketch.standing(canvas, camera, place, Material.POLE).tube(((0, 0), (0, 3.1)), 0.075, (150, 152, 152))
    sign = Sketch.standing(canvas, camera, place, Material.SIGN)
    corners = np.array([[-0.40, 2.30], [0.40, 2.30], [0.0, 2.98]])
    sign.shape(corners, (190, 28, 30))
    middle = corners.mean(0)
    sign.shape(middle + (corners - middle) * 0.68, (244, 244, 240))
    sign.line(((0, 2.40), (0, 2.44)), 0.06, (24, 24, 24))
    sign.line(((0, 2.50), (0, 2.72)), (0.04, 0.07), (24, 24, 24))
    sign.shape(((-0.32, 1.90), (0.32, 1.90), (0.32, 2.18), (-0.32, 2.18)), (238, 238, 232))
    for y in (2.10, 1.98):
        sign.line(((-0.24, y), (0.24, y)), 0.045, (40, 40, 42))


def draw_railings(canvas: Canvas, camera: Camera, x: float, near: float, far: float) -> None:
    """Draw iron railings along the street, from z `near` to z `far`."""
    places = np.arange(near, far, 0.14)[::-1]
    tall = np.where(np.arange(len(places)) % 14 == 0, 1.45, 1.25)
    for low, high, thick in ((np.zeros_like(tall), tall, np.where(tall > 1.3, 0.06, 0.024)),):
        world = np.stack([np.stack([np.full_like(places, x), y, places], 1) for y in (low, high)], 1)
        ends = camera.project(world.reshape(-1, 3)).reshape(-1, 2, 2)
        widths = camera.widths(1.0, world[..., 2]) * thick[:, None]
        canvas.lines(ends, widths, np.full((len(ends), 3), 44.0), Material.FENCE)
    for y in (0.16, 1.08):
        rail = np.array([(x, y, z) for z in np.linspace(far, near, 12)])
        canvas.stroke(camera.project(rail), camera.widths(0.045, rail[:, 2]), (52, 54, 56), Material.FENCE)
