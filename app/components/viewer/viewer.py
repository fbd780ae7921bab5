"""The picture viewer: layers over one photograph, with synchronised zoom, pan and opacity."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal, cast

import streamlit as st
from streamlit.components.v2 import component

from app.components.exchange import View, ViewExchange, png_data_uri, tolerant_view
from app.records import Layer, LegendEntry

__all__ = ["View", "compare_viewer"]

_ASSETS = Path(__file__).parent


def _read(*names: str) -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


# Inline scripts cannot import each other, so the files become one module here.
_COMPONENT = component(
    "compare_viewer",
    html=_read("viewer.html"),
    css=_read("toolbar.css", "panes.css", "marks.css"),
    js=_read("viewer.js", "geometry.js", "panes.js", "hands.js", "drawing.js"),
)


def _report(key: str) -> View | None:
    state = cast(Mapping[str, object], st.session_state.get(key, {}))
    report = state.get("view")
    return tolerant_view(cast(Mapping[str, object], report)) if isinstance(report, Mapping) else None


def compare_viewer(
    photo_png: bytes,
    layers: Sequence[Layer],
    *,
    mode: Literal["panes", "slider"],
    size: tuple[int, int],
    view: View,
    legend: Sequence[LegendEntry],
    key: str,
    pane_width: int = 280,
) -> View:
    """Draw the viewer and return what it shows.

    Args:
        photo_png: The photograph as PNG.
        layers: The pictures to compare; the slider shows the first two.
        mode: One pane for each layer, or one pane with a before/after bar.
        size: Width and height of the photograph and of every layer in pixels.
        view: What to show. The user moves on from here; a different view passed later is taken
            over, unless it is the one that the user has reached already.
        legend: Names of the layers' colours, for the reading under the pointer.
        key: Unique on the page.
        pane_width: Least width of a pane in CSS pixels, where the window has it.

    Returns:
        The view when the user last let go.

    Raises:
        ValueError: If there are too few layers for the mode.
    """
    needed = 2 if mode == "slider" else 1
    if len(layers) < needed:
        raise ValueError(f"mode {mode!r} needs at least {needed} layers, got {len(layers)}")
    reported = _report(key)
    memory = f"{key}.exchange"
    earlier = st.session_state.get(memory, ViewExchange.start(view))
    exchange = st.session_state[memory] = earlier.advance(view, reported)
    pictures = [
        {"title": layer.title, "note": layer.note, "alt": layer.alt, "picture": png_data_uri(layer.png)}
        for layer in layers
    ]
    data = {
        "key": key,
        "mode": mode,
        "photo": png_data_uri(photo_png),
        "layers": pictures,
        "size": list(size),
        "paneWidth": pane_width,
        "legend": [{"name": entry.name, "colour": entry.colour} for entry in legend],
        "view": asdict(exchange.sent),
        "revision": exchange.revision,
    }
    _COMPONENT(key=key, data=data, on_view_change=lambda: None)
    return exchange.returned
