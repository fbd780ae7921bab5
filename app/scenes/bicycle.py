"""A bicycle on a pavement in front of a sunny wall, which shows between its spokes."""

import cv2
import numpy as np
from jaxtyping import Float

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas, Texture
from app.scenes.cycle import draw_bicycle
from app.scenes.materials import Material
from app.scenes.roadway import joints
from app.scenes.sketch import Sketch
from app.scenes.textures import Plane, blend, ground, mottle
from app.scenes.yard import draw_pot, draw_sign, draw_window

WALL, BICYCLE, KERB = 5.0, 4.6, 4.22  # metres ahead
PLINTH = 0.30  # metres: height of the stone foot of the wall
SUN = np.array([0.62, -0.80])  # shift of a shadow sideways and up, per metre of depth
PAINT = (150, 34, 40)


def draw(camera: Camera, rng: np.random.Generator) -> Canvas:
    """Draw the wall, the street, the things on it, and the bicycle last."""
    canvas = Canvas(camera.height, camera.width)
    shapes = Canvas(camera.height, camera.width)
    leaves = int(rng.integers(2**31))
    _draw_things(shapes, camera, leaves)
    light = _light(camera, 1 - shapes.coverage(Material.SKY))[..., None]
    _draw_wall(canvas, camera, _wall(camera, rng) * light)
    draw_window(canvas, camera, rng, WALL)
    _draw_street(canvas, camera, rng, light)
    _draw_things(canvas, camera, leaves)
    return canvas


def _draw_things(canvas: Canvas, camera: Camera, seed: int) -> None:
    draw_sign(canvas, camera, (-1.17, 0, 4.8))
    draw_pot(canvas, camera, np.random.default_rng(seed), (1.20, 0, 4.72))
    draw_bicycle(Sketch.standing(canvas, camera, (-0.08, 0, BICYCLE), Material.BICYCLE), PAINT)


def _wall_plane(camera: Camera) -> tuple[Plane, Plane]:
    """Return x and height, in metres, of the wall at each pixel."""
    scale = camera.pixels(1.0, WALL)
    x = (np.arange(camera.width, dtype=np.float32) + 0.5 - camera.width / 2) / scale
    y = camera.eye - (np.arange(camera.height, dtype=np.float32) + 0.5 - camera.skyline) / scale
    columns, rows = np.meshgrid(x, y)
    return columns, rows


def _light(camera: Camera, silhouette: Plane) -> Plane:
    """Return the light on wall and pavement; bicycle, pot and sign cast shadows as if in one plane."""
    wall_x, wall_y = _wall_plane(camera)
    ground_x, ground_z = camera.ground()
    depth = np.where(wall_y > 0, WALL, ground_z) - BICYCLE
    # Where the ray from each pixel towards the sun meets the plane of the bicycle.
    x = np.where(wall_y > 0, wall_x, ground_x) - SUN[0] * depth
    y = np.maximum(wall_y, 0) - SUN[1] * depth
    scale = camera.pixels(1.0, BICYCLE)
    columns = (camera.width / 2 + x * scale).astype(np.float32)
    rows = (camera.skyline + (camera.eye - y) * scale).astype(np.float32)
    cast = cv2.remap(silhouette, columns, rows, cv2.INTER_LINEAR, borderValue=0)
    cast[depth < 0] = 0
    return 1 - 0.5 * cv2.GaussianBlur(cast, (0, 0), 0.0042 * camera.height)


def _wall(camera: Camera, rng: np.random.Generator) -> Texture:
    """Return old ochre plaster, with bare bricks here and there, above a stone plinth."""
    x, y = _wall_plane(camera)
    x = x + np.float32(rng.uniform(0, 20))
    cloud, fine = mottle(x, y, 2.6, 1.2), mottle(x, y, 0.8, 0.4)
    tone = (
        1 + 0.05 * cloud + 0.035 * fine + 0.05 * (y - 1) - 0.10 * np.exp(-(((y - PLINTH) / 0.2).clip(0) ** 2))
    )
    plaster = np.array([214, 172, 106], np.float32) * tone[..., None]
    gone = mottle(x + 7, y, 3.4, 1.35) - 1.15 - 0.5 * (y - 0.5)
    rim = (1 - np.abs(gone + 0.06) / 0.06).clip(0, 1)
    wall = blend(plaster * (1 - 0.12 * rim)[..., None], _bricks(x, y), gone * 30)
    stone = np.array([146, 140, 134], np.float32) * (1 + 0.09 * mottle(x, y, 1.1, 0.6))[..., None]
    stone *= (1 - 0.35 * (np.abs(x % 0.62 - 0.31) > 0.304))[..., None]
    ledge = 1 + 0.25 * (np.abs(y - PLINTH + 0.012) < 0.012) - 0.18 * (np.abs(y - PLINTH - 0.008) < 0.008)
    return blend(wall, stone, (y < PLINTH).astype(np.float32)) * ledge[..., None]


def _bricks(x: Plane, y: Plane) -> Texture:
    course = np.floor(y / 0.075)
    along = x / 0.225 + 0.5 * (course % 2)
    mortar = (y / 0.075 - course < 0.16) | (along - np.floor(along) < 0.055)
    noise = np.sin(np.floor(along) * 12.9898 + course * 78.233) * 43758.5453  # hash: one tone per brick
    tone = 0.82 + 0.3 * (noise - np.floor(noise)) + 0.06 * mottle(x, y, 0.7, 0.4)
    return blend(
        np.array([158, 84, 62], np.float32) * tone[..., None], (178, 162, 142), mortar.astype(np.float32)
    )


def _draw_wall(canvas: Canvas, camera: Camera, texture: Texture) -> None:
    foot = camera.project(np.array([[0, 0, WALL]]))[0, 1]
    canvas.cover(canvas.band(0.0, foot), texture, Material.BUILDING)


def _draw_street(
    canvas: Canvas, camera: Camera, rng: np.random.Generator, light: Float[np.ndarray, "h w 1"]
) -> None:
    x, z = camera.ground()
    slabs = ground(camera, rng, (172, 166, 156), patches=0.05, grain=0.06)
    shade = 1 - 0.30 * joints(x, z, (0.5, 0.32), 0.03) - 0.35 * np.exp(-((WALL - z) / 0.05).clip(0))
    rows = [
        float(camera.project(np.array([[0, y, z]]))[0, 1])
        for y, z in ((0, WALL), (0, KERB + 0.12), (0, KERB), (-0.06, KERB))
    ]
    road = ground(camera, rng, (112, 111, 113), patches=0.04, grain=0.08)
    kerb = ground(camera, rng, (190, 186, 178), patches=0.03, grain=0.05)
    kerb *= (1 - 0.3 * (np.abs(x / 0.9 - np.round(x / 0.9)) < 0.006))[..., None]
    bands = (
        (slabs * shade[..., None] * light, Material.PAVEMENT),
        (kerb, Material.PAVEMENT),
        (kerb * 0.62, Material.PAVEMENT),
        (road, Material.ROAD),
    )
    for top, bottom, (texture, material) in zip(rows, [*rows[1:], float(camera.height)], bands, strict=True):
        canvas.cover(canvas.band(top, bottom), texture, material)
