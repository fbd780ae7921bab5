"""Cars, built from one cross-section after another."""

import numpy as np
from jaxtyping import Float

from dysample.scenes.camera import Camera
from dysample.scenes.canvas import Canvas, Colour
from dysample.scenes.materials import Material

LENGTH = 4.0  # metres
# From bumper to bumper of a hatchback: z and height in metres, and what lies up to the next point.
PROFILE = ((0.00, 0.30, "body"), (0.00, 0.62, "body"), (0.05, 0.92, "glass"), (0.42, 1.40, "body"),
           (1.90, 1.45, "glass"), (2.75, 0.98, "body"), (3.85, 0.76, "body"), (4.00, 0.55, "body"), (4.00, 0.30, "body"))
WINDOWS = (((0.42, 0.95), (0.60, 1.33), (1.30, 1.37), (1.30, 0.95)), ((1.36, 0.95), (1.36, 1.37), (1.88, 1.36), (2.52, 0.97)))
GLASS = np.array([46.0, 54, 62])


def half_width(height: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Half the width of the body at a height, both in metres."""
    return np.interp(height, [0.3, 0.6, 0.95, 1.45], [0.80, 0.86, 0.84, 0.62])


def draw_car(canvas: Canvas, camera: Camera, x: float, z: float, paint: Colour, *, oncoming: bool) -> None:
    """Draw a car on the road.

    Args:
        canvas: What to draw on.
        camera: Through which it is seen.
        x: Of its middle, in metres.
        z: Of its nearer end, in metres.
        paint: Colour of its body.
        oncoming: Whether it shows us its front.
    """
    car = _Car(canvas, camera, x, z, np.asarray(paint, float), oncoming)
    side = -1 if x > 0 else 1
    car.wheels(side)
    car.flank(side)
    car.skin()
    car.face()


class _Car:
    """One car while it is being drawn; points are (across, height, along) from its nearer end."""

    def __init__(
        self, canvas: Canvas, camera: Camera, x: float, z: float, paint: Float[np.ndarray, " 3"], oncoming: bool
    ) -> None:
        self.canvas, self.camera, self.x, self.z = canvas, camera, x, z
        self.paint, self.oncoming = paint, oncoming

    def fill(self, points: Float[np.ndarray, "n 3"], colour: Colour) -> None:
        self.canvas.fill(self.camera.project(points + [self.x, 0, self.z]), colour, Material.CAR)

    def along(self, distance: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Distance from the nearer end, of a distance from the tail."""
        return LENGTH - distance if self.oncoming else distance

    def wheels(self, side: int) -> None:
        turn = np.linspace(0, 2 * np.pi, 25)[:-1]
        for middle in (0.72, 3.20):
            for reach, radius, colour in ((-0.55, 0.31, 24), (0.0, 0.31, 34), (0.01, 0.20, 150), (0.015, 0.07, 90)):
                across = np.full(24, side * (0.82 + reach))
                tread = [across, 0.31 + radius * np.sin(turn), self.along(middle + radius * np.cos(turn))]
                self.fill(np.stack(tread, 1), [colour] * 3)
        for across in (-0.80, 0.58):
            tyre = [(across, 0, 0.25), (across + 0.22, 0, 0.25), (across + 0.22, 0.4, 0.25), (across, 0.4, 0.25)]
            self.fill(np.array(tyre), (26, 26, 28))
        under = [(-0.75, 0.18, 0.3), (0.75, 0.18, 0.3), (0.75, 0.4, 0.3), (-0.75, 0.4, 0.3)]
        self.fill(np.array(under), (20, 20, 22))

    def flank(self, side: int) -> None:
        along, height = np.array([point[:2] for point in PROFILE]).T
        arches = []
        for middle in (3.20, 0.72):
            turn = np.linspace(0, np.pi, 12)
            arches.append(np.stack([middle + 0.36 * np.cos(turn), 0.30 + 0.36 * np.sin(turn)], 1))
        outline = np.concatenate([np.stack([along, height], 1), *arches])
        self.fill(self._sideways(outline, side), self.paint * 0.86)
        for window in WINDOWS:
            self.fill(self._sideways(np.array(window), side, out=0.004), GLASS)
        crease = np.array([(0.1, 0.70), (3.85, 0.66), (3.85, 0.63), (0.1, 0.66)])
        self.fill(self._sideways(crease, side, out=0.004), self.paint * 0.70)

    def _sideways(self, points: Float[np.ndarray, "n 2"], side: int, out: float = 0.0) -> Float[np.ndarray, "n 3"]:
        across = side * (half_width(points[:, 1]) + out)
        return np.stack([across, points[:, 1], self.along(points[:, 0])], 1)

    def skin(self) -> None:
        """Bumpers, bonnet, windows and roof, the farthest first."""
        parts = list(zip(PROFILE[:-1], PROFILE[1:], strict=True))
        for (z0, y0, kind), (z1, y1, _) in parts if self.oncoming else parts[::-1]:
            wide = half_width(np.array([y0, y1]))
            near, far = self.along(np.array([z0, z1]))
            quad = np.array([(-wide[0], y0, near), (wide[0], y0, near), (wide[1], y1, far), (-wide[1], y1, far)])
            slope = abs(z1 - z0) / (abs(z1 - z0) + abs(y1 - y0))
            self.fill(quad, self.paint * (0.72 + 0.42 * slope))
            if kind == "glass":
                middle = quad.mean(0)
                self.fill(middle + (quad - middle) * [0.88, 0.84, 0.84], GLASS * (1.25 if self.oncoming else 1.0))

    def face(self) -> None:
        """Lamps, number plate and bumper of the end that we see."""
        def box(left: float, low: float, right: float, high: float, colour: Colour) -> None:
            corners = [(left, low, -0.01), (right, low, -0.01), (right, high, -0.01), (left, high, -0.01)]
            self.fill(np.array(corners), colour)
        box(-0.82, 0.30, 0.82, 0.46, self.paint * 0.5)
        box(-0.26, 0.47, 0.26, 0.58, (236, 234, 226) if self.oncoming else (232, 200, 70))
        lamp = (238, 238, 228) if self.oncoming else (188, 28, 26)
        for side in (-1, 1):
            box(*sorted((side * 0.80, side * 0.56))[:1], 0.62, sorted((side * 0.80, side * 0.56))[1], 0.78, lamp)
        if self.oncoming:
            box(-0.45, 0.60, 0.45, 0.70, (40, 42, 44))
