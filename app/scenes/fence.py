"""A pasture fence: round posts, a rail and wire netting in front of sheep, fields and sky."""

import numpy as np
from jaxtyping import Float

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas
from app.scenes.country import draw_distance, draw_sheep
from app.scenes.materials import Material
from app.scenes.plants import draw_blades
from app.scenes.textures import Plane, blend, ground, mottle, shadow, sky

ENDS = (0.4, 75.0)  # metres along the fence: the part that is drawn
OFFSET = 2.5  # metres from the camera to the fence
HEADING = 0.88  # radians from the picture's plane to the fence's direction
SPACING = 2.2  # metres between posts
WIRES = (0.08, 0.19, 0.31, 0.44, 0.59, 0.76, 0.95)  # heights in metres
POST, RAIL = 1.32, 1.14  # heights in metres
WIRE = 0.007  # thickness in metres
VERGE = 0.95  # metres between fence and road
FLOCK = ((4.0, 32.0, 1.0), (7.5, 23.0, -1.0), (1.0, 17.0, 1.05), (1.9, 10.0, -0.95), (-2.2, 6.4, 1.0))


Lengths = float | Float[np.ndarray, " n"]


def beside(distance: Lengths, across: Lengths, height: Lengths) -> Float[np.ndarray, "n 3"]:
    """Return world points from metres along the fence, behind it and above the ground."""
    c, s = np.cos(HEADING), np.sin(HEADING)
    along, away, y = np.broadcast_arrays(np.atleast_1d(distance), OFFSET + np.asarray(across), height)
    return np.stack([along * c - away * s, y, along * s + away * c], 1)


def draw(camera: Camera, rng: np.random.Generator) -> Canvas:
    """Draw the scene from the sky to the nearest blade of grass."""
    canvas = Canvas(camera.height, camera.width)
    air = sky(camera, rng, zenith=(84, 134, 198), haze=(214, 226, 236), clouds=-0.1)
    canvas.cover(canvas.band(), air, Material.SKY)
    draw_distance(canvas, camera, rng)
    _draw_ground(canvas, camera, rng, _fence_light(camera))
    for x, z, size in FLOCK:
        draw_sheep(canvas, camera, rng, (x, 0.0, z), size)
    _draw_telegraph(canvas, camera)
    _draw_fence(canvas, camera, rng)
    _draw_verge(canvas, camera, rng)
    return canvas


def _draw_ground(canvas: Canvas, camera: Camera, rng: np.random.Generator, light: Plane) -> None:
    meadow = ground(camera, rng, (110, 122, 66), patches=0.10, grain=0.15)
    dry = mottle(*camera.ground(), 30.0, 1.4) * 0.3 + 0.2
    meadow = blend(meadow, meadow * np.array([1.2, 1.08, 1.05], np.float32), dry) * light[..., None]
    canvas.cover(canvas.band(camera.skyline), meadow, Material.GRASS)
    asphalt = ground(camera, rng, (126, 125, 127), patches=0.03, grain=0.07) * light[..., None]
    stretch = ENDS[0] - 4 + np.geomspace(1, 400, 60)
    ragged = 0.05 * np.sin(stretch * 2.1) + 0.04 * np.sin(stretch * 5.3 + 1)
    for start, end, paint in ((-VERGE + ragged, -8.0, 1.0), (-VERGE - 0.30, -VERGE - 0.42, 1.62)):
        edge, other = beside(stretch, start, 0.0), beside(stretch[::-1], end, 0.0)
        canvas.cover(camera.project(np.concatenate([edge, other])), asphalt * paint, Material.ROAD)


def _fence_light(camera: Camera) -> Plane:
    """Return the light that posts and rail leave on the ground, with the sun on the left."""
    slant = np.array([0.62, -1.0, -0.12])  # from a point to its shadow, per metre of height
    bars = [
        ((at - 0.06, 0.0), (at + 0.06, 0.0), (at + 0.06, POST), (at - 0.06, POST))
        for at in np.arange(ENDS[0], 40, SPACING)
    ]
    bars.append(((ENDS[0], RAIL - 0.05), (40.0, RAIL - 0.05), (40.0, RAIL + 0.05), (ENDS[0], RAIL + 0.05)))
    outlines: list[Float[np.ndarray, "n 2"]] = []
    for bar in bars:
        along, height = np.array(bar).T
        outlines.append(camera.project(beside(along, 0.0, height) + slant * height[:, None]))
    return shadow(camera, outlines, softness=0.003, depth=0.5)


