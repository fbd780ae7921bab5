"""Figures of the One point page: a cell's points over the map (Figure 7), and all upsamplers' footprints."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float, Float32, UInt8
from plotly.colors import get_colorscale, sample_colorscale

from app.shared.drawing import Part, picture_trace, plain
from app.theme import CHANGED, IGNORED
from dysample.explain.footprint import Reading
from dysample.explain.offsets import Arrows, CellWindow
from dysample.explain.one_point import OnePoint

_DARK, _LIGHT = 26, 230  # grey levels, neither black nor white: halos must show
_INSET = 0.03  # cells between a weight and the corner of its pixel
SCALE = "Cividis"
TICKS = (0.0, 0.04, 0.25, 0.5, 1.0)  # 0.04 is a 5 x 5 average, 0.25 one of 2 x 2
_BLACK_READS_FROM = 0.47  # place on the scale from which black reads better than white
_STILL = 0.02  # low-res pixels: an arrow shorter than this is drawn as a dot
_COLUMNS = 3  # side by side: legible on a phone
_GAP = 0.2  # of a window's side, between windows
_TITLE = 0.39  # of a window's side, for three lines above
_LIFT = 0.15  # cells between a title and its window
_ROW_PX, _LEGEND_PX = 225, 60
_ROOMY = 5  # most cells side by side with room for larger numbers
_LEAST = 0.005  # smaller weights are left out


@dataclass(frozen=True, slots=True)
class PointScene:
    """The content of the window.

    Attributes:
        window: The cells.
        cell: Row and column of the chosen cell.
        beneath: A value for each cell of the window, or the photograph there.
        quantity: Name of that value, for hover and caption.
        arrows: Arrows of the cell's points by group; none for kernels.
        point: The chosen output pixel.
    """

    window: CellWindow
    cell: tuple[int, int]
    beneath: Float32[np.ndarray, "r c"] | UInt8[np.ndarray, "h w 3"]
    quantity: str
    arrows: tuple[Arrows, ...]
    point: OnePoint


def window_figure(scene: PointScene) -> go.Figure:
    """Draw the window in low-res pixels, x to the right and y downwards."""
    traces = [_beneath(scene), *_grid(scene.window), *_outline(scene.cell), *_spokes(scene)]
    # From dictionaries, in one call: Plotly validates every trace and update added later once more.
    return go.Figure([*traces, *arrow_traces(scene.arrows, scene.point.reading)], _layout(scene))


def _layout(scene: PointScene) -> Part:
    window = scene.window
    bare = {"automargin": False, "showgrid": False, "zeroline": False, "constrain": "domain"}
    return plain(560, legend=True) | {
        "xaxis": {
            **bare,
            "range": [window.column, window.column + window.columns],
            "title": {"text": "x (low-res pixels)"},
        },
        "yaxis": {
            **bare,
            "range": [window.row + window.rows, window.row],
            "title": {"text": "y (low-res pixels)"},
            "scaleanchor": "x",
            "constraintoward": "top",
        },
        "annotations": _labels(scene),
        "margin": {"l": 60, "r": 10, "t": 75, "b": 50, "autoexpand": False},
    }


def _beneath(scene: PointScene) -> Part | go.Image:
    window, values = scene.window, scene.beneath
    if values.ndim == 3:
        side = window.rows / values.shape[0]
        return picture_trace(values, pixel=side).update(x0=window.column + side / 2, y0=window.row + side / 2)
    bottom, right = window.row + window.rows, window.column + window.columns
    rows, columns = np.mgrid[window.row : bottom, window.column : right]
    hover = (
        f"row %{{customdata[0]}}, column %{{customdata[1]}}<br>{scene.quantity}: %{{z:.4f}}<extra></extra>"
    )
    return {
        "type": "heatmap",
        "z": values,
        "x": columns[0] + 0.5,
        "y": rows[:, 0] + 0.5,
        "customdata": np.stack([rows, columns], axis=-1),
        "hovertemplate": f"{hover}<extra></extra>",
        "colorscale": [[0, f"rgb({_DARK}, {_DARK}, {_DARK})"], [1, f"rgb({_LIGHT}, {_LIGHT}, {_LIGHT})"]],
        "showscale": False,
    }


def _grid(window: CellWindow) -> list[Part]:
    bottom, right = window.row + window.rows, window.column + window.columns
    upright = [(x, y) for x in range(window.column, right + 1) for y in (window.row, bottom, None)]
    level = [(x, y) for y in range(window.row, bottom + 1) for x in (window.column, right, None)]
    x, y = zip(*upright, *level, strict=True)
    return [line(x, y, IGNORED, 1)]


def _outline(cell: tuple[int, int]) -> list[Part]:
    (top, left), (bottom, right) = cell, (cell[0] + 1, cell[1] + 1)
    x, y = [left, right, right, left, left], [top, top, bottom, bottom, top]
    return [line(x, y, "#000000", 6), line(x, y, CHANGED, 3)]


def _spokes(scene: PointScene) -> list[Part]:
    """Return lines from the sampling position to the pixels that are read; none for kernels."""
    move = scene.point.reading.move
    if move is None:
        return []
    x: list[float | None] = []
    y: list[float | None] = []
    for row, column in zip(scene.point.reading.rows, scene.point.reading.columns, strict=True):
        x += [move.read[0], column + 0.5, None]
        y += [move.read[1], row + 0.5, None]
    return [line(x, y, CHOSEN.halo, 4), line(x, y, CHOSEN.colour, 1.5, dash="dot")]


def _labels(scene: PointScene) -> list[dict[str, object]]:
    """Return the weights at their pixels; for points in the corner that is farthest from what is read.

    There they leave the arrows and their heads free.
    """
    reading = scene.point.reading
    several = len(reading.weights) > 4
    labels: list[dict[str, object]] = []
    for row, column, weight in zip(reading.rows, reading.columns, reading.weights, strict=True):
        label: dict[str, object] = {
            "x": column + 0.5,
            "y": row + 0.5,
            "text": f"{weight:.3f}",
            "showarrow": False,
            "bgcolor": colour(weight),
            "bordercolor": ink(weight),
            "borderpad": 2,
            "font": {"color": ink(weight), "size": 12 if several else 14},
            "hovertext": f"row {row}, column {column}: weight {weight:.4f}",
        }
        if reading.move is not None:
            right, below = column + 0.5 >= reading.move.read[0], row + 0.5 > reading.move.read[1]
            label["x"] = column + (1 - _INSET if right else _INSET)
            label["y"] = row + (1 - _INSET if below else _INSET)
            label |= {"xanchor": "right" if right else "left", "yanchor": "bottom" if below else "top"}
            label["font"] = {"color": ink(weight), "size": 12}
        labels.append(label)
    return labels


# --- Colours and numbers of weights ---


def shade(weights: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Return places on the colour scale, 0 to 1: square roots, so that small weights of kernels show."""
    return np.sqrt(np.clip(weights, 0, 1))


