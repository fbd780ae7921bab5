"""A street in perspective: houses, lamps, railings, a sign, cars and people."""

import numpy as np

from dysample.scenes.camera import Camera
from dysample.scenes.canvas import Canvas
from dysample.scenes.cars import LENGTH, draw_car
from dysample.scenes.country import draw_tree
from dysample.scenes.houses import draw_house, terrace
from dysample.scenes.materials import Material
from dysample.scenes.people import draw_cyclist, draw_stroller, draw_walker
from dysample.scenes.plants import draw_branch, grow
from dysample.scenes.sketch import Sketch
from dysample.scenes.street_furniture import draw_railings, draw_street_lamp, draw_warning
from dysample.scenes.textures import Plane, ground, shadow, sky

LEFT, RIGHT = -2.6, 5.2  # metres: x of the kerbs
PAVED = 2.4  # metres: width of the pavements
FAR = 85.0  # metres: end of the street
CARS = ((3.6, 24.0, (168, 172, 176), True), (0.35, 15.0, (150, 30, 34), False), (-1.65, 22.0, (52, 74, 110), False),
        (-1.65, 28.0, (206, 206, 202), False), (4.25, 33.0, (40, 44, 48), False))


def draw(camera: Camera, rng: np.random.Generator) -> Canvas:
    """Draw the street from its far end to the near one."""
    canvas = Canvas(camera.height, camera.width)
    frame = np.array([[0, 0], [camera.width, 0], [camera.width, camera.height], [0, camera.height]], float)
    canvas.cover(frame, sky(camera, rng, zenith=(150, 182, 214), haze=(232, 234, 234), clouds=0.5), Material.SKY)
    for _ in range(14):
        draw_tree(canvas, camera, rng, np.array([rng.uniform(-14, 18), 0, FAR + rng.uniform(5, 25)]), rng.uniform(6, 11))
    _draw_ground(canvas, camera, rng)
    houses = terrace(rng, LEFT - PAVED, 3.0, FAR) + terrace(rng, RIGHT + PAVED, 25.0, FAR)
    for house in sorted(houses, key=lambda house: -house.near):
        draw_house(canvas, camera, rng, house)
    _draw_garden(canvas, camera, rng)
    _draw_traffic(canvas, camera)
    return canvas


def _light(camera: Camera) -> Plane:
    spots = [[(x - 0.95, z + 0.1), (x + 0.95, z + 0.1), (x + 0.95, z + LENGTH), (x - 0.95, z + LENGTH)]
             for x, z, _, _ in CARS]
    outlines = [camera.project(np.array([(x, 0, z) for x, z in spot])) for spot in spots]
    return shadow(camera, outlines, softness=0.003, depth=0.6)


def _strip(camera: Camera, left: float, right: float, height: float = 0.0, near: float = 0.3) -> np.ndarray:
    """The outline of a strip of ground along the street."""
    return camera.project(np.array([(left, height, near), (left, height, FAR + 20), (right, height, FAR + 20),
                                    (right, height, near)]))


def _draw_ground(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    light = _light(camera)[..., None]
    x, z = camera.ground()
    asphalt = ground(camera, rng, (112, 112, 116), patches=0.04, grain=0.08) * light
    slabs = ground(camera, rng, (156, 152, 146), patches=0.05, grain=0.07)
    fade = 1 / (1 + z / 12)
    joints = (np.abs(x / 0.6 - np.round(x / 0.6)) < 0.012) | (np.abs(z / 0.9 - np.round(z / 0.9)) < 0.012)
    slabs *= (1 - 0.3 * joints * fade)[..., None]
    lawn = ground(camera, rng, (104, 122, 64), patches=0.1, grain=0.15)
    canvas.cover(_strip(camera, LEFT - 30, RIGHT + 60), lawn, Material.GRASS)
    for inner, outer in ((LEFT, LEFT - PAVED), (RIGHT, RIGHT + PAVED)):
        canvas.cover(_strip(camera, outer, inner), slabs, Material.PAVEMENT)
    canvas.cover(_strip(camera, LEFT, RIGHT), asphalt, Material.ROAD)
    for kerb, side in ((LEFT, -1), (RIGHT, 1)):
        canvas.cover(_strip(camera, kerb, kerb + side * 0.15), slabs * 1.18, Material.PAVEMENT)
        canvas.cover(_strip(camera, kerb - side * 0.05, kerb), slabs * 0.62, Material.PAVEMENT)
        for inset in (0.25, 0.42):
            line = _strip(camera, kerb - side * inset, kerb - side * (inset + 0.07))
            canvas.cover(line, asphalt * np.float32([1.7, 1.5, 0.75]), Material.ROAD)
    middle = (LEFT + RIGHT) / 2
    for start in np.arange(2.2, FAR, 6.0):
        dash = np.array([(middle + u, 0, v) for u, v in ((-0.06, start), (0.06, start), (0.06, start + 4), (-0.06, start + 4))])
        canvas.cover(camera.project(dash), asphalt * 1.85, Material.ROAD)


def _draw_garden(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    """Behind railings on the right: a hedge and bare trees against the sky."""
    edge = RIGHT + PAVED
    for z in np.arange(24, 5, -1.5):
        draw_tree(canvas, camera, rng, np.array([edge + 2.2 + rng.normal(0, 0.3), 0, z]), rng.uniform(1.5, 2.2))
    for x, z in ((edge + 3.2, 20.0), (edge + 2.2, 12.5)):
        root = camera.project(np.array([[x, 0, z]]))[0]
        metre = float(camera.pixels(1, z))
        branches = grow(rng, root, angle=-np.pi / 2, length=2.6 * metre, width=0.42 * metre, levels=4)
        for branch in sorted(branches, key=lambda branch: -branch.level):
            draw_branch(canvas, rng, branch, (112, 100, 88))
    draw_railings(canvas, camera, edge + 0.1, 4.0, 25.0)


def _draw_traffic(canvas: Canvas, camera: Camera) -> None:
    for z in (52.0, 36.0, 20.0):
        draw_street_lamp(Sketch.standing(canvas, camera, (LEFT - 0.45, 0, z), Material.POLE))
    for x, z, paint, oncoming in sorted(CARS, key=lambda car: -car[1]):
        draw_car(canvas, camera, x, z, paint, oncoming=oncoming)
    draw_street_lamp(Sketch.standing(canvas, camera, (RIGHT + 0.45, 0, 14.0), Material.POLE, size=-1))
    for x, z, coat in ((-3.9, 13.0, (70, 84, 120)), (-3.3, 12.6, (150, 120, 84))):
        draw_stroller(Sketch.standing(canvas, camera, (x, 0, z), Material.PERSON), coat=coat, trousers=(58, 58, 66))
    walker = Sketch.standing(canvas, camera, (RIGHT + 1.2, 0, 12.0), Material.PERSON, size=-0.98)
    draw_walker(walker, coat=(46, 92, 84), trousers=(60, 58, 62), stride=0.28)
    draw_cyclist(Sketch.standing(canvas, camera, (-1.5, 0, 9.0), Material.RIDER), coat=(214, 152, 40))
    draw_warning(canvas, camera, (LEFT - 0.5, 0, 7.2))
