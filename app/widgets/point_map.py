"""A small map of cells to choose from, under the mean offset of each."""

import numpy as np
from jaxtyping import Float32

from app.arrows import ColourScale, OffsetArrows
from app.theme import sequential_colours
from app.widgets.offset_canvas import offset_canvas

_READABLE = 40  # arrows side by side in a small view


def cell_map(
    background_png: bytes,
    moves: Float32[np.ndarray, "h w 2"],
    *,
    cell: tuple[int, int],
    label: str,
    key: str,
) -> tuple[int, int]:
    """Draw the map and return the row and column of the chosen cell.

    Args:
        background_png: What to see under the arrows.
        moves: Mean offset (x, y) of each cell's points in low-res pixels.
        cell: Row and column to highlight, unless another is chosen.
        label: The map in words, for screen readers.
        key: Unique on the page.
    """
    height, width = moves.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32) + np.float32(0.5)
    start = np.stack([x, y], axis=-1)
    lengths = np.hypot(moves[..., 0], moves[..., 1])
    longest = float(lengths.max())
    values = np.round(255 * lengths / longest if longest else lengths).astype(np.uint8)
    name = "Mean offset of a cell (low-res pixels)" if longest else "No point moves (low-res pixels)"
    chosen = offset_canvas(
        background_png,
        OffsetArrows(start, start + moves, values),
        size=(width, height),
        scale=ColourScale(name, "0", f"{longest:.2f}", sequential_colours()),
        label=label,
        key=key,
        cell=(cell[1], cell[0]),
        step=max(1, round(max(width, height) / _READABLE)),
    )
    return cell if chosen is None else (chosen[1], chosen[0])
