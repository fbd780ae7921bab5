"""The ground of a street: carriageway, kerbs, pavements and markings."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas, Points, Texture
from app.scenes.materials import Material
from app.scenes.textures import Plane, ground

LEFT, RIGHT = -2.6, 5.2  # metres: x of the kerbs
PAVED = 2.4  # metres: width of the pavements
END = 105.0  # metres: end of the street


def strip(camera: Camera, left: float, right: float, near: float = 0.3, far: float = END) -> Points:
    """Return the outline of a piece of ground along the street from its sides and ends in metres."""
    return camera.project(np.array([(left, 0, near), (left, 0, far), (right, 0, far), (right, 0, near)]))


def joints(x: Plane, z: Plane, sides: Sequence[float], width: float) -> Plane:
    """Return 1 on the joints between slabs, 0 elsewhere.

    Args:
        x: x of the ground at each pixel, in metres.
        z: z of the ground at each pixel, in metres.
        sides: Size of a slab along x and z, in metres.
        width: Width of the joints, as a fraction of the slab.
    """
    gaps = [np.abs(axis / side - np.round(axis / side)) for axis, side in zip((x, z), sides, strict=True)]
    return ((gaps[0] < width / 2) | (gaps[1] < width / 2)).astype(np.float32)


def draw_roadway(
    canvas: Canvas, camera: Camera, rng: np.random.Generator, light: Float[np.ndarray, "h w 1"]
) -> None:
    """Draw the ground of the street; `light` is the factor of the light on the carriageway."""
    x, z = camera.ground()
    asphalt = ground(camera, rng, (112, 112, 116), patches=0.04, grain=0.08) * light
    slabs = ground(camera, rng, (156, 152, 146), patches=0.05, grain=0.07)
    slabs *= (1 - 0.3 * joints(x, z, (0.6, 0.9), 0.024) / (1 + z / 12))[..., None]
    lawn = ground(camera, rng, (104, 122, 64), patches=0.1, grain=0.15)
    canvas.cover(strip(camera, LEFT - 30, RIGHT + 60), lawn, Material.GRASS)
    canvas.cover(strip(camera, LEFT - PAVED, RIGHT + PAVED), slabs, Material.PAVEMENT)
    canvas.cover(strip(camera, LEFT, RIGHT), asphalt, Material.ROAD)
    for kerb, outward in ((LEFT, -1), (RIGHT, 1)):
        canvas.cover(strip(camera, kerb, kerb + outward * 0.15), slabs * 1.18, Material.PAVEMENT)
        canvas.cover(strip(camera, kerb - outward * 0.05, kerb), slabs * 0.62, Material.PAVEMENT)
    _draw_markings(canvas, camera, asphalt)


def _draw_markings(canvas: Canvas, camera: Camera, asphalt: Texture) -> None:
    yellow, white = asphalt * np.array([1.7, 1.5, 0.75], np.float32), asphalt * 1.85
    for kerb, outward in ((LEFT, -1), (RIGHT, 1)):
        for inset in (0.25, 0.42):
            inner = kerb - outward * inset
            canvas.cover(strip(camera, inner, inner - outward * 0.07), yellow, Material.ROAD)
    middle = (LEFT + RIGHT) / 2
    for start in np.arange(2.2, END, 6.0):
        canvas.cover(strip(camera, middle - 0.06, middle + 0.06, start, start + 4), white, Material.ROAD)
