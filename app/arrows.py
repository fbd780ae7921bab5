"""Arrows from initial to sampling positions, and what their colours mean: what the offset canvas draws."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8


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
