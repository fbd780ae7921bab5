"""A pasture fence: round posts, a rail and wire netting before sheep, fields and sky."""

import numpy as np
from jaxtyping import Float

from dysample.scenes.camera import Camera
from dysample.scenes.canvas import Canvas, Texture
from dysample.scenes.country import draw_distance, draw_sheep
from dysample.scenes.materials import Material
from dysample.scenes.plants import draw_blades
from dysample.scenes.textures import Plane, blend, ground, mottle, shadow, sky

ENDS = (0.4, 75.0)  # metres along the fence that are drawn
OFFSET = 2.5  # metres from the camera to the fence
HEADING = 0.88  # radians from the picture's plane to the fence's direction
SPACING = 2.2  # metres between posts
WIRES = (0.08, 0.19, 0.31, 0.44, 0.59, 0.76, 0.95)  # heights in metres
POST, RAIL = 1.32, 1.14  # heights in metres
WIRE = 0.007  # thickness in metres
VERGE = 0.95  # metres between fence and road
FLOCK = ((4.0, 32.0, 1.0), (7.5, 23.0, -1.0), (1.0, 17.0, 1.05), (1.9, 10.0, -0.95), (-2.2, 6.4, 1.0))


def beside(distance: Float[np.ndarray, " n"], across: float, height: float) -> Float[np.ndarray, "n 3"]:
    """World points by metres along the fence, metres behind it, and metres above the ground."""
    c, s = np.cos(HEADING), np.sin(HEADING)
    distance = np.asarray(distance, float)
    x = distance * c - (OFFSET + across) * s
    z = distance * s + (OFFSET + across) * c
    return np.stack([x, np.full_like(x, height), z], 1)


def draw(camera: Camera, rng: np.random.Generator) -> Canvas:
    """Draw the scene from the sky to the nearest blade of grass."""
    canvas = Canvas(camera.height, camera.width)
    frame = np.array([[0, 0], [camera.width, 0], [camera.width, camera.height], [0, camera.height]], float)
    air = sky(camera, rng, zenith=(84, 134, 198), haze=(214, 226, 236), clouds=-0.1)
    canvas.cover(frame, air, Material.SKY)
    draw_distance(canvas, camera, rng)
    _draw_ground(canvas, camera, rng, fence_shadow(camera))
    for x, z, size in FLOCK:
        draw_sheep(canvas, camera, rng, (x, 0.0, z), size)
    _draw_telegraph(canvas, camera)
    _draw_fence(canvas, camera, rng)
    _draw_verge(canvas, camera, rng)
    return canvas


def _draw_ground(canvas: Canvas, camera: Camera, rng: np.random.Generator, light: Plane) -> None:
    meadow = ground(camera, rng, (110, 122, 66), patches=0.10, grain=0.15)
    x, z = camera.ground()
    dry = mottle(x, z, 30.0, 1.4) * 0.3 + 0.2
    meadow = blend(meadow, meadow * np.float32([1.2, 1.08, 1.05]), dry) * light[..., None]
    horizon = camera.horizon * camera.height
    plain = np.array(
        [[0, horizon], [camera.width, horizon], [camera.width, camera.height], [0, camera.height]]
    )
    canvas.cover(plain, meadow, Material.GRASS)
    asphalt = ground(camera, rng, (126, 125, 127), patches=0.03, grain=0.07) * light[..., None]
    near, far = ENDS[0] - 3, 400.0
    stretch = np.geomspace(1, far, 60) + near - 1
    wobble = 0.05 * np.sin(stretch * 2.1) + 0.04 * np.sin(stretch * 5.3 + 1)
    edge = camera.project(
        np.concatenate([beside(np.array([t]), -VERGE + w, 0) for t, w in zip(stretch, wobble)])
    )
    other = camera.project(beside(stretch[::-1], -8.0, 0))
    canvas.cover(np.vstack([edge, other]), asphalt, Material.ROAD)
    line = np.vstack(
        [
            camera.project(beside(stretch, -VERGE - 0.30, 0)),
            camera.project(beside(stretch[::-1], -VERGE - 0.42, 0)),
        ]
    )
    canvas.cover(line, asphalt * np.float32([1.62, 1.62, 1.58]), Material.ROAD)


def fence_shadow(camera: Camera) -> Plane:
    """The light left on the ground by posts and rail, in a sun low on the left behind the camera."""
    slant = np.array([0.62, -1.0, -0.12])
    outlines = []
    for at in np.arange(ENDS[0], 40, SPACING):
        foot, top = (
            beside(np.array([at - 0.06, at + 0.06]), 0, 0),
            beside(np.array([at + 0.06, at - 0.06]), 0, POST),
        )
        outlines.append(camera.project(np.vstack([foot, top + slant * POST])))
    ends = np.array([ENDS[0], 40.0])
    low, high = beside(ends, 0, RAIL - 0.05), beside(ends[::-1], 0, RAIL + 0.05)
    outlines.append(camera.project(np.vstack([low + slant * (RAIL - 0.05), high + slant * (RAIL + 0.05)])))
    return shadow(camera, outlines, softness=0.003, depth=0.5)


