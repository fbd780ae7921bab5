"""The picture viewer: layers over one photograph, with synchronised zoom, pan and opacity."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Literal, cast

from streamlit.components.v2 import component

from app.components.assets import png_data_uri, read_joined
from app.components.mount import mount
from app.records import Layer, LegendEntry

__all__ = ["View", "compare_viewer", "tolerant_view"]

_FOLDER = Path(__file__).parent
_COMPONENT = component(
    "compare_viewer",
    html=read_joined(_FOLDER, "viewer.html", "../shared.html"),
    css=read_joined(_FOLDER, "../icons.css", "../shared.css", "viewer.css"),
    js=read_joined(_FOLDER, "../exchange.js", "../shared.js", "viewer.js", "hands.js", "drawing.js"),
)

# A zoom of 1e4: 64 screen pixels for each of 50,000 picture pixels in a frame of 320.
_LIMITS = {"x": (0.0, 1.0), "y": (0.0, 1.0), "zoom": (1.0, 1e4), "opacity": (0.0, 1.0), "split": (0.0, 1.0)}
_DIGITS = 6  # as in tell() of hands.js


@dataclass(frozen=True, slots=True)
class View:
    """The part of the pictures that is shown, and how.

    Numbers are kept to six digits, so that a view that went to the browser or into a URL comes back equal.

    Attributes:
        x: Centre from the left, as a share of the picture's width.
        y: Centre from the top, as a share of the picture's height.
        zoom: Enlargement; 1 shows the whole picture. The window may limit it further.
        opacity: Opacity of the layers over the photograph, 0 to 1.
        split: Position of the before/after bar from the left, as a share of the frame's width.
    """

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0
    opacity: float = 0.6
    split: float = 0.5

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value: float = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value}")
            object.__setattr__(self, name, round(value, _DIGITS))

    def to_query(self) -> str:
        """Return the view as a short text for a URL, for example ``0.5,0.25,4,0.6,0.5``."""
        return ",".join(f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".") for value in astuple(self))

    @classmethod
    def from_query(cls, query: str) -> "View":
        """Read a text that `to_query` wrote.

        Args:
            query: Any text. A missing or unreadable number becomes the default of its field, a number
                outside its limits the nearest limit.
        """
        return tolerant_view(dict(zip(_LIMITS, query.split(","), strict=False)))


def tolerant_view(values: Mapping[str, object]) -> View:
    """Make a view of untrusted values, from a URL or a browser."""
    known = asdict(View())
    for name, (low, high) in _LIMITS.items():
        known[name] = min(high, max(low, _number(values.get(name), default=known[name])))
    return View(**known)


def _number(value: object, *, default: float) -> float:
    try:
        number = float(cast(str, value))
    except (TypeError, ValueError):
        return default
    return number if math.isfinite(number) else default


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
    photograph: str = "",
    beside: Layer | None = None,
    mark: tuple[int, int, int, int] | None = None,
    compact: bool = False,
    fixed: bool = False,
    grey: bool = False,
) -> View:
    """Draw the viewer and return the view.

    Args:
        photo_png: The photograph as PNG.
        layers: The pictures to compare; the slider shows the first two.
        mode: Panes, one per layer, or a slider: one pane with a before/after bar.
        size: Width and height of the photograph and of every layer in pixels.
        view: The view to start from; the user moves on from here. A different view passed later replaces
            the user's, unless the page has passed it before or was given it since.
        legend: Names of the layers' colours, for the readout under the pointer.
        key: Unique on the page.
        pane_width: Least width of a pane in CSS pixels, where the window is wide enough.
        photograph: Title of a pane with the photograph alone, before the others; empty for none.
        beside: A layer with a pane of its own after the slider.
        mark: Left, top, width and height of a part to frame, in pixels of the photograph.
        compact: Whether all is to fit on the first screen of a page: captions without notes, in one line,
            and the toolbar below.
        fixed: Whether the opacity of the layers is fixed.
        grey: Whether the photograph is grey under a layer, so that no layer can have its colours.

    Returns:
        The view when the user last let go.

    Raises:
        ValueError: If there are too few layers for the mode.
    """
    needed = 2 if mode == "slider" else 1
    if len(layers) < needed:
        raise ValueError(f"mode {mode!r} needs at least {needed} layers, got {len(layers)}")
    data = {
        "mode": mode,
        "photo": png_data_uri(photo_png),
        "layers": [_sent(layer, compact) for layer in layers],
        "photograph": _sent(Layer(photograph, "", b"", ""), compact) if photograph else None,
        "beside": None if beside is None else _sent(beside, compact),
        "mark": mark,
        "compact": compact,
        "fixed": fixed,
        "grey": grey,
        "size": list(size),
        "paneWidth": pane_width,
        "legend": [{"name": entry.name, "colour": entry.colour} for entry in legend],
    }
    # Endless patience: a page may pass the same view in every run and never read the user's.
    return mount(_COMPONENT, data, value=view, read=_read, write=asdict, patience_s=math.inf, key=key)


def _sent(layer: Layer, compact: bool) -> dict[str, str]:
    picture = png_data_uri(layer.png) if layer.png else ""
    return {
        "title": layer.title,
        "note": "" if compact else layer.note,
        "alt": layer.alt,
        "picture": picture,
    }


def _read(sent: object) -> View | None:
    return tolerant_view(cast(Mapping[str, object], sent)) if isinstance(sent, Mapping) else None
