"""Terraced houses along a street: facades in perspective, roofs and chimneys."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from dysample.scenes.camera import Camera
from dysample.scenes.canvas import Canvas, Colour, Texture
from dysample.scenes.materials import Material
from dysample.scenes.textures import mottle

WALLS = ((158, 104, 82), (172, 134, 104), (190, 176, 150), (144, 94, 76), (204, 196, 180), (166, 118, 90))
DOORS = ((40, 62, 92), (112, 34, 36), (38, 74, 58), (52, 48, 50))
FRAME = (222, 219, 208)


@dataclass(frozen=True, slots=True)
class House:
    """A house of a terrace; lengths in metres.

    Attributes:
        x: Of its facade, which runs along the street.
        near: z of the end that is nearer to the camera.
        far: z of the other end.
        eaves: Height of the facade.
        wall: Colour of the facade.
        door: Colour of the door.
    """

    x: float
    near: float
    far: float
    eaves: float
    wall: Float[np.ndarray, " 3"]
    door: Float[np.ndarray, " 3"]

    @property
    def outward(self) -> int:
        """1 for houses on the right of the street, -1 for those on the left."""
        return 1 if self.x > 0 else -1


def terrace(rng: np.random.Generator, x: float, near: float, far: float) -> list[House]:
    """Houses side by side from `near` to `far`, the farthest first."""
    houses: list[House] = []
    while near < far:
        end = near + rng.uniform(5.0, 8.5)
        wall = np.array(WALLS[int(rng.integers(len(WALLS)))]) * rng.uniform(0.92, 1.06)
        door = np.array(DOORS[int(rng.integers(len(DOORS)))], float)
        houses.append(House(x, near, end, rng.uniform(6.3, 8.6), wall, door))
        near = end
    return houses[::-1]


def draw_house(canvas: Canvas, camera: Camera, rng: np.random.Generator, house: House) -> None:
    """Draw end wall, roof, facade and chimney."""
    front, back, eaves = house.x, house.x + 8 * house.outward, house.eaves
    gutter, middle, ridge = front - 0.3 * house.outward, front + 4 * house.outward, eaves + 3.0
    slate = np.array([104, 96, 98]) * rng.uniform(0.8, 1.15)
    _face(canvas, camera, ((front, 0), (front, eaves), (middle, ridge), (back, eaves), (back, 0)), house.near,
          house.wall * 0.62)
    _draw_chimney(canvas, camera, house, middle, ridge)
    near, far = house.near, house.far
    roof = ((gutter, eaves - 0.1, near), (gutter, eaves - 0.1, far), (middle, ridge, far), (middle, ridge, near))
    canvas.fill(camera.project(np.array(roof)), slate, Material.BUILDING)
    corners = camera.project(np.array([(front, eaves, near), (front, eaves, far), (front, 0, far), (front, 0, near)]))
    canvas.cover(corners, _seen(camera, corners, _facade(camera, rng, house)), Material.BUILDING)
    edge = ((gutter, eaves - 0.2, near), (gutter, eaves - 0.2, far), (gutter, eaves, far), (gutter, eaves, near))
    canvas.fill(camera.project(np.array(edge)), (196, 192, 184), Material.BUILDING)


def _face(
    canvas: Canvas, camera: Camera, outline: Sequence[tuple[float, float]], z: float, colour: Colour
) -> None:
    """A wall that faces the camera, from points (x, y)."""
    world = np.array([(x, y, z) for x, y in outline])
    canvas.fill(camera.project(world), colour, Material.BUILDING)


def _draw_chimney(canvas: Canvas, camera: Camera, house: House, x: float, ridge: float) -> None:
    z = house.near + 0.5
    top = ridge + 1.1
    brick = np.array([150.0, 100, 80])
    flank = [(x - 0.6 * house.outward, y, at) for y, at in ((ridge - 0.6, z), (ridge - 0.6, z + 1), (top, z + 1), (top, z))]
    canvas.fill(camera.project(np.array(flank)), brick, Material.BUILDING)
    _face(canvas, camera, ((x - 0.6, ridge - 0.6), (x + 0.6, ridge - 0.6), (x + 0.6, top), (x - 0.6, top)), z, brick * 0.7)
    for shift in (-0.35, 0.0, 0.35):
        pot = ((x + shift - 0.12, top), (x + shift + 0.12, top), (x + shift + 0.10, top + 0.5), (x + shift - 0.10, top + 0.5))
        _face(canvas, camera, pot, z, (168, 104, 78))
    mast = camera.project(np.array([(x + 0.6, ridge, z), (x + 0.6, top + 1.5, z)]))
    canvas.stroke(mast, float(camera.pixels(0.05, z)), (70, 70, 74), Material.BUILDING)
    for step, reach in enumerate((0.5, 0.42, 0.34, 0.26)):
        y = top + 1.5 - 0.22 * step
        rod = camera.project(np.array([(x + 0.6 - reach, y, z), (x + 0.6 + reach, y, z)]))
        canvas.stroke(rod, float(camera.pixels(0.035, z)), (70, 70, 74), Material.BUILDING)


def _seen(camera: Camera, corners: Float[np.ndarray, "4 2"], flat: Texture) -> Texture:
    """A flat facade in perspective, as a texture as large as the picture."""
    height, width = flat.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    return cv2.warpPerspective(flat, matrix, (camera.width, camera.height), borderMode=cv2.BORDER_REPLICATE)


def _facade(camera: Camera, rng: np.random.Generator, house: House) -> Texture:
    """The facade seen from the front, its nearer end on the left."""
    dots = float(np.clip(camera.pixels(1, house.near), 8, 64))  # per metre
    wide = house.far - house.near
    x, y = np.meshgrid(np.arange(int(wide * dots), dtype=np.float32) / dots,
                       house.eaves - np.arange(int(house.eaves * dots), dtype=np.float32) / dots)
    shift = np.float32(rng.uniform(0, 50))
    tone = 1 + 0.05 * mottle(x + shift, y, 6.0, 1.2) + 0.05 * mottle(x + shift, y, 1.6, 0.2)
    tone *= 1 - 0.06 * ((y % 0.15) < 0.03) - 0.10 * np.exp(-y)
    light = 0.84 if house.outward > 0 else 0.98
    flat = np.ascontiguousarray((house.wall * light * tone[..., None]).clip(0, 255), np.float32)
    columns = max(2, int(wide / 2.4))
    door = int(rng.integers(columns))
    for column in range(columns):
        middle = (column + 0.5) * wide / columns
        for floor, (low, high) in enumerate(((0.9, 2.55), (3.65, 5.1), (6.2, 7.5))):
            if floor == 0 and column == door:
                _draw_door(flat, house, middle, dots)
            elif high + 0.3 < house.eaves:
                _draw_pane(flat, rng, (middle, house.eaves, low, high), dots)
    return flat


def _box(flat: Texture, dots: float, sides: tuple[float, float, float, float], colour: Colour) -> None:
    """Fill a rectangle: left, top, right, bottom in metres from the texture's top left corner."""
    left, top, right, bottom = (round(side * dots) for side in sides)
    flat[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = colour


def _draw_pane(
    flat: Texture, rng: np.random.Generator, place: tuple[float, float, float, float], dots: float
) -> None:
    middle, eaves, low, high = place
    left, right, top, bottom = middle - 0.52, middle + 0.52, eaves - high, eaves - low
    _box(flat, dots, (left - 0.12, top - 0.22, right + 0.12, top, ), (198, 190, 176))
    _box(flat, dots, (left, top, right, bottom), FRAME)
    glass = np.array([58.0, 68, 80]) * rng.uniform(0.7, 1.5)
    cross = (top + bottom) / 2
    for upper, lower, tone in ((top + 0.07, cross - 0.03, 1.3), (cross + 0.03, bottom - 0.07, 0.95)):
        _box(flat, dots, (left + 0.07, upper, middle - 0.03, lower), glass * tone)
        _box(flat, dots, (middle + 0.03, upper, right - 0.07, lower), glass * tone * 1.08)
    _box(flat, dots, (left - 0.10, bottom, right + 0.10, bottom + 0.12), (186, 180, 170))


def _draw_door(flat: Texture, house: House, middle: float, dots: float) -> None:
    eaves = house.eaves
    _box(flat, dots, (middle - 0.62, eaves - 2.75, middle + 0.62, eaves), (200, 194, 182))
    _box(flat, dots, (middle - 0.45, eaves - 2.6, middle + 0.45, eaves - 2.15), (70, 78, 88))
    _box(flat, dots, (middle - 0.45, eaves - 2.08, middle + 0.45, eaves), house.door)
    for low in (0.25, 1.15):
        _box(flat, dots, (middle - 0.3, eaves - low - 0.7, middle + 0.3, eaves - low), house.door * 0.8)
