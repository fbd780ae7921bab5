"""Terraced houses along a street: facades in perspective, roofs and chimneys."""

import cv2
import numpy as np
from jaxtyping import Float

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas, Points, Texture
from app.scenes.facades import House, facade
from app.scenes.materials import Material
from app.scenes.sketch import Sketch

WALLS = ((158, 104, 82), (172, 134, 104), (190, 176, 150), (144, 94, 76), (204, 196, 180), (166, 118, 90))
DOORS = ((40, 62, 92), (112, 34, 36), (38, 74, 58), (52, 48, 50))


def terrace(rng: np.random.Generator, x: float, near: float, far: float) -> list[House]:
    """Return houses side by side from `near` to `far`, the farthest first."""
    houses: list[House] = []
    while near < far:
        end = near + rng.uniform(5.0, 8.5)
        wall = np.array(WALLS[int(rng.integers(len(WALLS)))]) * rng.uniform(0.92, 1.06)
        door = np.array(DOORS[int(rng.integers(len(DOORS)))], float)
        houses.append(House(x, near, end, rng.uniform(6.3, 8.6), wall, door))
        near = end
    return houses[::-1]


def draw_house(canvas: Canvas, camera: Camera, rng: np.random.Generator, house: House) -> None:
    """Draw end wall, chimney, roof, facade and gutter."""
    front, eaves, out = house.x, house.eaves, house.outward
    middle, back, ridge = front + 4 * out, front + 8 * out, eaves + 3.0
    end = Sketch.standing(canvas, camera, (0, 0, house.near), Material.BUILDING)
    gable = ((front, 0), (front, eaves), (middle, ridge), (back, eaves), (back, 0))
    end.shape(gable, house.wall * 0.62)
    _draw_chimney(canvas, camera, house, middle, ridge)
    gutter = front - 0.3 * out
    slate = np.array([104, 96, 98]) * rng.uniform(0.8, 1.15)
    roof = _along(camera, (gutter, eaves - 0.1), (middle, ridge), house.near, house.far)
    canvas.fill(roof, slate, Material.BUILDING)
    wall = _along(camera, (front, eaves), (front, 0.0), house.near, house.far)
    _cover_facade(canvas, wall, facade(camera, rng, house))
    edge = _along(camera, (gutter, eaves - 0.2), (gutter, eaves), house.near, house.far)
    canvas.fill(edge, (196, 192, 184), Material.BUILDING)


def _along(
    camera: Camera, first: tuple[float, float], second: tuple[float, float], near: float, far: float
) -> Points:
    """Return the outline of a surface along the street from the two points (x, y) of its cross-section."""
    corners = [(*first, near), (*first, far), (*second, far), (*second, near)]
    return camera.project(np.array(corners, float))


def _draw_chimney(canvas: Canvas, camera: Camera, house: House, x: float, ridge: float) -> None:
    """Draw a chimney with three pots and an aerial."""
    z, foot, top = house.near + 0.5, ridge - 0.6, ridge + 1.1
    brick = np.array([150.0, 100, 80])
    street_side = x - 0.6 * house.outward
    flank = _along(camera, (street_side, foot), (street_side, top), z, z + 1)
    canvas.fill(flank, brick, Material.BUILDING)
    front = Sketch.standing(canvas, camera, (x, 0, z), Material.BUILDING)
    front.box(-0.6, foot, 0.6, top, brick * 0.7)
    for shift in (-0.35, 0.0, 0.35):
        front.box(shift - 0.11, top, shift + 0.11, top + 0.5, (168, 104, 78))
    tip = top + 1.5
    front.line(((0.6, ridge), (0.6, tip)), 0.05, (70, 70, 74))
    for step, reach in enumerate((0.5, 0.42, 0.34, 0.26)):
        y = tip - 0.22 * step
        front.line(((0.6 - reach, y), (0.6 + reach, y)), 0.035, (70, 70, 74))


def _cover_facade(canvas: Canvas, corners: Float[np.ndarray, "4 2"], flat: Texture) -> None:
    """Draw a facade at its place in the picture, in perspective."""
    x0, y0, x1, y1 = canvas.bounds(corners)
    if x1 <= x0 or y1 <= y0:
        return
    height, width = flat.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, (corners - (x0, y0)).astype(np.float32))
    seen = cv2.warpPerspective(flat, matrix, (x1 - x0, y1 - y0), borderMode=cv2.BORDER_REPLICATE)
    canvas.cover(corners, seen, Material.BUILDING, at=(x0, y0))