def _draw_telegraph(canvas: Canvas, camera: Camera) -> None:
    stations, arms = np.arange(5.0, 230.0, 32.0)[::-1], (-0.75, -0.25, 0.25, 0.75)
    for at in stations:
        foot, top, tip = camera.project(np.concatenate([beside(np.array([at]), 11, y) for y in (0, 6.9, 7.2)]))
        thick = float(camera.pixels(0.24, beside(np.array([at]), 11, 0)[0, 2]))
        canvas.stroke(np.stack([foot, tip]), np.array([thick, 0.7 * thick]), (84, 74, 66), Material.POLE)
        arm = camera.project(np.concatenate([beside(np.array([at]), 11 + side, 6.7) for side in (-0.95, 0.95)]))
        canvas.stroke(arm, 0.6 * thick, (76, 68, 62), Material.POLE)
        canvas.stroke(np.stack([foot, top]) - [0.2 * thick, 0], 0.25 * thick, (122, 108, 94), Material.POLE)
        for side in arms:
            span = np.linspace(0, 1, 12)
            wire = beside(at - 32 * span, 11 + side, 6.8) - 4.8 * (span * (1 - span))[:, None] * [0, 1, 0]
            wire = wire[wire[:, 2] > 1]
            canvas.stroke(camera.project(wire), camera.pixels(0.03, wire[:, 2]), (58, 58, 62), Material.POLE)


def _draw_fence(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    posts = np.arange(ENDS[0], ENDS[1], SPACING)
    for at in posts[::-1]:
        _draw_netting(canvas, camera, rng, at)
        _draw_rail(canvas, camera, at)
        _draw_post(canvas, camera, rng, at)


def _draw_netting(canvas: Canvas, camera: Camera, rng: np.random.Generator, start: float) -> None:
    stations = np.linspace(start, start + SPACING, 7)
    sag = 0.014 * np.sin(np.linspace(0, np.pi, 7)) * rng.uniform(0.5, 1.5)
    world = np.stack([beside(stations, -0.06, height) - sag[:, None] * [0, 1, 0] for height in WIRES])
    wires = np.stack([world[:, :-1], world[:, 1:]], 2).reshape(-1, 2, 3)
    stays = np.linspace(start, start + SPACING, 12, endpoint=False)
    upright = np.stack([beside(stays, -0.06, WIRES[0]), beside(stays, -0.06, WIRES[-1])], 1)
    both = np.concatenate([wires, upright])
    ends = camera.project(both.reshape(-1, 3)).reshape(-1, 2, 2)
    colours = np.full((len(both), 3), 172.0) * rng.uniform(0.85, 1.15, (len(both), 1))
    canvas.lines(ends, camera.pixels(WIRE, both[..., 2]), colours, Material.FENCE)


def _draw_rail(canvas: Canvas, camera: Camera, start: float) -> None:
    world = beside(np.linspace(start, start + SPACING, 2), -0.08, RAIL)
    path, widths = camera.project(world), camera.pixels(0.085, world[:, 2])
    for shift, share, tone in ((0.0, 1.0, 0.62), (-0.12, 0.72, 0.9), (-0.25, 0.3, 1.12)):
        canvas.stroke(
            path + [0, 1] * (widths * shift)[:, None],
            widths * share,
            np.array([156, 138, 116]) * tone,
            Material.FENCE,
        )


def _draw_post(canvas: Canvas, camera: Camera, rng: np.random.Generator, at: float) -> None:
    world = np.concatenate([beside(np.array([at]), 0, height) for height in (-0.03, POST)])
    foot, top = camera.project(world)
    edges = np.linspace(-1, 1, 11)
    turn = np.arcsin((edges[1:] + edges[:-1]) / 2)
    tone = 0.42 + 0.62 * np.cos(turn + 0.75).clip(0) + rng.uniform(-0.06, 0.06, 10)
    radius = float(camera.pixels(0.06, world[0, 2]))
    across = np.stack([edges * radius, 0 * edges], 1)
    dome = np.stack([0 * edges, -0.45 * radius * np.sqrt(1 - edges**2)], 1)
    low, high = foot + across, top + across + dome
    strips = np.stack([low[:-1], high[:-1], high[1:], low[1:]], 1)
    wood = np.array([152, 132, 108]) * rng.uniform(0.88, 1.08)
    canvas.fill_each(strips, wood * tone[:, None], Material.FENCE)


def _draw_verge(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    count = 2600
    distance = ENDS[0] + rng.gamma(1.3, 7.0, count) - 1
    post = np.round((distance - ENDS[0]) / SPACING) * SPACING + ENDS[0]
    distance = np.where(rng.random(count) < 0.3, post + rng.normal(0, 0.14, count), distance)
    across = rng.normal(-0.2, 0.3, count).clip(-VERGE, 1)
    world = beside(distance, 0, 0) - across[:, None] * [np.sin(HEADING), 0, -np.cos(HEADING)]
    lengths = camera.pixels(0.075, world[:, 2]) * rng.gamma(5, 0.25, count)
    seen = world[:, 2] > 1.5
    draw_blades(canvas, rng, camera.project(world)[seen], lengths[seen], (112, 126, 60))
