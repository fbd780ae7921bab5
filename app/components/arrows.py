"""Offsets as coloured arrows, as the offset canvas draws them, with the maps beneath."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from app.settings import ArrowColour
from app.theme import cyclic_colours, sequential_colours
from dysample.explain.offsets import OffsetField


@dataclass(frozen=True, slots=True)
class ColourScale:
    """The colour scale of arrows.

    Attributes:
        name: The quantity with its unit, for example ``"Length of the offset in low-res pixels"``.
        low: Meaning of colour 0.
        high: Meaning of colour 255.
        colours: Red, green and blue from 0 to 255.
    """

    name: str
    low: str
    high: str
    colours: UInt8[np.ndarray, "256 3"]

    def __post_init__(self) -> None:
        if self.colours.shape != (256, 3) or self.colours.dtype != np.uint8:
            got = f"{self.colours.dtype} {self.colours.shape}"
            raise ValueError(f"colours must be uint8 of shape (256, 3), got {got}")


@dataclass(frozen=True, slots=True)
class OffsetArrows:
    """One arrow for each output point, in the order of the output's rows and columns.

    Attributes:
        start: Initial positions (x, y) in low-res pixels, pixel centres at one half.
        end: Sampling positions, likewise.
        values: Index of each arrow's colour.
    """

    start: Float32[np.ndarray, "H W 2"]
    end: Float32[np.ndarray, "H W 2"]
    values: UInt8[np.ndarray, "H W"]

    def __post_init__(self) -> None:
        rows, columns = self.values.shape
        for name, positions in (("start", self.start), ("end", self.end)):
            if positions.shape != (rows, columns, 2):
                raise ValueError(f"{name} must have shape {(rows, columns, 2)}, got {positions.shape}")
            if positions.dtype != np.float32:
                raise ValueError(f"{name} must be float32, got {positions.dtype}")
            if not np.isfinite(positions).all():
                raise ValueError(f"{name} must be finite, got NaN or infinity")
        if self.values.dtype != np.uint8:
            raise ValueError(f"values must be uint8, got {self.values.dtype}")

    def points_per_cell(self, size: tuple[int, int]) -> int:
        """Return the number of points of a cell in each direction.

        Args:
            size: Width and height of the low-res map in pixels.

        Raises:
            ValueError: If the points are not a whole multiple of the map.
        """
        rows, columns = self.values.shape
        scale = columns // size[0]
        if scale < 1 or (columns, rows) != (scale * size[0], scale * size[1]):
            raise ValueError(
                f"{columns}×{rows} points are not a whole multiple of a map of {size[0]}×{size[1]}"
            )
        return scale


def map_png(pixels: UInt8[np.ndarray, "h w"] | UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Return a map as PNG, one pixel per cell or finer."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG", compress_level=1)
    return target.getvalue()


def arrows(
    initial: Float32[np.ndarray, "H W 2"], field: OffsetField, group: int, colour: ArrowColour, longest: float
) -> OffsetArrows:
    """Return one group's offsets as arrows.

    Args:
        initial: Initial positions of the points.
        field: The offsets.
        group: Index of the group.
        colour: The quantity that colours show.
        longest: Length in low-res pixels that has the last colour; longer arrows have it, too.
    """
    end = initial + field.vectors[group]
    if colour == "length":
        share = np.clip(field.lengths[group] / max(longest, 1e-12), 0, 1)
        return OffsetArrows(initial, end, np.round(255 * share).astype(np.uint8))
    turn = np.nan_to_num(field.directions[group]) / (2 * np.pi) % 1
    return OffsetArrows(initial, end, np.floor(256 * turn).astype(np.uint8))


def colour_scale(colour: ArrowColour, longest: float) -> ColourScale:
    """Return the colour scale of `arrows`."""
    if colour == "length":
        return ColourScale(
            "Length of the offset in low-res pixels", "0", f"{longest:.2f} or more", sequential_colours()
        )
    return ColourScale(
        "Direction of the offset: right, down, left, up, right", "right", "right", cyclic_colours()
    )


def longest_shown(field: OffsetField) -> float:
    """Return the length that has the last colour: the 99th percentile, so that few arrows share it."""
    return max(float(np.quantile(field.lengths, 0.99)), 1e-6)


def overview_step(points: int) -> int:
    """Return the step between the points to draw when the whole map is shown, so that arrows stay apart.

    Args:
        points: Number of points along the longer side.
    """
    return max(1, round(points / 45))
