"""Flat figures, drawn in metres in a plane that faces the camera."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from app.scenes.camera import Camera
from app.scenes.canvas import Canvas, Colour
from app.scenes.materials import Material
from app.scenes.plants import LIGHT, draw_crown

Position = Sequence[int | float] | Float[np.ndarray, " 2"]
Path = Sequence[Position] | Float[np.ndarray, "n 2"]


@dataclass(frozen=True, slots=True)
class Sketch:
    """The frame of a figure of one material; points are (x, y) in metres, y upwards.

    Attributes:
        canvas: The canvas to draw on.
        origin: Position of (0, 0), in pixels.
        scale: Pixels per metre, sideways and upwards; a negative sideways scale mirrors the figure.
        material: Material of the figure.
    """

    canvas: Canvas
    origin: Float[np.ndarray, " 2"]
    scale: Float[np.ndarray, " 2"]
    material: Material

    @classmethod
    def standing(
        cls,
        canvas: Canvas,
        camera: Camera,
        place: Sequence[int | float],
        material: Material,
        *,
        size: float = 1.0,
    ) -> "Sketch":
        """Return the frame of a figure at a place in the world.

        Args:
            canvas: The canvas to draw on.
            camera: The camera that sees it.
            place: World point of the figure's (0, 0), in metres.
            material: Material of the figure.
            size: Scale of the figure; a negative one also mirrors it.
        """
        scale = camera.pixels(1.0, place[2]) * np.array([size, -abs(size)])
        return cls(canvas, camera.project(np.array([place], float))[0], scale, material)

    def at(self, points: Path) -> Float[np.ndarray, "n 2"]:
        """Return the positions of points in pixels."""
        return self.origin + np.asarray(points, float) * self.scale

    def pixels(self, metres: float) -> float:
        """Return a length in pixels."""
        return abs(float(self.scale[1])) * metres

    def shape(self, outline: Path, colour: Colour) -> None:
        """Fill a polygon."""
        self.canvas.fill(self.at(outline), colour, self.material)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill an upright rectangle."""
        self.shape(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), colour)

    def oval(self, centre: Position, radii: Sequence[float], colour: Colour, turn: float = 0.0) -> None:
        """Fill an ellipse, turned anticlockwise by an angle in radians."""
        angle = np.linspace(0, 2 * np.pi, 25)[:-1]
        x, y = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
        points = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1)
        self.shape(np.asarray(centre, float) + points, colour)

    def line(self, path: Path, width: int | float | Sequence[int | float], colour: Colour) -> None:
        """Draw a line, in one width or one width per point, in metres."""
        self.canvas.stroke(self.at(path), np.asarray(width, float) * self.pixels(1.0), colour, self.material)

    def tube(self, path: Path, width: int | float | Sequence[int | float], colour: Colour) -> None:
        """Draw a round bar: dark at its edges, bright where it faces the sun."""
        pixels, thick = self.at(path), np.asarray(width, float) * self.pixels(1.0)
        for shift, share, tone in ((0.0, 1.0, 0.55), (0.10, 0.72, 0.95), (0.20, 0.26, 1.45)):
            moved = pixels + LIGHT * np.broadcast_to(shift * thick, len(pixels))[:, None]
            self.canvas.stroke(moved, share * thick, np.asarray(colour, float) * tone, self.material)

    def fur(
        self,
        rng: np.random.Generator,
        blobs: Sequence[Sequence[int | float]],
        colour: Colour,
        *,
        tuft: float,
        ragged: float,
        contrast: float,
    ) -> None:
        """Fill a heap of circles (x, y, radius) with fur, wool or leaves in tufts of `tuft` metres."""
        heap = np.array(blobs, float)
        heap = np.concatenate([self.at(heap[:, :2]), self.pixels(1.0) * heap[:, 2:]], 1)
        draw_crown(
            self.canvas,
            rng,
            heap,
            colour,
            leaf=max(self.pixels(tuft), 0.5),
            ragged=ragged,
            contrast=contrast,
            material=self.material,
        )
