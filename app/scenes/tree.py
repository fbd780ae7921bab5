"""A park tree with its leaves and twigs against the sky."""

import numpy as np

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas
from app.scenes.country import draw_tree
from app.scenes.materials import Material
from app.scenes.people import draw_walker
from app.scenes.plants import draw_blades, draw_leaves
from app.scenes.sketch import Sketch
from app.scenes.street_furniture import draw_lamp
from app.scenes.textures import ground, shadow, sky
from app.scenes.wood import Branches, draw_branches, grow

LEAVES = np.array(
    [[98, 114, 56], [116, 126, 60], [78, 98, 52], [150, 132, 62], [88, 106, 50], [104, 116, 52]], float
)
BARK = np.array([104.0, 90, 76])


def draw(camera: Camera, rng: np.random.Generator) -> Canvas:
    """Draw the park from the sky to the nearest leaves."""
    canvas = Canvas(camera.height, camera.width)
    air = sky(camera, rng, zenith=(98, 150, 206), haze=(234, 232, 222), clouds=-0.35)
    canvas.cover(canvas.band(), air, Material.SKY)
    _draw_houses(canvas, camera, rng)
    for _ in range(26):
        z = rng.uniform(38, 80)
        draw_tree(canvas, camera, rng, (rng.uniform(-0.75, 0.75) * z, 0.0, z), rng.uniform(3, 9))
    _draw_park(canvas, camera, rng)
    for x, z in ((5.4, 26.0), (4.1, 13.0)):
        draw_lamp(Sketch.standing(canvas, camera, (x, 0, z), Material.POLE))
    walker = Sketch.standing(canvas, camera, (2.1, 0, 9.0), Material.PERSON)
    draw_walker(walker, coat=(150, 46, 44), trousers=(52, 58, 82), stride=0.30)
    _draw_big_tree(canvas, camera, rng)
    _draw_overhang(canvas, camera, rng)
    return canvas


def _draw_houses(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    """Draw a row of houses across the end of the park."""
    left = -70.0
    while left < 70:
        wide, eaves, tone = rng.uniform(7, 13), rng.uniform(5.5, 9), rng.uniform(0.9, 1.1)
        house = Sketch.standing(canvas, camera, (left, 0.0, 95.0), Material.BUILDING)
        house.box(0.0, 0.0, wide, eaves, np.array([186.0, 162, 142]) * tone)
        roof = ((-0.4, eaves), (wide + 0.4, eaves), (wide * 0.75, eaves + 3), (wide * 0.25, eaves + 3))
        house.shape(roof, np.array([150.0, 112, 98]) * tone)
        for x in np.arange(1, wide - 1.2, 2.2):
            for y in (1.2, 4.0):
                house.box(x, y, x + 1.1, y + 1.5, (98, 104, 112))
        left += wide + rng.uniform(0, 5)


def _draw_park(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    lawn = ground(camera, rng, (118, 134, 68), patches=0.10, grain=0.16)
    turn = np.linspace(0, 2 * np.pi, 30)
    shade = np.stack([-2.2 + 3 * np.cos(turn), 0 * turn, 9.5 + 5 * np.sin(turn)], 1)
    light = shadow(camera, [camera.project(shade)], softness=0.02, depth=0.45)[..., None]
    canvas.cover(canvas.band(camera.skyline), lawn * light, Material.GRASS)
    far, near = np.array([-6.0, 0, 60.0]), np.array([1.9, 0, 5.0])
    bend = np.linspace(0, 1, 40)[:, None]
    middle = far + (near - far) * bend + np.array([9.0, 0, 0]) * bend * (1 - bend)
    half = np.array([0.95, 0, 0])
    path = np.concatenate([camera.project(middle - half), camera.project(middle + half)[::-1]])
    gravel = ground(camera, rng, (196, 180, 150), patches=0.05, grain=0.10) * light
    canvas.cover(path, gravel, Material.PAVEMENT)


def _draw_big_tree(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    unit = camera.unit
    root = np.array([0.27 * camera.width, 0.955 * camera.height])
    branches = grow(rng, root, angle=-1.52, length=0.30 * unit, width=0.062 * unit, levels=4)
    tips = branches[3:]
    _draw_foliage(canvas, rng, tips, count=5, size=0.017 * unit, tone=0.66)
    draw_branches(canvas, rng, branches, BARK)
    _draw_foliage(canvas, rng, tips, count=6, size=0.018 * unit, tone=1.0)
    roots = root + rng.normal(0, 1, (160, 2)) * [0.05 * unit, 0.004 * unit]
    draw_blades(canvas, rng, roots, rng.gamma(6, 0.0035 * unit, 160), (112, 126, 60))


def _draw_overhang(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    """Draw nearer twigs with few leaves that hang into the picture at the top right."""
    unit = camera.unit
    for x, y, angle, leaves in ((1.02, 0.10, 2.85, 4), (1.02, 0.26, 2.75, 0), (0.80, -0.03, 2.2, 3)):
        start = np.array([x * camera.width, y * camera.height])
        twigs = grow(rng, start, angle=angle, length=0.16 * unit, width=0.012 * unit, levels=3, droop=0.12)
        draw_branches(canvas, rng, twigs, BARK * 0.8)
        _draw_foliage(canvas, rng, twigs[2:], count=leaves, size=0.027 * unit, tone=0.92)


def _draw_foliage(
    canvas: Canvas, rng: np.random.Generator, twigs: list[Branches], *, count: int, size: float, tone: float
) -> None:
    """Draw leaves along twigs, `count` on each, of about `size` pixels; `tone` scales their brightness."""
    paths = np.concatenate([branches.paths for branches in twigs])
    which = np.repeat(np.arange(len(paths)), count)
    where = rng.integers(2, paths.shape[1], len(which))
    stalks = paths[which, where]
    ahead = stalks - paths[which, where - 1]
    angles = np.arctan2(ahead[:, 1], ahead[:, 0]) + rng.normal(0, 0.9, len(which))
    colours = LEAVES[rng.integers(0, len(LEAVES), len(which))] * rng.normal(tone, 0.12, (len(which), 1))
    draw_leaves(canvas, stalks, angles, size * rng.uniform(0.6, 1.3, len(which)), colours)
