"""Tensors as heatmaps: small ones with a number in every cell, large ones with a colour bar.

Figures are built from plain dictionaries in one call, because Plotly is slow at every later change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32

from app.shared.drawing import Part, plain

FEATURES = "Cividis"
HEIGHT = 390
MOST_NUMBERS = 8  # rows or columns of a map whose cells still have room for numbers
# Okabe-Ito blue below zero, vermilion above; grey at zero in every theme.
_SIGNED = ((0.0, "#0072B2"), (0.25, "#7AB5DC"), (0.5, "#E8E8E8"), (0.75, "#EEB679"), (1.0, "#D55E00"))
_BAR = 96  # CSS pixels: room for the colour bar
_GAP_X, _GAP_Y = 0.04, 0.09  # between maps, as shares of the figure


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell to frame: its map, row and column."""

    panel: int
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Shades:
    """The colour scale of maps.

    Attributes:
        low: Value of the first colour.
        high: Value of the last colour.
        unit: Title of the colour bar.
        signed: Whether the colours diverge from zero.
    """

    low: float
    high: float
    unit: str
    signed: bool

    @classmethod
    def around_zero(cls, values: Float32[np.ndarray, "..."], unit: str) -> "Shades":
        """Return a scale symmetric about zero that holds all values."""
        most = float(np.abs(values).max()) or 1.0
        return cls(-most, most, unit, signed=True)

    @classmethod
    def of_features(cls, values: Float32[np.ndarray, "..."], unit: str = "feature value") -> "Shades":
        """Return a scale from the smallest value to the largest."""
        return cls(float(values.min()), float(values.max()), unit, signed=False)


def heatmaps(
    maps: Float32[np.ndarray, "n h w"],
    titles: Sequence[str],
    shades: Shades,
    *,
    pixels: str,
    mark: Mark,
    text: Sequence[Sequence[str]] | None = None,
    frame: Sequence[Part] = (),
) -> go.Figure:
    """Draw maps in a grid as square as their number allows, on one colour scale.

    Args:
        maps: The maps.
        titles: One for each map; empty strings for none.
        shades: The colour scale.
        pixels: The kind of pixels that the axes count.
        mark: The cell to frame.
        text: Text of the cells of a small map instead of its values.
        frame: Shapes to draw over the first map.
    """
    across = ceil(sqrt(len(maps)))
    small = max(maps.shape[1:]) <= MOST_NUMBERS
    heat = [_heatmap(maps[index], index, text, small=small) for index in range(len(maps))]
    reach = max(0.5, 0.02 * max(maps.shape[1:]))  # larger where cells are too small for a visible frame
    framed = [stroke | _on(mark.panel) for stroke in haloed_square(mark.column, mark.row, reach)]
    layout: Part = {"coloraxis": _colour_axis(shades, bar=not small), "shapes": list(frame)}
    layout["annotations"] = [_title(title, index, len(maps), across) for index, title in enumerate(titles)]
    for index in range(len(maps)):
        layout |= _axes(maps.shape[1:], index, len(maps), across, pixels)
    return go.Figure(
        [*heat, *framed], layout | plain(HEIGHT, above=26 if any(titles) else 6, below=8 if small else _BAR)
    )


def _heatmap(
    values: Float32[np.ndarray, "h w"], panel: int, text: Sequence[Sequence[str]] | None, *, small: bool
) -> Part:
    hover = "row %{y}, column %{x}: %{z:.4f}<extra></extra>"
    heat: Part = {"type": "heatmap", "z": values, "coloraxis": "coloraxis", "hovertemplate": hover}
    if small:
        heat |= {"texttemplate": "%{z:.2f}", "textfont": {"size": 14}, "xgap": 1, "ygap": 1}
    if small and text is not None:
        heat |= {"texttemplate": "%{text}", "text": text}
    return heat | _on(panel)


def _colour_axis(shades: Shades, *, bar: bool) -> Part:
    strip: Part = {"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom"}
    strip |= {"title": {"text": shades.unit, "side": "bottom"}, "thickness": 10, "nticks": 7}
    scale = _SIGNED if shades.signed else FEATURES
    return {"colorscale": scale, "cmin": shades.low, "cmax": shades.high, "showscale": bar, "colorbar": strip}


def _title(title: str, panel: int, count: int, across: int) -> Part:
    (left, right), (_, top) = _domains(panel, count, across)
    place: Part = {"x": (left + right) / 2, "y": top, "xref": "paper", "yref": "paper"}
    place |= {"xanchor": "center", "yanchor": "bottom"}
    return {"text": title, "showarrow": False, "font": {"size": 13}, **place}


def _axes(size: tuple[int, ...], panel: int, count: int, across: int, pixels: str) -> Part:
    """Return axes that count rows and columns from 0; only the outer ones are labelled."""
    names, few = _on(panel), max(size) <= MOST_NUMBERS
    left, bottom = panel % across == 0, panel + across >= count
    x_domain, y_domain = _domains(panel, count, across)
    x = axis(f"column ({pixels})" if bottom else "", -0.5, size[1] - 0.5, few=few)
    y = axis(f"row ({pixels})" if left else "", size[0] - 0.5, -0.5, few=few)
    x |= {"domain": x_domain, "anchor": names["yaxis"], "showticklabels": bottom}
    y |= {"domain": y_domain, "anchor": names["xaxis"], "showticklabels": left}
    y |= {"scaleanchor": names["xaxis"], "constraintoward": "top"}
    return {
        f"{name[:5]}{str(place)[1:]}": axis for (name, place), axis in zip(names.items(), (x, y), strict=True)
    }


def _domains(panel: int, count: int, across: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the horizontal and vertical span of a map, as shares of the figure."""
    down = ceil(count / across)
    width, height = (1 - _GAP_X * (across - 1)) / across, (1 - _GAP_Y * (down - 1)) / down
    left = panel % across * (width + _GAP_X)
    bottom = (down - 1 - panel // across) * (height + _GAP_Y)
    return (left, left + width), (bottom, bottom + height)


def _on(panel: int) -> Part:
    number = "" if panel == 0 else str(panel + 1)
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def haloed_square(column: float, row: float, reach: float) -> list[Part]:
    """Return a frame that is legible on any map, as two lines."""
    x = column + reach * np.array([-1, 1, 1, -1, -1, 1])
    y = row + reach * np.array([-1, -1, 1, 1, -1, -1])
    return [line(x, y, colour, width) for colour, width in (("#FFFFFF", 7), ("#000000", 3))]


def line(x: np.ndarray, y: np.ndarray, colour: str, width: float) -> Part:
    """Return a line without hover text."""
    stroke = {"color": colour, "width": width}
    drawn: Part = {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": stroke}
    return drawn | {"hoverinfo": "skip", "showlegend": False}


def axis(title: str, start: float, stop: float, *, few: bool) -> Part:
    """Return an axis without a grid that keeps the aspect ratio of its map."""
    words: Part = {"title": {"text": title, "standoff": 4}, "range": [start, stop]}
    ticks: Part = {"dtick": 1} if few else {}
    return {"showgrid": False, "zeroline": False, "ticks": "", "constrain": "domain", **words, **ticks}