def colour(weight: float) -> str:
    """Return the colour of a weight."""
    return _colours()[round(255 * float(shade(np.array(weight))))]


def ink(weight: float) -> str:
    """Return black or white, whichever is legible on a weight's colour."""
    return "#000000" if shade(np.array(weight)) > _BLACK_READS_FROM else "#FFFFFF"


def written(weight: float) -> str:
    """Return a weight with two decimals, without the zero before the point."""
    text = f"{weight:.2f}"
    return text[1:] if text.startswith("0.") else text


@functools.cache
def _colours() -> tuple[str, ...]:
    return tuple(map(str, sample_colorscale(get_colorscale(SCALE), list(np.linspace(0, 1, 256)))))


# --- Arrows ---


_Coordinates = Sequence[float | None] | np.ndarray


@dataclass(frozen=True, slots=True)
class ArrowStyle:
    """The style of one kind of arrows; kinds differ in thickness, so that colour is not needed."""

    colour: str
    halo: str
    width: float


# Okabe-Ito colours, light on dark or dark on light: legible on any background.
OTHERS = ArrowStyle("#56B4E9", "#000000", 1.5)
GROUP = ArrowStyle("#F0E442", "#000000", 2.5)
CHOSEN = ArrowStyle("#D55E00", "#FFFFFF", 4)


def arrow_traces(arrows: Sequence[Arrows], chosen: Reading) -> list[Part]:
    """Return arrows as traces: other groups first, then the group's other points, the chosen one on top.

    Args:
        arrows: Arrows of a cell's points by group; none for kernels.
        chosen: The reading of the chosen point.
    """
    if not arrows:
        return []
    own = chosen.group
    others = [group for index, group in enumerate(arrows) if index != own]
    here = (arrows[own].pixels == chosen.at).all(axis=1)
    kinds = [
        ("Other groups", OTHERS, others),
        (f"Group {own + 1}, other points", GROUP, [_only(arrows[own], ~here)]),
        ("Chosen point", CHOSEN, [_only(arrows[own], here)]),
    ]
    return [trace for name, style, arrows in kinds for trace in _kind(name, style, arrows)]


def _only(arrows: Arrows, chosen: Bool[np.ndarray, " n"]) -> Arrows:
    return Arrows(arrows.starts[chosen], arrows.ends[chosen], arrows.pixels[chosen])


