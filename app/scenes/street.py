"""A street in perspective: houses, lamps, railings, a sign, cars and people."""

import numpy as np

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas
from app.scenes.cars import LENGTH, Car, draw_car
from app.scenes.country import draw_tree
from app.scenes.houses import draw_house, terrace
from app.scenes.materials import Material
from app.scenes.people import draw_cyclist, draw_stroller, draw_walker
from app.scenes.roadway import LEFT, PAVED, RIGHT, draw_roadway, strip
from app.scenes.sketch import Sketch
from app.scenes.street_furniture import draw_railings, draw_street_lamp, draw_warning
from app.scenes.textures import shadow, sky
from app.scenes.wood import draw_branches, grow

FAR = 85.0  # metres: end of the terraces
GARDEN = 30.0  # metres: end of the garden on the right
CARS = (
    Car(4.25, 38.0, np.array([40.0, 44, 48]), oncoming=False),
    Car(-1.65, 28.0, np.array([206.0, 206, 202]), oncoming=False),
    Car(3.6, 24.0, np.array([168.0, 172, 176]), oncoming=True),
    Car(-1.65, 22.0, np.array([52.0, 74, 110]), oncoming=False),
    Car(0.3, 14.0, np.array([150.0, 30, 34]), oncoming=False),
)


def draw(camera: Camera, rng: np.random.Generator) -> Canvas:
    """Draw the street from its far end to its near end."""
    canvas = Canvas(camera.height, camera.width)
    air = sky(camera, rng, zenith=(150, 182, 214), haze=(232, 234, 234), clouds=0.5)
    canvas.cover(canvas.band(), air, Material.SKY)
    for _ in range(14):
        place = (rng.uniform(-14, 18), 0.0, FAR + rng.uniform(5, 25))
        draw_tree(canvas, camera, rng, place, rng.uniform(6, 11))
    spots = [strip(camera, car.x - 0.95, car.x + 0.95, car.z + 0.1, car.z + LENGTH) for car in CARS]
    light = shadow(camera, spots, softness=0.003, depth=0.6)
    draw_roadway(canvas, camera, rng, light[..., None])
    houses = terrace(rng, LEFT - PAVED, 3.0, FAR) + terrace(rng, RIGHT + PAVED, GARDEN, FAR)
    for house in sorted(houses, key=lambda house: -house.near):
        draw_house(canvas, camera, rng, house)
    _draw_garden(canvas, camera, rng)
    _draw_traffic(canvas, camera)
    return canvas


def _draw_garden(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    """Draw the garden behind the railings on the right: a hedge, and bare trees against the sky."""
    edge = RIGHT + PAVED
    for z in np.arange(GARDEN - 1, 5, -1.5):
        draw_tree(canvas, camera, rng, (edge + rng.normal(2.2, 0.3), 0.0, z), rng.uniform(1.5, 2.2))
    for x, z in ((edge + 3.6, 26.0), (edge + 1.8, 17.0)):
        root = camera.project(np.array([[x, 0, z]]))[0]
        metre = camera.pixels(1.0, z)
        branches = grow(rng, root, angle=-np.pi / 2, length=2.6 * metre, width=0.42 * metre, levels=4)
        draw_branches(canvas, rng, branches, (112, 100, 88))
    draw_railings(canvas, camera, edge + 0.1, 4.0, GARDEN)


def _draw_traffic(canvas: Canvas, camera: Camera) -> None:
    for z in (52.0, 36.0, 20.0):
        draw_street_lamp(Sketch.standing(canvas, camera, (LEFT - 0.45, 0.0, z), Material.POLE))
    for car in CARS:
        draw_car(canvas, camera, car)
    draw_street_lamp(Sketch.standing(canvas, camera, (RIGHT + 0.45, 0.0, 14.0), Material.POLE, size=-1.0))
    for x, z, coat in ((-3.9, 13.0, (70, 84, 120)), (-3.3, 12.6, (150, 120, 84))):
        person = Sketch.standing(canvas, camera, (x, 0.0, z), Material.PERSON)
        draw_stroller(person, coat=coat, trousers=(58, 58, 66))
    walker = Sketch.standing(canvas, camera, (RIGHT + 1.2, 0.0, 12.0), Material.PERSON, size=-0.98)
    draw_walker(walker, coat=(46, 92, 84), trousers=(60, 58, 62), stride=0.28)
    draw_cyclist(Sketch.standing(canvas, camera, (-1.5, 0.0, 9.0), Material.RIDER), coat=(214, 152, 40))
    draw_warning(canvas, camera, (LEFT - 0.5, 0.0, 7.2))