def _draw_telegraph(canvas: Canvas, camera: Camera) -> None:
    """Draw wooden poles with four wires on the far side of the pasture."""
    span = np.linspace(0, 1, 12)
    sag = 6.8 - 4.8 * span * (1 - span)
    for at in np.arange(5.0, 230.0, 32.0)[::-1]:
        foot, top, tip = camera.project(beside(at, 11.0, np.array([0.0, 6.9, 7.2])))
        thick = camera.pixels(0.24, beside(at, 11.0, 0.0)[0, 2])
        canvas.stroke(np.stack([foot, tip]), np.array([thick, 0.7 * thick]), (84, 74, 66), Material.POLE)
        arm = camera.project(beside(at, 11 + np.array([-0.95, 0.95]), 6.7))
        canvas.stroke(arm, 0.6 * thick, (76, 68, 62), Material.POLE)
        lit = np.stack([foot, top]) - np.array([0.2 * thick, 0])
        canvas.stroke(lit, 0.25 * thick, (122, 108, 94), Material.POLE)
        for side in (-0.75, -0.25, 0.25, 0.75):
            wire = beside(at - 32 * span, 11 + side, sag)
            wire = wire[wire[:, 2] > 1]
            canvas.stroke(camera.project(wire), camera.widths(0.03, wire[:, 2]), (58, 58, 62), Material.POLE)


def _draw_fence(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    posts = np.arange(ENDS[0], ENDS[1], SPACING)
    for at in posts[::-1]:
        _draw_netting(canvas, camera, rng, at)
        _draw_rail(canvas, camera, at)
        _draw_post(canvas, camera, rng, at)


def _draw_netting(canvas: Canvas, camera: Camera, rng: np.random.Generator, start: float) -> None:
    """Draw wires along the fence and stays across them, from one post to the next."""
    stations = np.linspace(start, start + SPACING, 7)
    sag = 0.014 * np.sin(np.linspace(0, np.pi, 7)) * rng.uniform(0.5, 1.5)
    heights = (np.array(WIRES)[:, None] - sag).ravel()
    wires = beside(np.tile(stations, len(WIRES)), -0.06, heights).reshape(len(WIRES), 7, 3)
    stays = np.linspace(start, start + SPACING, 12, endpoint=False).repeat(2)
    upright = beside(stays, -0.06, np.tile([WIRES[0], WIRES[-1]], 12)).reshape(12, 2, 3)
    parts = np.concatenate([np.stack([wires[:, :-1], wires[:, 1:]], 2).reshape(-1, 2, 3), upright])
    ends = camera.project(parts.reshape(-1, 3)).reshape(-1, 2, 2)
    colours = np.full((len(parts), 3), 172.0) * rng.uniform(0.85, 1.15, (len(parts), 1))
    canvas.lines(ends, camera.widths(WIRE, parts[..., 2]), colours, Material.FENCE)


def _draw_rail(canvas: Canvas, camera: Camera, start: float) -> None:
    world = beside(np.array([start, start + SPACING]), -0.08, RAIL)
    path, widths = camera.project(world), camera.widths(0.085, world[:, 2])
    for lift, share, tone in ((0.0, 1.0, 0.62), (0.12, 0.72, 0.9), (0.25, 0.3, 1.12)):
        moved = path - np.array([0.0, lift]) * widths[:, None]
        canvas.stroke(moved, widths * share, np.array([156, 138, 116]) * tone, Material.FENCE)


def _draw_post(canvas: Canvas, camera: Camera, rng: np.random.Generator, at: float) -> None:
    """Draw a round post with a domed top, in strips from its sunny side to its dark one."""
    world = beside(at, 0.0, np.array([-0.03, POST]))
    foot, top = camera.project(world)
    radius = camera.pixels(0.06, world[0, 2])
    edges = np.linspace(-1, 1, 11)
    turn = np.arcsin((edges[1:] + edges[:-1]) / 2)
    tone = 0.42 + 0.62 * np.cos(turn + 0.75).clip(0) + rng.uniform(-0.06, 0.06, 10)
    low = foot + radius * np.stack([edges, 0 * edges], 1)
    high = top + radius * np.stack([edges, -0.45 * np.sqrt(1 - edges**2)], 1)
    strips = np.stack([low[:-1], high[:-1], high[1:], low[1:]], 1)
    wood = np.array([152, 132, 108]) * rng.uniform(0.88, 1.08)
    canvas.fill_each(strips, wood * tone[:, None], Material.FENCE)


def _draw_verge(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    """Draw grass between fence and road, densest around the posts."""
    count = 2600
    distance = ENDS[0] + rng.gamma(1.3, 7.0, count) - 1
    post = np.round((distance - ENDS[0]) / SPACING) * SPACING + ENDS[0]
    distance = np.where(rng.random(count) < 0.3, post + rng.normal(0, 0.14, count), distance)
    world = beside(distance, rng.normal(-0.2, 0.3, count).clip(-VERGE, 1), 0.0)
    lengths = camera.widths(0.075, world[:, 2]) * rng.gamma(5, 0.25, count)
    seen = world[:, 2] > 1.5
    draw_blades(canvas, rng, camera.project(world)[seen], lengths[seen], (112, 126, 60))
