"""The offset canvas: a low-res map under arrows that show where an upsampler samples it."""

import base64
import math
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from streamlit.components.v2 import component

from app.components.arrows import ColourScale, OffsetArrows
from app.components.assets import png_data_uri, read_joined
from app.components.mount import mount
from app.theme import CHANGED

__all__ = ["ColourScale", "OffsetArrows", "offset_canvas"]

CanvasCell = tuple[int, int]  # column, row

_FOLDER = Path(__file__).parent
_SHARED = ("../exchange.js", "../shared.js", "../printing.js")
_COMPONENT = component(
    "offset_canvas",
    html=read_joined(_FOLDER, "canvas.html", "../shared.html"),
    css=read_joined(_FOLDER, "../icons.css", "../shared.css", "canvas.css"),
    js=read_joined(_FOLDER, *_SHARED, "canvas.js", "arrows.js", "drawing.js", "hands.js", "saving.js"),
)


def offset_canvas(
    background_png: bytes,
    arrows: OffsetArrows,
    *,
    size: tuple[int, int],
    scale: ColourScale,
    label: str,
    key: str,
    cell: CanvasCell | None = None,
    step: int = 1,
    exaggeration: float = 1.0,
    across: int | None = None,
) -> CanvasCell | None:
    """Draw the canvas and return the chosen cell.

    In the browser, ``data-*`` attributes of ``.frame`` hold cell, zoom, number of arrows drawn, and time.

    Args:
        background_png: The picture under the arrows, of any size; it is stretched over the map.
        arrows: The arrows, a whole number for each cell.
        size: Width and height of the low-res map in pixels. Another size resets the user's view; other
            arrows on a map of the same size leave it alone.
        scale: The colour scale of the arrows.
        label: The picture in words, for screen readers.
        key: Unique on the page; also the name of saved files.
        cell: Column and row of the cell to highlight. Pass back the cell returned before, or another to
            change the user's choice.
        step: Draw every `step`-th point in both directions when the whole map is shown, and more as the
            user zooms in.
        exaggeration: Factor of the arrows' length. The canvas states it where it is not 1.
        across: Number of cells along the longer side of the first view, around `cell`; None shows the
            whole map. A value passed later moves the view.

    Raises:
        ValueError: If an argument is outside its range.
    """
    points = arrows.points_per_cell(size)
    _check(size, cell, step, exaggeration, across)
    data = {
        "label": label,
        "accent": CHANGED,
        "background": png_data_uri(background_png),
        "size": list(size),
        "pointsPerCell": points,
        **_encoded(arrows, scale),
        "step": step,
        "exaggeration": exaggeration,
        "across": across,
    }

    def read(sent: object) -> CanvasCell | None:
        match sent:
            case [int(column), int(row)] if _inside((column, row), size):
                return column, row
            case _:
                return None

    return mount(_COMPONENT, data, value=cell, read=read, key=key)


def _check(
    size: tuple[int, int], cell: CanvasCell | None, step: int, exaggeration: float, across: int | None
) -> None:
    if cell is not None and not _inside(cell, size):
        raise ValueError(f"cell must be a column below {size[0]} and a row below {size[1]}, got {cell}")
    if step < 1:
        raise ValueError(f"step must be at least 1, got {step}")
    if not (math.isfinite(exaggeration) and exaggeration > 0):
        raise ValueError(f"exaggeration must be positive and finite, got {exaggeration}")
    if across is not None and across < 1:
        raise ValueError(f"across must be at least 1, got {across}")


def _inside(cell: CanvasCell, size: tuple[int, int]) -> bool:
    return all(0 <= index < length for index, length in zip(cell, size, strict=True))


def _encoded(arrows: OffsetArrows, scale: ColourScale) -> dict[str, object]:
    return {
        "start": _encode(arrows.start),
        "end": _encode(arrows.end),
        "values": _encode(arrows.values),
        "colours": _encode(scale.colours),
        "scale": {"name": scale.name, "low": scale.low, "high": scale.high},
    }


def _encode(array: Float32[np.ndarray, "..."] | UInt8[np.ndarray, "..."]) -> str:
    """Return little-endian bytes, row by row: a third of the size of JSON."""
    ordered = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(ordered.tobytes()).decode("ascii")
