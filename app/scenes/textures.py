"""Noise, sky, ground and lens: what makes flat shapes look photographed.

Textures are float32 arrays of red, green and blue from 0 to 255, as large as the picture.
"""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Float

from app.scenes.camera import Camera
from app.scenes.canvas import Colour, Texture

TILE = 256  # side of a seamless noise tile

Plane = Float[np.ndarray, "h w"]


@cache
def _tile(roughness: float) -> Float[np.ndarray, "t t"]:
    """Return seamless noise of mean 0 and standard deviation 1."""
    row = np.fft.fftfreq(TILE)[:, None]
    column = np.fft.rfftfreq(TILE)[None]
    frequency = np.hypot(row, column)
    frequency[0, 0] = np.inf
    white = np.random.default_rng(0).standard_normal((TILE, TILE))
    tile = np.fft.irfft2(np.fft.rfft2(white) * frequency**-roughness, s=(TILE, TILE))
    return (tile / tile.std()).astype(np.float32)


def mottle(x: Plane, y: Plane, period: float, roughness: float = 1.0) -> Plane:
    """Return noise of mean 0 and standard deviation 1 on a plane.

    Args:
        x: First coordinate of every pixel; a random shift selects another piece of noise.
        y: Second coordinate of every pixel.
        period: Length after which the noise repeats.
        roughness: Fall of the amplitude with frequency f, as f to the power of minus this: 0 is
            white noise, 1 mottled, 2 smooth.
    """
    columns, rows = (_wrapped(axis * np.float32(TILE / period)) for axis in (x, y))
    return cv2.remap(_tile(roughness), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _wrapped(position: Plane) -> Plane:
    return position - np.float32(TILE) * np.floor(position * np.float32(1 / TILE))


def screen(camera: Camera) -> tuple[Plane, Plane]:
    """Return x and y of every pixel in picture heights, from the middle of the top edge."""
    x = (np.arange(camera.width) + 0.5 - camera.width / 2) / camera.height
    y = (np.arange(camera.height) + 0.5) / camera.height
    columns, rows = np.meshgrid(x, y)
    return columns.astype(np.float32), rows.astype(np.float32)


def blend(first: Colour | Texture, second: Colour | Texture, share: Plane) -> Texture:
    """Mix two colours or textures; `share` is the part of the second, 0 to 1."""
    a, b = np.asarray(first, np.float32), np.asarray(second, np.float32)
    return a + (b - a) * share[..., None].clip(0, 1)


def sky(camera: Camera, rng: np.random.Generator, *, zenith: Colour, haze: Colour, clouds: float) -> Texture:
    """Return a sky that pales towards the horizon, with lit clouds that flatten towards it.

    Args:
        camera: Camera whose horizon ends the sky.
        rng: Random generator.
        zenith: Colour overhead.
        haze: Colour at the horizon.
        clouds: Cloud cover, from about -1 (hardly any) to 1 (nearly all).
    """
    x, y = screen(camera)
    height = ((camera.horizon - y) / camera.horizon).clip(0, 1)
    base = blend(haze, zenith, height**0.7)
    distance = 1 / (height + 0.2)
    x, distance = x * distance + rng.uniform(0, 9), distance + rng.uniform(0, 9)
    amount = mottle(x, distance, 5.0, 1.5)
    shade = mottle(x + 0.05, distance - 0.12, 5.0, 1.5)
    density = (0.5 * (amount + clouds)).clip(0, 1)
    density = density * density * (3 - 2 * density) * (height / 0.25).clip(0.25, 1)
    white = np.array([252, 250, 247], np.float32) * (1 - 0.075 * shade.clip(0, 3))[..., None]
    return blend(base, white.clip(0, 255), density)


def ground(
    camera: Camera, rng: np.random.Generator, colour: Colour, *, patches: float, grain: float
) -> Texture:
    """Return a plain with mottles and grain that shrink and fade with distance.

    Args:
        camera: Camera that sets the perspective.
        rng: Random generator.
        colour: Mean colour.
        patches: Contrast of mottles of some metres, as a fraction of the colour.
        grain: Contrast of grains of some centimetres, as a fraction of the colour.
    """
    x, z = camera.ground()
    stretch = z * z / (camera.focal * camera.eye)  # metres of ground in one row of pixels
    x = x + np.float32(rng.uniform(0, 100))
    value = 1 + patches * mottle(x, z, 23.0)
    for period, roughness in ((6.0, 0.7), (1.7, 0.3)):
        value += grain * mottle(x, z, period, roughness) / (1 + 60 * stretch / period)
    return np.asarray(colour, np.float32) * value.clip(0.3, 2)[..., None]


def photograph(picture: Texture, rng: np.random.Generator) -> Texture:
    """Add the effects of lens and sensor: softness, darker corners, fine grain."""
    height, width = picture.shape[:2]
    soft = cv2.GaussianBlur(picture, (0, 0), 0.35 + height / 3000)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    soft *= (1.03 - 0.07 * (x * x + y * y))[..., None]
    exposed = 255 * (soft.clip(0, 255) / 255) ** np.float32(0.88)
    return (exposed + rng.standard_normal((height, width, 1), dtype=np.float32) * 2.0).clip(0, 255)


def shadow(
    camera: Camera, outlines: list[Float[np.ndarray, "n 2"]], *, softness: float, depth: float
) -> Plane:
    """Return the factor of the light that reaches a surface with cast shadows.

    Args:
        camera: Camera that sets the picture's size.
        outlines: Polygons of the shadows, in pixels.
        softness: Blur of the edges, as a fraction of the picture's height.
        depth: Share of the light that shadows take, 0 to 1.
    """
    mask = np.zeros((camera.height * 2, camera.width * 2), np.uint8)
    for outline in outlines:
        fixed = np.rint((np.asarray(outline) * 2).clip(-(2**15), 2**15) * 8).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, shift=3)
    size = (camera.width, camera.height)
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return 1 - depth * cv2.GaussianBlur(small, (0, 0), max(softness * camera.height, 0.1))
