"""Where sampling points start and how far they may go (Figure 3), as figures over cells.

Figures are written down as dictionaries and made at once, which takes a tenth of the time of changing them
step by step: they follow a slider.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float64, Shaped

from app.figures.layout import Part, plain
from app.theme import WRONG
from dysample.analysis.overlap import Overlap, Reaches

# Okabe-Ito; points beside or below each other always differ.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
LINE = "#7F7F7F"  # reads on white and on black
_MIDDLE, _AROUND = 0.38, 0.1  # opacity of a reach: of the middle cell, and of those around it
_LINES = (
    ("of the plane is in more than one reach", COLOURS[0], "solid", "overlapped"),
    ("of a reach is in other reaches too", COLOURS[1], "dash", "shared"),
)
_VIEW = (-1.04, 2.04)  # the middle cell and one to each side


def initial_grid(start: Reaches, pixels: Reaches) -> go.Figure:
    """Where the points of a cell start, and which output pixels they are for.

    Args:
        start: The points.
        pixels: The points of the bilinear grid, which are the output pixels' centres.
    """
    middle = _middle(start)
    links = np.full((int(middle.sum()), 3, 2), np.nan)
    links[:, 0], links[:, 1] = pixels.centres[middle], start.centres[middle]
    line = {"color": LINE, "width": 2, "dash": "dot"}
    hollow = {"symbol": "square-open", "size": 15, "line": {"width": 2}, "color": _colours(pixels)[middle]}
    traces = [
        _around(start, size=7),
        _scatter(links.reshape(-1, 2), mode="lines", line=line, name="links"),
        _scatter(pixels.centres[middle], mode="markers", marker=hollow, name="output pixels"),
        _points(start, size=13),
    ]
    return go.Figure({"data": traces, "layout": _framed(_cells())})


def reach_squares(reaches: Reaches) -> go.Figure:
    """The reach of every point of the middle cell and of the cells around it, as translucent squares."""
    middle, colours = _middle(reaches), _colours(reaches)
    squares = [
        _square(reaches.rectangles[index], str(colours[index]), middle=bool(middle[index]))
        for index in np.argsort(middle, kind="stable")
    ]
    traces = [_around(reaches, size=5), _points(reaches, size=10)]
    return go.Figure({"data": traces, "layout": _framed([*squares, *_cells()])})


def overlap_curves(curve: Sequence[tuple[float, Overlap]], scope: float, now: Overlap) -> go.Figure:
    """Overlap against scope, with the largest scope without overlap and the present one marked."""
    traces: list[Part] = []
    scopes = [each for each, _ in curve]
    for name, colour, dash, field in _LINES:
        line = {"color": colour, "width": 3, "dash": dash}
        values = [_percent(getattr(each, field)) for _, each in curve]
        drawn: Part = {"x": scopes, "y": values, "mode": "lines", "name": name, "line": line}
        here: Part = {"color": colour, "size": 13, "line": {"color": LINE, "width": 2}}
        place: Part = {"x": [scope], "y": [_percent(getattr(now, field))], "mode": "markers", "marker": here}
        traces.append(drawn | {"hovertemplate": "scope %{x:.4g}: %{y:.4g} %<extra></extra>"})
        traces.append(place | {"name": "now", "showlegend": False, "hoverinfo": "skip"})
    marks = [
        _mark(scope, {"color": LINE, "width": 2}),
        _mark(now.marginal, {"color": WRONG, "width": 2, "dash": "dot"}),
    ]
    text = {"x": now.marginal, "y": 108, "text": f"margin {now.marginal:.4g}", "xanchor": "left"}
    across = {"title": {"text": "Scope (low-res pixels)"}, "range": [-0.02, 1.02]}
    up = {"title": {"text": "Overlap (% of area)"}, "range": [-4, 116], "tickvals": [0, 25, 50, 75, 100]}
    layout = plain(330, above=60, legend=True) | {
        "xaxis": across | {"showgrid": False, "zeroline": False},
        "yaxis": up,
        "shapes": marks,
        "annotations": [text | {"xshift": -4, "showarrow": False}],
    }
    return go.Figure({"data": traces, "layout": layout})


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _mark(place: float, line: Mapping[str, object]) -> Part:
    return {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 100, "line": line}


def _middle(reaches: Reaches) -> Bool[np.ndarray, " n"]:
    return (reaches.cells == 0).all(axis=1)


def _colours(reaches: Reaches) -> Shaped[np.ndarray, " n"]:
    """One colour for each point, by the parity of its output pixel's row and column."""
    scale = int(reaches.places.max()) + 1
    row, column = ((reaches.cells * scale + reaches.places) % 2).T
    return np.array(COLOURS)[2 * row + column]


