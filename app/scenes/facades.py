"""House fronts seen from straight ahead: wall, windows and a door."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from app.scenes.camera import Camera
from app.scenes.canvas import Colour, Texture
from app.scenes.textures import mottle

FRAME = (222, 219, 208)


@dataclass(frozen=True, slots=True)
class House:
    """A terraced house; lengths in metres.

    Attributes:
        x: x of the facade, which runs along the street.
        near: z of the end nearer to the camera.
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
        """Direction of x away from the street: 1 on its right, -1 on its left."""
        return 1 if self.x > 0 else -1


def facade(camera: Camera, rng: np.random.Generator, house: House) -> Texture:
    """Return the facade seen from the front, with its nearer end on the left."""
    dots = float(np.clip(camera.pixels(1.0, house.near), 8, 48))  # per metre
    wide = house.far - house.near
    x, y = np.meshgrid(
        np.arange(int(wide * dots), dtype=np.float32) / dots,
        house.eaves - np.arange(int(house.eaves * dots), dtype=np.float32) / dots,
    )
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
    _box(flat, dots, (left - 0.12, top - 0.22, right + 0.12, top), (198, 190, 176))
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
