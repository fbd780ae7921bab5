"""Leaves, crowns and blades of grass."""

import cv2
import numpy as np
from jaxtyping import Float

from app.scenes.canvas import FINE, Canvas, Colour
from app.scenes.materials import Material
from app.scenes.textures import Plane, mottle

LIGHT = np.array([-0.6, -0.8])  # direction towards the sun, in the picture


def draw_leaves(
    canvas: Canvas,
    stalks: Float[np.ndarray, "n 2"],
    angles: Float[np.ndarray, " n"],
    lengths: Float[np.ndarray, " n"],
    colours: Float[np.ndarray, "n 3"],
    material: Material = Material.TREE,
) -> None:
    """Draw pointed leaves in order, one half of each lighter than the other."""
    t = np.linspace(0, 1, 6)
    half = 0.30 * np.sin(np.pi * t**0.8)
    along = np.stack([np.cos(angles), np.sin(angles)], 1)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    across *= np.where(across @ LIGHT > 0, 1, -1)[:, None]  # towards the sunny half
    middle = stalks[:, None] + along[:, None] * (t * lengths[:, None])[..., None]
    width = across[:, None] * (half * lengths[:, None])[..., None]
    shady = np.concatenate([middle, (middle - width)[:, ::-1]], 1)
    sunny = np.concatenate([middle, (middle + width)[:, ::-1]], 1)
    halves = np.stack([shady, sunny], 1).reshape(-1, *shady.shape[1:])
    tones = (colours[:, None] * np.array([0.92, 1.2])[:, None]).reshape(-1, 3)
    canvas.fill_each(halves, tones, material)


def draw_blades(
    canvas: Canvas,
    rng: np.random.Generator,
    roots: Float[np.ndarray, "n 2"],
    lengths: Float[np.ndarray, " n"],
    colour: Colour,
) -> None:
    """Draw blades of grass bent by the wind, from far to near."""
    order = np.argsort(roots[:, 1])
    roots, lengths = roots[order], lengths[order, None]
    lean = rng.normal(0.1, 0.32, (len(roots), 1))
    tone = rng.normal(1, 0.17, (len(roots), 1)).clip(0.55, 1.5) * [1, 1, 1] + rng.normal(
        0, 0.05, (len(roots), 3)
    )
    tip = roots + np.concatenate([lean, -np.ones_like(lean)], 1) * lengths
    knee = roots + np.concatenate([lean * 0.35, -0.6 * np.ones_like(lean)], 1) * lengths
    side = np.concatenate([0.03 * lengths + 0.12, 0 * lengths], 1)
    blades = np.stack([roots - side, knee - side / 2, tip, knee + side / 2, roots + side], 1)
    canvas.fill_each(blades, np.asarray(colour, float) * tone, Material.GRASS)


def draw_crown(
    canvas: Canvas,
    rng: np.random.Generator,
    blobs: Float[np.ndarray, "n 3"],
    colour: Colour,
    *,
    leaf: float,
    ragged: float = 0.35,
    contrast: float = 0.26,
    material: Material = Material.TREE,
) -> None:
    """Draw foliage as a heap of lit blobs with a leafy edge.

    Args:
        canvas: The canvas to draw on.
        rng: Random generator.
        blobs: Centre x, centre y and radius of each blob, in pixels.
        colour: Colour of leaves in half light.
        leaf: Size of the tufts, in pixels.
        ragged: Depth of the ragged edge, as a fraction of the radius.
        contrast: Contrast of the tufts, as a fraction of the colour.
        material: Material of the crown.
    """
    shift = np.float32(rng.uniform(0, 1000))
    reach = blobs[:, 2:] * (1.1 + ragged)
    x0, y0, x1, y1 = canvas.bounds(np.concatenate([blobs[:, :2] - reach, blobs[:, :2] + reach]))
    if x1 <= x0 or y1 <= y0:
        return
    x, y = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    depth, light = _heap(x, y, blobs)
    fine = [cv2.resize(values, None, fx=FINE, fy=FINE) for values in (depth, x, y)]
    mask = fine[0] + ragged * mottle(fine[1] + shift, fine[2], leaf * 16, 0.7) > 0
    texture = mottle(x + shift + 31, y, leaf * 16, 0.7)
    tone = (0.72 + 0.42 * light + contrast * texture).clip(0.18, 1.7)
    texture = tone[..., None] * np.asarray(colour, np.float32)
    texture[..., 0] += 12 * (tone - 0.7)  # sunlit leaves are yellower
    canvas.stencil(mask, texture, material, at=(x0, y0))


def _heap(x: Plane, y: Plane, blobs: Float[np.ndarray, "n 3"]) -> tuple[Plane, Plane]:
    """Return each pixel's depth in the heap, in radii, and the sunlight on its surface, -1 to 1."""
    depth = np.full(x.shape, -np.inf, np.float32)
    light = np.zeros_like(x)
    for middle_x, middle_y, radius in blobs.astype(np.float32):
        u, v = (x - middle_x) / radius, (y - middle_y) / radius
        inside = 1 - np.hypot(u, v)
        nearer = inside > depth
        depth[nearer] = inside[nearer]
        light[nearer] = (u * np.float32(LIGHT[0]) + v * np.float32(LIGHT[1]))[nearer]
    return depth, light.clip(-1, 1)
