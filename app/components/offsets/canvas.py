"""The offset canvas: a low-res map under arrows that show where an upsampler samples it."""

import base64
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import streamlit as st
from jaxtyping import Float32, UInt8
from streamlit.components.v2 import component

from app.components.arrows import ColourScale, OffsetArrows
from app.components.exchange import Exchange, Report, png_data_uri
from app.theme import CHANGED

__all__ = ["ColourScale", "OffsetArrows", "offset_canvas"]

Cell = tuple[int, int]

_COMPONENTS = Path(__file__).parents[1]
_SCRIPTS = ("canvas", "arrows", "shapes", "drawing", "words", "hands", "keys", "saving")


def _read(*paths: str) -> str:
    return "\n".join((_COMPONENTS / path).read_text(encoding="utf-8") for path in paths)


# Inline scripts cannot import each other, so the files become one module here. Toolbar and geometry are
# those of the picture viewer.
_COMPONENT = component(
    "offset_canvas",
    html=_read("offsets/canvas.html"),
    css=_read("viewer/toolbar.css", "offsets/canvas.css"),
    js=_read("viewer/geometry.js", *(f"offsets/{name}.js" for name in _SCRIPTS)),
)


def offset_canvas(
    background_png: bytes,
    arrows: OffsetArrows,
    *,
    size: tuple[int, int],
    scale: ColourScale,
    label: str,
    key: str,
    cell: Cell | None = None,
    step: int = 1,
    exaggeration: float = 1.0,
    across: int | None = None,
) -> Cell | None:
    """Draw the canvas and return the cell that is chosen.

    In the browser it is ``data-*`` attributes of ``.frame`` that tell cell, zoom, arrows drawn and time.

    Args:
        background_png: What to see under the arrows, of any size; it is stretched over the map.
        arrows: A whole number of them for each cell.
        size: Width and height of the low-res map in pixels. Another size shows the map anew; other
            arrows on a map of the same size leave the user's view alone.
        scale: What the arrows' colours mean.
        label: The picture in words, for screen readers.
        key: Unique on the page; also the name of saved files.
        cell: Column and row of the cell to highlight. Pass back what was returned before, or another
            cell to choose that one instead of the user.
        step: The whole map is shown with every `step`-th point in both directions, and with more as
            one zooms in.
        exaggeration: Factor of the arrows' length. The canvas states it where it is not 1.
        across: How many cells to show along the longer side at first, about `cell`; None shows the
            whole map. A value that is passed later moves the view.

    Raises:
        ValueError: If an argument is outside its range.
    """
    points = arrows.points_per_cell(size)
    _check(size, cell, step, exaggeration, across)
    memory = f"{key}.exchange"
    passed = _to_text(cell)
    earlier: Exchange = st.session_state.get(memory, Exchange.start(passed))
    exchange = earlier.advance(passed, _report(key, size), time.monotonic())
    data = {
        "key": key,
        "label": label,
        "accent": CHANGED,
        "background": png_data_uri(background_png),
        "size": list(size),
        "pointsPerCell": points,
        **_encoded(arrows, scale),
        "step": step,
        "exaggeration": exaggeration,
        "across": across,
        "cell": _to_cell(exchange.sent),
        "revision": exchange.revision,
    }
    _COMPONENT(key=key, data=data, on_choice_change=lambda: None)
    # Only now: a run that is cut short while it draws must not swallow the report.
    st.session_state[memory] = exchange
    return _to_cell(exchange.returned)


def _check(size: Cell, cell: Cell | None, step: int, exaggeration: float, across: int | None) -> None:
    if cell is not None and not _inside(cell, size):
        raise ValueError(f"cell must be a column below {size[0]} and a row below {size[1]}, got {cell}")
    if step < 1:
        raise ValueError(f"step must be at least 1, got {step}")
    if not (math.isfinite(exaggeration) and exaggeration > 0):
        raise ValueError(f"exaggeration must be positive and finite, got {exaggeration}")
    if across is not None and across < 1:
        raise ValueError(f"across must be at least 1, got {across}")


def _inside(cell: Cell, size: Cell) -> bool:
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
    """Little-endian bytes, row by row: a third of what the numbers would take as JSON."""
    ordered = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(ordered.tobytes()).decode("ascii")


def _to_text(cell: Cell | None) -> str:
    return "" if cell is None else f"{cell[0]},{cell[1]}"


def _to_cell(text: str) -> Cell | None:
    if not text:
        return None
    column, row = text.split(",")
    return int(column), int(row)


def _report(key: str, size: Cell) -> Report | None:
    """What the browser says, unless it makes no sense: browsers are not trusted, and maps change."""
    state = cast(Mapping[str, object], st.session_state.get(key, {}))
    match state.get("choice"):
        case {"cell": [int(column), int(row)], "answers": int(answers)} if _inside((column, row), size):
            return Report(_to_text((column, row)), answers)
        case _:
            return None