def _kind(name: str, style: ArrowStyle, arrows: Sequence[Arrows]) -> list[Part]:
    if not arrows:
        return []
    starts = np.concatenate([group.starts for group in arrows]).astype(float)
    ends = np.concatenate([group.ends for group in arrows]).astype(float)
    gap = np.full_like(starts, np.nan)
    x, y = np.stack([starts, ends, gap], axis=1).reshape(-1, 2).T
    moved = np.hypot(*(ends - starts).T) > _STILL
    symbols = [symbol for moves in moved for symbol in ("circle", "arrow" if moves else "circle", "circle")]
    sizes = np.tile([2 * style.width + 2, 3 * style.width + 7, 0], len(starts))
    halo = line(x, y, style.halo, style.width + 3)
    marker = {"symbol": symbols, "size": sizes, "angleref": "previous", "color": style.colour, "opacity": 1}
    core: Part = {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines+markers",
        "name": name,
        "line": {"color": style.colour, "width": style.width},
        "marker": marker | {"line": {"color": style.halo, "width": 1.5}},
        "hovertemplate": f"{name}<br>x %{{x:.3f}}, y %{{y:.3f}}<extra></extra>",
    }
    return [halo, core]


def line(x: _Coordinates, y: _Coordinates, colour: str, width: float, *, dash: str = "solid") -> Part:
    """Return a broken line without hover."""
    stroke = {"color": colour, "width": width, "dash": dash}
    drawn: Part = {"type": "scatter", "x": x, "y": y, "mode": "lines", "line": stroke}
    return drawn | {"hoverinfo": "skip", "showlegend": False}


# --- Footprints ---


@dataclass(frozen=True, slots=True)
class Pane:
    """One upsampler's reading of the pixel.

    Attributes:
        label: Display name.
        status: Whether the upsampler is trained, in few words.
        start: Description of its initial weights, if it is untrained.
        reading: The pixels and weights that it reads.
    """

    label: str
    status: str
    start: str
    reading: Reading


def footprints(panes: Sequence[Pane], window: CellWindow, *, cell: tuple[int, int]) -> go.Figure:
    """Draw the windows in rows of three, the weights as colours and numbers.

    A single image holds all windows: the browser draws it in a fraction of the time of as many charts. Its
    height is fixed, so that titles fit at any width; cells are square at one width only.

    Args:
        panes: The upsamplers, at least one.
        window: The cells to show of each.
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
    # From dictionaries, in one call: Plotly validates every trace and update added later once more.
    height = _LEGEND_PX + _ROW_PX * math.ceil(len(panes) / _COLUMNS)
    layout = plain(height) | {
        "xaxis": {"range": [-0.1, right + 0.1], "visible": False},
        "yaxis": {"range": [bottom + 0.1, -_above(window)], "visible": False},
        "margin": {"l": 0, "r": 0, "t": 0, "b": _LEGEND_PX, "autoexpand": False},
    }
    return go.Figure(traces, layout)


def _corner(index: int, window: CellWindow) -> tuple[int, int]:
    """Return the left upper corner of a pane's window, (x, y) in cells of the whole image."""
    row, column = divmod(index, _COLUMNS)
    wide = window.columns + math.ceil(_GAP * window.columns)
    return column * wide, row * (window.rows + _above(window))


def _above(window: CellWindow) -> int:
    """Return the rows of the image that a title takes."""
    return math.ceil(_TITLE * window.rows)


def weights_in(reading: Reading, window: CellWindow) -> Float[np.ndarray, "r c"]:
    """Return the weights of a reading by cell of a window; zero where nothing is read."""
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
    """Return the weights that two decimals distinguish from zero, clear of the dot."""
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
    """Return the vertical position of numbers in their cells, from above."""
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
    """Return dots where the map is read, for upsamplers that read it at a point."""
    places = [
        (left + pane.reading.move.read[0] - window.column, top + pane.reading.move.read[1] - window.row)
        for pane, (left, top) in zip(panes, corners, strict=True)
        if pane.reading.move is not None
    ]
    marker = {"symbol": "circle", "size": 8, "color": "#D55E00", "line": {"color": "#FFFFFF", "width": 2}}
    x, y = zip(*places, strict=True) if places else ((), ())
    return {"type": "scatter", "x": x, "y": y, "mode": "markers", "marker": marker, "hoverinfo": "skip"}


def _titles(panes: Sequence[Pane], corners: Sequence[tuple[int, int]]) -> Part:
    """Return the titles as a trace: the browser draws it ten times as fast as annotations."""
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
