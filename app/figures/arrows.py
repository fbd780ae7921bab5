"""Offsets as coloured arrows, and the pictures beneath them."""

import io

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from app.arrows import ColourScale, OffsetArrows
from app.settings import ArrowColour
from app.theme import cyclic_colours, sequential_colours
from dysample.analysis.offsets import OffsetField


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
