"""The same output pixel under several upsamplers: what each reads, in one window and one colour scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from app.figures.layout import Part, plain
from app.figures.point_weights import SCALE, TICKS, ink, shade, written
from app.theme import CHANGED
from dysample.analysis.arrows import CellWindow
from dysample.analysis.reading import Reading

_COLUMNS = 3  # side by side: what can still be read on a telephone
_GAP = 0.2  # of a window's side, between windows
_TITLE = 0.39  # of a window's side, for three lines above
_LIFT = 0.15  # cells between a title and its window
_ROW_PX, _LEGEND_PX = 225, 60
_ROOMY = 5  # cells side by side that have room for larger numbers
_LEAST = 0.005  # smaller weights are written as nothing


@dataclass(frozen=True, slots=True)
class Pane:
    """One upsampler's reading of the pixel.

    Attributes:
        label: Name for people.
        status: Whether it was trained, in few words.
        start: What its weights at the start are like, if it was not.
        reading: What it reads.
    """

    label: str
    status: str
    start: str
    reading: Reading


def footprints(panes: Sequence[Pane], window: CellWindow, *, cell: tuple[int, int]) -> go.Figure:
    """Draw the windows in rows of three, the weights as colours and numbers.

    One image holds them all, which is drawn in a fraction of the time of as many charts. Its height is
    fixed, so that titles have room however narrow it becomes: cells are square at some width only.

    Args:
        panes: At least one.
        window: Cells that are shown of each.
        cell: Row and column of the low-res pixel that the output pixel lies in.
    """
    corners = [_corner(index, window) for index in range(len(panes))]
    right = max(x for x, _ in corners) + window.columns
    bottom = max(y for _, y in corners) + window.rows
    traces = [
        _weights(panes, window, corners),
        _outlines(corners, window, cell),
        _numbers(panes, corners, window),
        _places(panes, window, corners),
        _titles(panes, corners),
    ]
    # From dictionaries, in one call: every trace and every update of a figure is checked again.
    height = _LEGEND_PX + _ROW_PX * math.ceil(len(panes) / _COLUMNS)
    layout = plain(height) | {
        "xaxis": {"range": [-0.1, right + 0.1], "visible": False},
        "yaxis": {"range": [bottom + 0.1, -_above(window)], "visible": False},
        "margin": {"l": 0, "r": 0, "t": 0, "b": _LEGEND_PX, "autoexpand": False},
    }
    return go.Figure(traces, layout)


def _corner(index: int, window: CellWindow) -> tuple[int, int]:
    """Where the window of a pane begins, (x, y) in cells of the whole picture."""
    row, column = divmod(index, _COLUMNS)
    wide = window.columns + math.ceil(_GAP * window.columns)
    return column * wide, row * (window.rows + _above(window))


def _above(window: CellWindow) -> int:
    """Rows of the picture that a title takes."""
    return math.ceil(_TITLE * window.rows)


def weights_in(reading: Reading, window: CellWindow) -> Float[np.ndarray, "r c"]:
    """The weights of a reading by cell of a window; zero where nothing is read."""
    weights = np.zeros((window.rows, window.columns))
    for row, column, weight in zip(reading.rows, reading.columns, reading.weights, strict=True):
        weights[row - window.row, column - window.column] += weight
    return weights


def _weights(panes: Sequence[Pane], window: CellWindow, corners: Sequence[tuple[int, int]]) -> Part:
    shape = max(y for _, y in corners) + window.rows, max(x for x, _ in corners) + window.columns
    values = np.full(shape, np.nan)
    hovers = np.full(shape, "", object)
    for pane, (x, y) in zip(panes, corners, strict=True):
        for (i, j), weight in np.ndenumerate(weights_in(pane.reading, window)):
            place = y + i, x + j
            values[place] = shade(weight)
            hovers[place] = f"{pane.label}<br>row {window.row + i}, column {window.column + j}: {weight:.4f}"
    ticks = {"tickvals": list(shade(np.array(TICKS))), "ticktext": [f"{tick:g}" for tick in TICKS]}
    bar = {"orientation": "h", "thickness": 12, "y": 0, "yanchor": "top", "len": 1}
    return {
        "type": "heatmap",
        "z": values,
        "hovertext": hovers,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "x0": 0.5,
        "y0": 0.5,
        "zmin": 0,
        "zmax": 1,
        "colorscale": SCALE,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {**bar, "title": {"text": "Weight", "side": "bottom"}, **ticks},
    }


def _numbers(panes: Sequence[Pane], corners: Sequence[tuple[int, int]], window: CellWindow) -> Part:
    """The weights that two decimals can tell from zero, out of the way of the dot."""
    places = [
        (left + column - window.column + 0.5, top + row - window.row + _height(pane), weight)
        for pane, (left, top) in zip(panes, corners, strict=True)
        for row, column, weight in zip(
            pane.reading.rows, pane.reading.columns, pane.reading.weights, strict=True
        )
        if weight >= _LEAST
    ]
    font = {"size": 11 if window.columns <= _ROOMY else 9, "color": [ink(weight) for _, _, weight in places]}
    return {
        "type": "scatter",
        "x": [x for x, _, _ in places],
        "y": [y for _, y, _ in places],
        "text": [written(weight) for _, _, weight in places],
        "textfont": font,
        "mode": "text",
        "hoverinfo": "skip",
    }


def _height(pane: Pane) -> float:
    """Where numbers stand in their cells, from above."""
    if pane.reading.move is None:
        return 0.5
    return 0.25 if pane.reading.move.read[1] % 1 > 0.5 else 0.75


def _outlines(corners: Sequence[tuple[int, int]], window: CellWindow, cell: tuple[int, int]) -> Part:
    x: list[float | None] = []
    y: list[float | None] = []
    for left, top in corners:
        a, b = left + cell[1] - window.column, top + cell[0] - window.row
        x += [a, a + 1, a + 1, a, a, None]
        y += [b, b, b + 1, b + 1, b, None]
    line = {"color": CHANGED, "width": 3}
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "line": line, "hoverinfo": "skip"}


def _places(panes: Sequence[Pane], window: CellWindow, corners: Sequence[tuple[int, int]]) -> Part:
    """Where the map is read, for those that read it at a point."""
    places = [
        (left + pane.reading.move.read[0] - window.column, top + pane.reading.move.read[1] - window.row)
        for pane, (left, top) in zip(panes, corners, strict=True)
        if pane.reading.move is not None
    ]
    marker = {"symbol": "circle", "size": 8, "color": "#D55E00", "line": {"color": "#FFFFFF", "width": 2}}
    x, y = zip(*places, strict=True) if places else ((), ())
    return {"type": "scatter", "x": x, "y": y, "mode": "markers", "marker": marker, "hoverinfo": "skip"}


def _titles(panes: Sequence[Pane], corners: Sequence[tuple[int, int]]) -> Part:
    """Text as a trace: annotations take the browser ten times as long."""
    return {
        "type": "scatter",
        "x": [x for x, _ in corners],
        "y": [y - _LIFT for _, y in corners],
        "text": [_title(pane) for pane in panes],
        "textfont": {"size": 10},
        "textposition": "top right",
        "mode": "text",
        "cliponaxis": False,
        "hoverinfo": "skip",
    }


def _title(pane: Pane) -> str:
    total = ", ".join(filter(None, (f"Σ {pane.reading.total:.3f}", pane.start)))
    return f'<b style="font-size: 12px">{pane.label}</b><br>{pane.status}<br>{total}'
