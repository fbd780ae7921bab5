"""The country behind a fence: fields, hedges, a barn and sheep."""

from collections.abc import Sequence

import numpy as np

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas
from app.scenes.materials import Material
from app.scenes.plants import draw_crown
from app.scenes.sketch import Sketch
from app.scenes.textures import blend, mottle, screen


def draw_distance(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    """Draw hills, a barn and hedges along the horizon."""
    x, y = screen(camera)
    horizon = camera.skyline
    columns = np.linspace(-2, camera.width + 2, 160)
    across = (columns - camera.width / 2) / camera.height
    for height, colour, seed in ((0.085, (142, 162, 176), 0.0), (0.05, (122, 146, 132), 2.0)):
        skyline = 0.6 + 0.4 * np.sin(across * 2.3 + seed + 1) + 0.18 * np.sin(across * 6.1 + seed * 3)
        top = horizon - skyline * height * camera.height
        outline = np.vstack(
            [np.stack([columns, top], 1), [[columns[-1], horizon + 2], [columns[0], horizon + 2]]]
        )
        fields = mottle(x + rng.uniform(0, 9), y * 4, 0.9, 1.3)
        canvas.cover(outline, blend(colour, np.array(colour) * 1.12, 0.5 + 0.5 * fields), Material.HILL)
    draw_barn(canvas, camera)
    for _ in range(34):
        z = rng.uniform(55, 110)
        place = (rng.uniform(-0.9, 0.9) * z, 0.0, z)
        tall = rng.uniform(2.0, 4.5) if rng.random() < 0.7 else rng.uniform(5, 9)
        draw_tree(canvas, camera, rng, place, tall)


def draw_tree(
    canvas: Canvas, camera: Camera, rng: np.random.Generator, place: Sequence[int | float], tall: float
) -> None:
    """Draw a leafy tree or bush; `tall` is its height in metres."""
    foot = camera.project(np.array([place]))[0]
    size = camera.pixels(tall, place[2])
    canvas.stroke(np.stack([foot, foot - [0, 0.5 * size]]), 0.07 * size, (78, 64, 52), Material.TREE)
    count = 9
    blobs = np.stack(
        [
            foot[0] + rng.normal(0, 0.19, count) * size,
            foot[1] - rng.uniform(0.26, 0.82, count) * size,
            rng.uniform(0.14, 0.24, count) * size,
        ],
        1,
    )
    haze = min(place[2] / 260, 0.5)
    green = np.array([78, 98, 48]) * rng.uniform(0.8, 1.15)
    draw_crown(
        canvas, rng, blobs, green * (1 - haze) + np.array([150, 166, 172]) * haze, leaf=max(0.03 * size, 0.6)
    )


def draw_barn(canvas: Canvas, camera: Camera) -> None:
    """Draw a brick barn with a tiled roof, far to the left."""
    left, right, near, far, eaves, ridge = -33.0, -17.0, 62.0, 70.0, 4.6, 9.0
    middle = (near + far) / 2
    gable = ((0, near), (0, far), (eaves, far), (ridge, middle), (eaves, near))
    end = np.array([(right, y, z) for y, z in gable])
    canvas.fill(camera.project(end), (122, 84, 66), Material.BUILDING)
    roof = np.array(
        [(left, eaves, near), (right, eaves, near), (right, ridge, middle), (left, ridge, middle)]
    )
    canvas.fill(camera.project(roof), (146, 88, 70), Material.BUILDING)
    front = Sketch.standing(canvas, camera, (left, 0, near), Material.BUILDING)
    front.box(0.0, 0.0, right - left, eaves, (170, 112, 84))
    for x in (2.0, 6.0, 10.0, 13.0):
        front.box(x, 1.2, x + 1.2, 3.0, (70, 60, 58))


def draw_sheep(
    canvas: Canvas, camera: Camera, rng: np.random.Generator, place: Sequence[int | float], size: float
) -> None:
    """Draw a sheep of `size` times about 1 m; it looks to the left if `size` is negative."""
    sketch = Sketch.standing(canvas, camera, place, Material.SHEEP, size=size)
    for x, shade in ((-0.26, 44), (0.27, 44), (-0.36, 62), (0.36, 62)):
        sketch.line(((x, 0.45), (x + 0.02, 0.2), (x, 0)), 0.062, [shade] * 3)
    wool = (
        (-0.36, 0.56, 0.21),
        (-0.18, 0.60, 0.24),
        (0.02, 0.61, 0.25),
        (0.22, 0.61, 0.24),
        (0.38, 0.58, 0.20),
        (-0.1, 0.48, 0.22),
        (0.15, 0.48, 0.22),
        (0.48, 0.62, 0.13),
    )
    sketch.fur(rng, wool, (226, 216, 196), tuft=0.03, ragged=0.12, contrast=0.15)
    sketch.oval((0.63, 0.60), (0.16, 0.088), (52, 46, 44), turn=-0.5)
    for x in (0.47, 0.58):
        sketch.line(((0.54, 0.69), (x, 0.75)), (0.06, 0.03), (66, 56, 52))
