"""A pinhole camera looking straight ahead.

World points are (x, y, z) in metres: x to the right of the camera, y above the ground, z ahead.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

NEAREST = 0.2  # metres; nearer points are projected as if at this distance


@dataclass(frozen=True, slots=True)
class Camera:
    """Position and optics of the camera.

    Attributes:
        height: Rows of the picture.
        width: Columns of the picture.
        eye: Height of the lens above the ground, in metres.
        horizon: Row of the horizon, as a fraction of the picture's height from its top.
        zoom: Focal length divided by `unit`.
    """

    height: int
    width: int
    eye: float
    horizon: float
    zoom: float

    @property
    def unit(self) -> float:
        """Height in pixels of the largest 4:3 picture that fits into this one."""
        return min(float(self.height), 0.75 * self.width)

    @property
    def focal(self) -> float:
        """Focal length in pixels: the size of 1 m at a distance of 1 m."""
        return self.zoom * self.unit

    @property
    def skyline(self) -> float:
        """Row of the horizon, in pixels."""
        return self.horizon * self.height

    def project(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
        """Project world points to (x, y) in pixels."""
        x, y, z = np.asarray(points, float).T
        size = self.focal / np.maximum(z, NEAREST)
        return np.stack([self.width / 2 + x * size, self.skyline + (self.eye - y) * size], 1)

    def pixels(self, metres: float, distance: float) -> float:
        """Return the size in pixels of a length at a distance ahead, both in metres."""
        return metres * self.focal / max(distance, NEAREST)

    def widths(self, metres: float, distances: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Return the sizes in pixels of a length at several distances ahead, all in metres."""
        return metres * self.focal / np.maximum(distances, NEAREST)

    def ground(self) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
        """Return x and z of the ground at each pixel; above the horizon, those of a mirrored ground."""
        below = np.arange(self.height) + 0.5 - self.skyline
        below = np.where(np.abs(below) < 0.5, 0.5, below)
        z = np.broadcast_to((self.eye * self.focal / np.abs(below))[:, None], (self.height, self.width))
        x = (np.arange(self.width) + 0.5 - self.width / 2) / self.focal * z
        return x.astype(np.float32), np.ascontiguousarray(z, np.float32)