def _scatter(places: Float64[np.ndarray, "n 2"], **parts: object) -> Part:
    return {"type": "scatter", "x": places[:, 0], "y": places[:, 1], "hoverinfo": "skip"} | parts


def _around(reaches: Reaches, *, size: int) -> Part:
    """The points of the cells around the middle one."""
    marker = {"size": size, "color": LINE, "opacity": 0.7}
    return _scatter(reaches.centres[~_middle(reaches)], mode="markers", marker=marker, name="neighbours")


def _points(reaches: Reaches, *, size: int) -> Part:
    """The middle cell's points, with their numbers for the pointer."""
    middle = _middle(reaches)
    numbers = np.concatenate([reaches.places[middle], reaches.rectangles[middle]], axis=1)
    hover = "point (%{customdata[0]}, %{customdata[1]}) starts at (%{x:.4g}, %{y:.4g})<br>reach: "
    hover += "x %{customdata[2]:.4g} to %{customdata[4]:.4g}, y %{customdata[3]:.4g} to %{customdata[5]:.4g}"
    marker = {"size": size, "color": _colours(reaches)[middle], "line": {"color": LINE, "width": 1.5}}
    words: Part = {"customdata": numbers, "hoverinfo": None, "hovertemplate": f"{hover}<extra></extra>"}
    return _scatter(reaches.centres[middle], mode="markers", marker=marker, name="points") | words


def _square(rectangle: Float64[np.ndarray, " 4"], colour: str, *, middle: bool) -> Part:
    left, top, right, bottom = (float(value) for value in rectangle)
    fill = f"rgba{(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)), _MIDDLE if middle else _AROUND)}"
    place: Part = {"type": "rect", "x0": left, "y0": top, "x1": right, "y1": bottom, "layer": "below"}
    return place | {"fillcolor": fill, "line": {"color": colour, "width": 2 if middle else 0.5}}


def _cells() -> list[Part]:
    """The borders of the nine cells, the middle one's thicker."""
    ends, low, high = (0, 1), -1, 2
    thin: Part = {"type": "line", "line": {"color": LINE, "width": 1}, "layer": "below"}
    level = [thin | {"x0": low, "x1": high, "y0": end, "y1": end} for end in ends]
    upright = [thin | {"y0": low, "y1": high, "x0": end, "x1": end} for end in ends]
    middle: Part = {"type": "rect", "x0": 0, "x1": 1, "y0": 0, "y1": 1, "line": {"color": LINE, "width": 4}}
    return [*level, *upright, middle]


def _framed(shapes: list[Part]) -> Part:
    shared: Part = {
        "showgrid": False,
        "zeroline": False,
        "constrain": "domain",
        "tickvals": [-1, 0, 0.5, 1, 2],
    }
    return plain(430) | {
        "shapes": shapes,
        "xaxis": shared | {"title": {"text": "x (low-res pixels)"}, "range": _VIEW},
        "yaxis": shared | {"title": {"text": "y (low-res pixels)"}, "range": _VIEW[::-1], "scaleanchor": "x"},
    }
