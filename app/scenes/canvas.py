"""A drawing surface that holds colour and material together, at a multiple of the picture's resolution.

Positions and widths are (x, y) in pixels of the finished picture, which covers [0, width] x
[0, height]. Colours are red, green, blue from 0 to 255.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8

from app.scenes.materials import Material

FINE = 4  # rows and columns of samples in a pixel
_SHIFT = 3  # fractional bits of the coordinates passed to OpenCV
_CIRCLE = np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], 1)

Colour = Sequence[int | float] | Float[np.ndarray, " 3"]
Points = Float[np.ndarray, "n 2"]
Texture = Float[np.ndarray, "h w 3"]


class Canvas:
    """A picture being drawn: later shapes cover earlier ones.

    Attributes:
        height: Rows of the finished picture.
        width: Columns of the finished picture.
    """

    def __init__(self, height: int, width: int) -> None:
        """Fill the picture with black sky."""
        self.height = height
        self.width = width
        self._samples = np.zeros((height * FINE, width * FINE, 4), np.uint8)

    def fill(self, outline: Points, colour: Colour, material: Material) -> None:
        """Fill any polygon with one colour."""
        cv2.fillPoly(self._samples, [_fixed(outline)], (*_bytes(colour), int(material)), shift=_SHIFT)

    def fill_each(
        self, outlines: Float[np.ndarray, "n k 2"], colours: Float[np.ndarray, "n 3"], material: Material
    ) -> None:
        """Fill convex polygons with equal numbers of corners, in order."""
        inks = np.full((len(outlines), 4), int(material))
        inks[:, :3] = colours.clip(0, 255)
        for outline, ink in zip(_fixed(outlines), inks.tolist(), strict=True):
            cv2.fillConvexPoly(self._samples, outline, ink, shift=_SHIFT)

    def cover(
        self, outline: Points, texture: Texture, material: Material, *, at: tuple[int, int] = (0, 0)
    ) -> None:
        """Fill a polygon with its part of a texture whose top left corner is at (x, y) = `at`."""
        x0, y0, x1, y1 = self.bounds(outline)
        if x1 <= x0 or y1 <= y0:
            return
        mask = np.zeros(((y1 - y0) * FINE, (x1 - x0) * FINE), np.uint8)
        cv2.fillPoly(mask, [_fixed(outline - (x0, y0))], 255, shift=_SHIFT)
        part = texture[y0 - at[1] : y1 - at[1], x0 - at[0] : x1 - at[0]]
        self.stencil(mask > 0, part, material, at=(x0, y0))

    def band(self, top: float = 0.0, bottom: float | None = None) -> Points:
        """Return the outline of all columns between two rows; by default of the whole picture."""
        low = self.height if bottom is None else bottom
        return np.array([[0, top], [self.width, top], [self.width, low], [0, low]], float)

    def bounds(self, points: Points, margin: float = 1.0) -> tuple[int, int, int, int]:
        """Return the bounding box of points: first column and row, then those after the last."""
        size = (self.width, self.height)
        x0, y0 = np.floor(points.min(0) - margin).clip(0, size).astype(int).tolist()
        x1, y1 = np.ceil(points.max(0) + margin).clip(0, size).astype(int).tolist()
        return x0, y0, x1, y1

    def stencil(
        self, mask: Bool[np.ndarray, "fh fw"], texture: Texture, material: Material, *, at: tuple[int, int]
    ) -> None:
        """Draw a texture where a mask of its samples is set.

        Args:
            mask: Samples: `FINE` times as many rows and columns as the texture.
            texture: Colours.
            material: Material of the texture.
            at: x and y of the texture's top left corner, which must lie within the picture.
        """
        piece = np.full((*texture.shape[:2], 4), int(material), np.uint8)
        piece[..., :3] = texture.clip(0, 255)
        fine = cv2.resize(piece, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LINEAR)
        rows = slice(at[1] * FINE, at[1] * FINE + mask.shape[0])
        columns = slice(at[0] * FINE, at[0] * FINE + mask.shape[1])
        cv2.copyTo(fine, mask.view(np.uint8), self._samples[rows, columns])

    def stroke(
        self, path: Points, width: float | Float[np.ndarray, " n"], colour: Colour, material: Material
    ) -> None:
        """Draw a line with round joints, in one width or one width per point."""
        widths = np.zeros(len(path)) + width
        self.strokes(path[None], widths[None], np.array([colour], float), material)

    def strokes(
        self,
        paths: Float[np.ndarray, "n p 2"],
        widths: Float[np.ndarray, "n p"],
        colours: Float[np.ndarray, "n 3"],
        material: Material,
    ) -> None:
        """Draw lines with round joints and equal numbers of points."""
        ends = np.stack([paths[:, :-1], paths[:, 1:]], 2).reshape(-1, 2, 2)
        both = np.stack([widths[:, :-1], widths[:, 1:]], 2).reshape(-1, 2)
        self.lines(ends, both, colours.repeat(paths.shape[1] - 1, 0), material)
        joints, diameters = paths[:, 1:-1].reshape(-1, 2), widths[:, 1:-1].ravel()
        thick = diameters > 2 / FINE
        rounds = joints[thick, None] + _CIRCLE * diameters[thick, None, None] / 2
        self.fill_each(rounds, colours.repeat(paths.shape[1] - 2, 0)[thick], material)

    def lines(
        self,
        ends: Float[np.ndarray, "n 2 2"],
        widths: Float[np.ndarray, "n 2"],
        colours: Float[np.ndarray, "n 3"],
        material: Material,
    ) -> None:
        """Draw straight lines, in order.

        Args:
            ends: The two ends of each line.
            widths: Width at each end.
            colours: Colour of each line.
            material: Material of the lines.
        """
        step = ends[:, 1] - ends[:, 0]
        length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-6)
        side = np.stack([-step[:, 1], step[:, 0]], 1) / length[:, None] / 2
        offset = side[:, None] * widths[..., None]
        corners = np.concatenate([ends + offset, (ends - offset)[:, ::-1]], 1)
        self.fill_each(corners, colours, material)

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the mean colour of every pixel's samples."""
        size = (self.width, self.height)
        return cv2.resize(self._samples, size, interpolation=cv2.INTER_AREA)[..., :3].astype(np.float32)

    def coverage(self, material: Material) -> Float[np.ndarray, "h w"]:
        """Return the share of every pixel's samples that have a material, 0 to 1."""
        hit = (self._samples[..., 3] == material).view(np.uint8) * np.uint8(255)
        return cv2.resize(hit, (self.width, self.height), interpolation=cv2.INTER_AREA) / np.float32(255)

    def materials(self) -> UInt8[np.ndarray, "h w"]:
        """Return the most frequent material of every pixel's samples; of a tie, the later in `Material`."""
        labels = np.ascontiguousarray(self._samples[..., 3])
        rows = labels.view(np.uint32).reshape(self.height, FINE, self.width)  # each number holds FINE samples
        winner = labels[::FINE, ::FINE].copy()
        mixed = rows[:, 0] != winner * np.uint32(0x01010101)
        for row in range(1, FINE):
            mixed |= rows[:, row] != rows[:, 0]
        y, x = np.nonzero(mixed)
        samples = rows[y, :, x].copy().view(np.uint8)
        slots = np.arange(len(samples))[:, None] * len(Material) + samples
        counts = np.bincount(slots.ravel(), minlength=len(samples) * len(Material)).reshape(-1, len(Material))
        winner[y, x] = len(Material) - 1 - counts[:, ::-1].argmax(1)
        return winner


def _fixed(points: Float[np.ndarray, "... 2"]) -> Int32[np.ndarray, "... 2"]:
    # Sample k covers [k, k + 1], but OpenCV's pixel k is centred on k: hence the half.
    scaled = (np.asarray(points, float) * FINE - 0.5) * (1 << _SHIFT)
    return np.rint(scaled.clip(-(2**24), 2**24)).astype(np.int32)


def _bytes(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (int(min(max(value, 0), 255)) for value in colour)
    return red, green, blue
