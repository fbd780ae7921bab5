"""Arrows from initial to sampling positions, and what their colours mean: what the offset canvas draws."""

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
    """What the arrows' colours mean.

    Attributes:
        name: The quantity with its unit, for example ``"Length of the offset in low-res pixels"``.
        low: What colour 0 stands for.
        high: What colour 255 stands for.
        colours: Red, green and blue from 0 to 255.
    """

    name: str
    low: str
    high: str
    colours: UInt8[np.ndarray, "256 3"]

    def __post_init__(self) -> None:
        if self.colours.shape != (256, 3) or self.colours.dtype != np.uint8:
            found = f"{self.colours.dtype} {self.colours.shape}"
            raise ValueError(f"colours must be uint8 of shape (256, 3), got {found}")


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
        """How many points a cell has in each direction.

        Args:
            size: Width and height of the low-res map in pixels.

        Raises:
            ValueError: If the points are no whole multiple of the map.
        """
        rows, columns = self.values.shape
        scale = columns // size[0]
        if scale < 1 or (columns, rows) != (scale * size[0], scale * size[1]):
            raise ValueError(f"{columns}×{rows} points are no whole multiple of a map of {size[0]}×{size[1]}")
        return scale


# Offsets as coloured arrows, and the pictures beneath them.


def map_png(pixels: UInt8[np.ndarray, "h w"] | UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A map as PNG, one pixel a cell or finer."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG", compress_level=1)
    return target.getvalue()


def arrows(
    initial: Float32[np.ndarray, "H W 2"], field: OffsetField, group: int, colour: ArrowColour, longest: float
) -> OffsetArrows:
    """One group's offsets as arrows.

    Args:
        initial: Where the points start.
        field: The offsets.
        group: Index of the group.
        colour: What the colours mean.
        longest: Length in low-res pixels that has the last colour; longer arrows have it, too.
    """
    end = initial + field.vectors[group]
    if colour == "length":
        share = np.clip(field.lengths[group] / max(longest, 1e-12), 0, 1)
        return OffsetArrows(initial, end, np.round(255 * share).astype(np.uint8))
    turn = np.nan_to_num(field.directions[group]) / (2 * np.pi) % 1
    return OffsetArrows(initial, end, np.floor(256 * turn).astype(np.uint8))


def colour_scale(colour: ArrowColour, longest: float) -> ColourScale:
    """What the colours of `arrows` mean."""
    if colour == "length":
        return ColourScale(
            "Length of the offset in low-res pixels", "0", f"{longest:.2f} or more", sequential_colours()
        )
    return ColourScale(
        "Direction of the offset: right, down, left, up, right", "right", "right", cyclic_colours()
    )


def longest_shown(field: OffsetField) -> float:
    """The length that has the last colour: all but the longest hundredth of the arrows are told apart."""
    return max(float(np.quantile(field.lengths, 0.99)), 1e-6)


def overview_step(points: int) -> int:
    """Every how many-th point to draw when the whole map is shown, so that arrows stay apart.

    Args:
        points: Points along the longer side.
    """
    return max(1, round(points / 45))
