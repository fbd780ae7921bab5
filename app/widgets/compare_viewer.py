"""The picture viewer: layers over one photograph, with synchronised zoom, pan and opacity."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

import streamlit as st
from streamlit.components.v2 import component

from app.widgets.view import Exchange, View, tolerant_view

__all__ = ["Layer", "LegendEntry", "View", "compare_viewer"]

_ASSETS = Path(__file__).parent / "viewer_assets"


def _read(*names: str) -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


# Inline scripts cannot import each other, so the files become one module here.
_COMPONENT = component(
    "compare_viewer",
    html=_read("viewer.html"),
    css=_read("toolbar.css", "panes.css", "marks.css"),
    js=_read("viewer.js", "geometry.js", "panes.js", "hands.js", "drawing.js"),
)


@dataclass(frozen=True, slots=True)
class Layer:
    """One picture to lay over the photograph.

    Attributes:
        title: Short name, shown above the picture.
        note: Small line under the title.
        png: Palette or RGBA PNG of the photograph's size.
        alt: The picture in words, for screen readers.
    """

    title: str
    note: str
    png: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One class: its index in the palette, its name, and its colour as ``#rrggbb``."""

    index: int
    name: str
    colour: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise ValueError(f"a legend colour must be written #rrggbb, got {self.colour!r}")


def _report(key: str) -> View | None:
    state = cast(Mapping[str, object], st.session_state.get(key, {}))
    report = state.get("view")
    return tolerant_view(cast(Mapping[str, object], report)) if isinstance(report, Mapping) else None


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def compare_viewer(
    photo_png: bytes,
    layers: Sequence[Layer],
    *,
    mode: Literal["panes", "slider"],
    size: tuple[int, int],
    view: View,
    legend: Sequence[LegendEntry],
    key: str,
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
    earlier = st.session_state.get(memory, Exchange.start(view))
    exchange = st.session_state[memory] = earlier.advance(view, reported)
    pictures = [
        {"title": layer.title, "note": layer.note, "alt": layer.alt, "picture": _data_uri(layer.png)}
        for layer in layers
    ]
    data = {
        "key": key,
        "mode": mode,
        "photo": _data_uri(photo_png),
        "layers": pictures,
        "size": list(size),
        "legend": [{"name": entry.name, "colour": entry.colour} for entry in legend],
        "view": asdict(exchange.sent),
        "revision": exchange.revision,
    }
    _COMPONENT(key=key, data=data, on_view_change=lambda: None)
    return exchange.returned
