"""Cars, built from one cross-section after another."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas, Colour
from app.scenes.materials import Material

LENGTH = 4.0  # metres
# A hatchback from bumper to bumper: z and height in metres, and the surface up to the next point.
PROFILE = (
    (0.00, 0.30, "body"),
    (0.00, 0.62, "body"),
    (0.05, 0.92, "glass"),
    (0.42, 1.40, "body"),
    (1.90, 1.45, "glass"),
    (2.75, 0.98, "body"),
    (3.85, 0.76, "body"),
    (4.00, 0.55, "body"),
    (4.00, 0.30, "body"),
)
WINDOWS = (
    ((0.42, 0.95), (0.60, 1.33), (1.30, 1.37), (1.30, 0.95)),
    ((1.36, 0.95), (1.36, 1.37), (1.88, 1.36), (2.52, 0.97)),
)
GLASS = np.array([46.0, 54, 62])


@dataclass(frozen=True, slots=True)
class Car:
    """A car on the road.

    Attributes:
        x: x of its middle, in metres.
        z: z of its nearer end, in metres.
        paint: Colour of its body.
        oncoming: Whether its front faces the camera.
    """

    x: float
    z: float
    paint: Float[np.ndarray, " 3"]
    oncoming: bool

    @property
    def side(self) -> int:
        """Visible flank: 1 for the right one as seen along the street, -1 for the left."""
        return -1 if self.x > 0 else 1

    def along(self, distance: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Convert distances from the tail to distances from the nearer end, in metres."""
        return LENGTH - distance if self.oncoming else distance


def half_width(height: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return half the width of the body at a height, both in metres."""
    return np.interp(height, [0.3, 0.6, 0.95, 1.45], [0.80, 0.86, 0.84, 0.62])


def draw_car(canvas: Canvas, camera: Camera, car: Car) -> None:
    """Draw a car on the road, its far parts first."""
    body = _Body(canvas, camera, car)
    body.draw_wheels()
    body.draw_flank()
    body.draw_skin()
    body.draw_end()


@dataclass(frozen=True, slots=True)
class _Body:
    """A car being drawn; points are (across, height, along) in metres, from its nearer end."""

    canvas: Canvas
    camera: Camera
    car: Car

    def fill(self, points: Float[np.ndarray, "n 3"], colour: Colour) -> None:
        place = np.array([self.car.x, 0, self.car.z])
        self.canvas.fill(self.camera.project(points + place), colour, Material.CAR)

    def rectangle(
        self, left: float, low: float, right: float, high: float, along: float, colour: Colour
    ) -> None:
        corners = [(left, low, along), (right, low, along), (right, high, along), (left, high, along)]
        self.fill(np.array(corners), colour)

    def sideways(self, points: Float[np.ndarray, "n 2"], out: float = 0.0) -> Float[np.ndarray, "n 3"]:
        """Return points on the visible flank from points (distance from the tail, height)."""
        across = self.car.side * (half_width(points[:, 1]) + out)
        return np.stack([across, points[:, 1], self.car.along(points[:, 0])], 1)

    def draw_wheels(self) -> None:
        turn = np.linspace(0, 2 * np.pi, 25)[:-1]
        for middle in (0.72, 3.20):
            for reach, radius, tone in (
                (0.27, 0.31, 24.0),
                (0.82, 0.31, 34.0),
                (0.83, 0.20, 150.0),
                (0.835, 0.07, 90.0),
            ):
                along = self.car.along(middle + radius * np.cos(turn))
                rim = np.stack([np.full(24, self.car.side * reach), 0.31 + radius * np.sin(turn), along], 1)
                self.fill(rim, (tone, tone, tone))
        for left in (-0.80, 0.58):
            self.rectangle(left, 0.0, left + 0.22, 0.4, 0.25, (26, 26, 28))
        self.rectangle(-0.75, 0.18, 0.75, 0.4, 0.3, (20, 20, 22))

    def draw_flank(self) -> None:
        turn = np.linspace(0, np.pi, 12)
        arch = np.stack([0.36 * np.cos(turn), 0.30 + 0.36 * np.sin(turn)], 1)
        profile = np.array([point[:2] for point in PROFILE])
        outline = np.concatenate([profile, arch + np.array([3.20, 0]), arch + np.array([0.72, 0])])
        self.fill(self.sideways(outline), self.car.paint * 0.86)
        for window in WINDOWS:
            self.fill(self.sideways(np.array(window), out=0.004), GLASS)
        crease = np.array([(0.1, 0.70), (3.85, 0.66), (3.85, 0.63), (0.1, 0.66)])
        self.fill(self.sideways(crease, out=0.004), self.car.paint * 0.70)

    def draw_skin(self) -> None:
        """Draw bumpers, bonnet, windows and roof."""
        parts = list(pairwise(PROFILE))
        for (z0, y0, kind), (z1, y1, _) in parts if self.car.oncoming else parts[::-1]:
            wide = half_width(np.array([y0, y1]))
            start, end = self.car.along(np.array([z0, z1]))
            quad = np.array(
                [(-wide[0], y0, start), (wide[0], y0, start), (wide[1], y1, end), (-wide[1], y1, end)]
            )
            slope = abs(z1 - z0) / (abs(z1 - z0) + abs(y1 - y0))
            self.fill(quad, self.car.paint * (0.72 + 0.42 * slope))
            if kind == "glass":
                middle = quad.mean(0)
                self.fill(middle + (quad - middle) * np.array([0.88, 0.84, 0.84]), GLASS)

    def draw_end(self) -> None:
        """Draw bumper, number plate and lamps of the visible end."""
        plate, lamp = (
            ((236, 234, 226), (238, 238, 228)) if self.car.oncoming else ((232, 200, 70), (188, 28, 26))
        )
        self.rectangle(-0.82, 0.30, 0.82, 0.46, -0.01, self.car.paint * 0.5)
        self.rectangle(-0.26, 0.47, 0.26, 0.58, -0.01, plate)
        for left in (-0.80, 0.56):
            self.rectangle(left, 0.62, left + 0.24, 0.78, -0.01, lamp)
        if self.car.oncoming:
            self.rectangle(-0.45, 0.60, 0.45, 0.70, -0.01, (40, 42, 44))
