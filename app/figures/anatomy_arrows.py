"""From the grid to the sampling points, over the low-res map; and the photograph in the same pixels."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float32, UInt8

from app.figures.anatomy import FEATURES, HEIGHT, MOST_NUMBERS, Shades, axis, haloed_square, line
from app.figures.anatomy_words import number
from app.figures.layout import Part, plain
from app.figures.learn_panes import picture_trace
from app.theme import WRONG
from dysample.analysis.anatomy_trace import Tap
from dysample.analysis.arrows import Arrows, CellWindow

_FEW = 4  # cells across that have room for points and numbers
# Colour and width of the stroke, and the colour of its halo: either reads on any map.
_OTHERS, _FOLLOWED = ("#FFFFFF", 1.6, "#000000"), (WRONG, 3.5, "#FFFFFF")


def arrow_map(
    features: Float32[np.ndarray, "h w"],
    moved: Arrows,
    shades: Shades,
    *,
    window: CellWindow,
    at: tuple[int, int],
    taps: tuple[Tap, ...] = (),
) -> go.Figure:
    """Rings where points start and dots where they sample, joined by a line of true length.

    Args:
        features: One channel of the low-res map.
        moved: The points of the window's cells.
        shades: The channel's colours.
        window: The cells that are shown.
        at: Row and column of the output pixel whose point stands out.
        taps: The pixels that it reads, to be framed; their cells show their values, and in a small
            window all cells do.
    """
    traces = [_cells(features, window, taps)]
    for tap in taps:
        x = tap.column + np.array([0.04, 0.96, 0.96, 0.04, 0.04, 0.96])
        y = tap.row + np.array([0.04, 0.04, 0.96, 0.96, 0.04, 0.04])
        traces += [line(x, y, colour, width) for colour, width in (("#FFFFFF", 5), (WRONG, 3))]
    chosen: Bool[np.ndarray, " n"] = (moved.pixels == np.array(at)).all(axis=1)
    traces += _strokes(moved.starts[~chosen], moved.ends[~chosen], _OTHERS)
    traces += _strokes(moved.starts[chosen], moved.ends[chosen], _FOLLOWED)
    traces.append(_hover(moved))
    colours: Part = {"colorscale": FEATURES, "cmin": shades.low, "cmax": shades.high, "showscale": False}
    return go.Figure(traces, {"coloraxis": colours, **_axes(window)})


def photograph(image: UInt8[np.ndarray, "H W 3"], *, cell: tuple[int, int], columns: int) -> go.Figure:
    """The picture that the network sees, in pixels of its low-res map, with a cell framed.

    Args:
        image: Padded as the network pads it.
        cell: Row and column.
        columns: Of the low-res map.
    """
    pixel = columns / image.shape[1]
    rows = round(image.shape[0] * pixel)
    reach = max(0.5, 0.02 * max(rows, columns))
    frame = haloed_square(cell[1] + 0.5, cell[0] + 0.5, reach)
    window = CellWindow(row=0, column=0, rows=rows, columns=columns)
    return go.Figure([picture_trace(image, pixel=pixel), *frame], _axes(window))


def window_frame(window: CellWindow, *, scale: int) -> list[Part]:
    """The window of an arrow map, dashed, for a map of the output's pixels."""
    x0, y0 = window.column * scale - 0.5, window.row * scale - 0.5
    corners: Part = {"x0": x0, "y0": y0, "x1": x0 + window.columns * scale, "y1": y0 + window.rows * scale}
    lines = ({"color": "#FFFFFF", "width": 4}, {"color": "#000000", "width": 2, "dash": "dot"})
    return [{"type": "rect", "line": each, **corners} for each in lines]


def _cells(features: Float32[np.ndarray, "h w"], window: CellWindow, taps: tuple[Tap, ...]) -> Part:
    rows = range(window.row, window.row + window.rows)
    columns = range(window.column, window.column + window.columns)
    heat: Part = {
        "type": "heatmap",
        "z": features[rows.start : rows.stop, columns.start : columns.stop],
        "x0": columns.start + 0.5,
        "y0": rows.start + 0.5,
        "coloraxis": "coloraxis",
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "feature value %{z:.4f}<extra></extra>",
    }
    if not taps:
        return heat
    read = {(tap.row, tap.column) for tap in taps}
    every = max(window.rows, window.columns) <= _FEW
    text = [
        [number(float(features[row, column])) if every or (row, column) in read else "" for column in columns]
        for row in rows
    ]
    return heat | {"text": text, "texttemplate": "%{text}", "textfont": {"size": 14}}


def _strokes(
    starts: Float32[np.ndarray, "n 2"], ends: Float32[np.ndarray, "n 2"], style: tuple[str, float, str]
) -> list[Part]:
    colour, width, halo = style
    x, y = np.stack([starts, ends, np.full_like(starts, np.nan)], axis=1).reshape(-1, 2).T
    ring: Part = {"size": 2 * width + 4, "color": halo, "line": {"color": colour, "width": 1.5}}
    dot: Part = {"size": 2 * width + 3, "color": colour, "line": {"color": halo, "width": 1.2}}
    return [
        line(x, y, halo, width + 2.5),
        line(x, y, colour, width),
        _points(starts, ring, "initial positions"),
        _points(ends, dot, "sampling points"),
    ]


def _points(places: Float32[np.ndarray, "n 2"], marker: Part, name: str) -> Part:
    x, y = places.T
    trace: Part = {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker}
    return trace | {"name": name, "hoverinfo": "skip"}


def _hover(moved: Arrows) -> Part:
    """Numbers for the pointer, on points that cannot be seen."""
    data = np.concatenate([moved.pixels, moved.ends - moved.starts], axis=1).astype(np.float32)
    text = "output row %{customdata[0]}, column %{customdata[1]}<br>reads (%{x:.2f}, %{y:.2f}), "
    text += "moved by (%{customdata[2]:+.2f}, %{customdata[3]:+.2f}) low-res pixels<extra></extra>"
    unseen = _points(moved.ends, {"size": 12, "opacity": 0}, "offsets")
    return unseen | {"customdata": data, "hovertemplate": text, "hoverinfo": "all"}


def _axes(window: CellWindow) -> Part:
    few = max(window.rows, window.columns) <= MOST_NUMBERS
    left, top = window.column - 0.06, window.row - 0.06
    right, bottom = window.column + window.columns + 0.06, window.row + window.rows + 0.06
    x = axis("x (low-res pixels)", left, right, few=few)
    y = axis("y (low-res pixels)", bottom, top, few=few)
    return {
        "xaxis": x,
        "yaxis": {**y, "scaleanchor": "x", "constraintoward": "top"},
        **plain(HEIGHT, above=6),
    }
