"""Figures of the page "Scope and overlap": initial grids, reaches, dynamic scopes and boundary disorder.

Figures follow a slider, so they are built from dictionaries in one call: that takes a tenth of the time of
changing a figure step by step.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float32, Float64, Shaped, UInt8

from app.shared.drawing import Part, picture_trace, plain
from app.theme import WRONG
from dysample.explain.overlap import Overlap, Reaches
from dysample.explain.scope import ScopeMap

# Okabe-Ito; neighbouring points always differ.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
LINE = "#7F7F7F"  # reads on white and on black
_MIDDLE, _AROUND = 0.38, 0.1  # opacity of the reaches of the middle cell, and of the cells around it
_LINES = (
    ("of the plane is in more than one reach", COLOURS[0], "solid", "overlapped"),
    ("of a reach is in other reaches too", COLOURS[1], "dash", "shared"),
)
View = tuple[int, int, int, int]  # left, right, top and bottom of the part of a map that is shown first
_VIEW = (-1.04, 2.04)  # low-res pixels: the middle cell and one to each side
_PANE = 250  # CSS pixels: the usual side of a pane
_ABOVE, _BETWEEN, _BELOW = 84, 84, 60
_WIDTH = 330  # CSS pixels: the usual width of a map
_ABOVE_MAP, _BELOW_MAP = 104, 64  # CSS pixels: room for title and colour bar, and for the axis
_GREYS = ((0, "#010101"), (1, "#FEFEFE"))
# Blue to vermilion through transparent, so that "no difference" is the page's own background.
_DIFFERENCE = ((0, "rgb(0, 114, 178)"), (0.5, "rgba(127, 127, 127, 0)"), (1, "rgb(213, 94, 0)"))


def initial_grid(start: Reaches, pixels: Reaches) -> go.Figure:
    """Draw where the points of a cell start, linked to the output pixels that they belong to.

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
    """Draw the reach of every point of the middle cell and of the cells around it as translucent squares."""
    middle, colours = _middle(reaches), _colours(reaches)
    squares = [
        _square(reaches.rectangles[index], str(colours[index]), middle=bool(middle[index]))
        for index in np.argsort(middle, kind="stable")
    ]
    traces = [_around(reaches, size=5), _points(reaches, size=10)]
    return go.Figure({"data": traces, "layout": _framed([*squares, *_cells()])})


def _middle(reaches: Reaches) -> Bool[np.ndarray, " n"]:
    return (reaches.cells == 0).all(axis=1)


def _colours(reaches: Reaches) -> Shaped[np.ndarray, " n"]:
    """Return one colour for each point, by the parity of its output pixel's row and column."""
    scale = int(reaches.places.max()) + 1
    row, column = ((reaches.cells * scale + reaches.places) % 2).T
    return np.array(COLOURS)[2 * row + column]


def _scatter(places: Float64[np.ndarray, "n 2"], **parts: object) -> Part:
    return {"type": "scatter", "x": places[:, 0], "y": places[:, 1], "hoverinfo": "skip"} | parts


def _around(reaches: Reaches, *, size: int) -> Part:
    """Return the points of the cells around the middle one."""
    marker = {"size": size, "color": LINE, "opacity": 0.7}
    return _scatter(reaches.centres[~_middle(reaches)], mode="markers", marker=marker, name="neighbours")


def _points(reaches: Reaches, *, size: int) -> Part:
    """Return the points of the middle cell, with their positions and reaches as hover text."""
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
    """Return the borders of the nine cells, thicker around the middle one."""
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


def overlap_curves(curve: Sequence[tuple[float, Overlap]], scope: float, now: Overlap) -> go.Figure:
    """Draw overlap against scope, and mark the chosen scope and the largest without overlap."""
    traces: list[Part] = []
    scopes = [x for x, _ in curve]
    for name, colour, dash, field in _LINES:
        line = {"color": colour, "width": 3, "dash": dash}
        values = [_percent(getattr(y, field)) for _, y in curve]
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


def photo(image: UInt8[np.ndarray, "h w 3"], *, cells: int) -> go.Figure:
    """Draw the padded photograph over the low-res pixels of a map that is `cells` wide."""
    height, width = image.shape[:2]
    side = cells / width
    title = {"text": "Photograph", "x": 0.5, "y": 1, "xref": "paper", "yref": "paper", "yanchor": "bottom"}
    layout = _over_cells(width=cells, height=height * side)
    layout |= {"annotations": [title | {"showarrow": False}]}
    return go.Figure({"data": [picture_trace(image, pixel=side)], "layout": layout})


def scope_image(scopes: ScopeMap, *, cells: int) -> go.Figure:
    """Draw the scope of every output point over the low-res pixels of a map that is `cells` wide."""
    rows, columns = scopes.values.shape
    side = cells / columns
    ends = [0, scopes.limit / 2, scopes.limit]
    bar = _colour_bar("Scope (low-res pixels)") | {"tickvals": ends, "ticktext": [f"{end:g}" for end in ends]}
    hover = "x %{x:.4g}, y %{y:.4g}: scope %{z:.4f}<extra></extra>"
    trace: Part = {
        "type": "heatmap",
        "z": scopes.values,
        "zmin": 0,
        "zmax": scopes.limit,
        "hovertemplate": hover,
    }
    trace |= {"colorscale": "Cividis", "colorbar": bar} | _pixels(side)
    return go.Figure({"data": [trace], "layout": _over_cells(width=cells, height=rows * side)})


def _over_cells(*, width: float, height: float) -> Part:
    """Return axes in low-res pixels that keep pixels square, with room above for a colour bar or a title."""
    shared: Part = {"constrain": "domain", "showgrid": False, "zeroline": False, "nticks": 6}
    down: Part = {"range": [height, 0], "scaleanchor": "x", "constraintoward": "top"}
    return _beside_maps(width=width, height=height) | {
        "xaxis": shared | {"title": {"text": "x, y (low-res pixels)"}, "range": [0, width]},
        "yaxis": shared | down,
    }


def _beside_maps(*, width: float, height: float) -> Part:
    """Return height and margins of a figure whose axes begin and end where those of a map do."""
    pane = int(np.clip(_WIDTH * height / width, 0.5 * _WIDTH, 1.3 * _WIDTH))
    return plain(pane + _ABOVE_MAP + _BELOW_MAP, above=_ABOVE_MAP, below=_BELOW_MAP)


def scope_histogram(scopes: ScopeMap) -> go.Figure:
    """Draw the histogram of the scopes, with the static factor and the mean marked."""
    edges, counts = scopes.histogram.edges, scopes.histogram.counts
    shares = 100 * counts / max(1, int(counts.sum()))
    bars: Part = {"type": "bar", "x": (edges[:-1] + edges[1:]) / 2, "y": shares, "width": np.diff(edges)}
    bars |= {"marker": {"color": COLOURS[0]}, "customdata": np.stack([edges[:-1], edges[1:]], axis=1)}
    bars |= {"hovertemplate": "%{customdata[0]:.3f} to %{customdata[1]:.3f}: %{y:.3g} %<extra></extra>"}
    top = 1.25 * float(shares.max())
    marks = (
        ("static factor", scopes.limit / 2, top, LINE),
        ("mean", scopes.mean, 0.91 * top, WRONG),
    )
    lines = [
        {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": height}
        | {"line": {"color": colour, "width": 3, "dash": "dot"}}
        for _, place, height, colour in marks
    ]
    words = [
        _beside(f"{name} {place:.3g}", place, height, left=place > 0.6 * scopes.limit)
        for name, place, height, _ in marks
    ]
    rows, columns = scopes.values.shape
    layout = _beside_maps(width=columns, height=rows) | {
        "xaxis": {"title": {"text": "Scope (low-res pixels)"}, "range": [0, scopes.limit], "showgrid": False},
        "yaxis": {"title": {"text": "Share of all scopes (%)"}, "range": [0, top], "nticks": 6},
        "shapes": lines,
        "annotations": words,
    }
    return go.Figure({"data": [bars], "layout": layout})


def _beside(text: str, x: float, y: float, *, left: bool) -> Part:
    place: Part = {"x": x, "y": y, "yanchor": "top", "xanchor": "right" if left else "left"}
    return place | {"text": text, "showarrow": False, "xshift": -5 if left else 5}


def before(
    low_res: Float32[np.ndarray, "h w"],
    bilinear: Float32[np.ndarray, "H W"],
    extent: tuple[float, float],
    *,
    view: View | None = None,
) -> go.Figure:
    """Draw the map enlarged bilinearly, above the map itself.

    Args:
        low_res: The map.
        bilinear: The map enlarged.
        extent: Values at the ends of the grey scale.
        view: The part to show; by default the whole map.
    """
    side = bilinear.shape[0] / low_res.shape[0]
    upper = _map(bilinear, extent, _GREYS, side=1.0)
    lower = _map(low_res, extent, _GREYS, side=side)
    return _panes(bilinear.shape, [(upper, "Before: bilinear"), (lower, "The low-res map")], [], view)


def after(
    output: Float32[np.ndarray, "H W"],
    bilinear: Float32[np.ndarray, "H W"],
    extent: tuple[float, float],
    *,
    marks: Float32[np.ndarray, "n 2"] | None,
    view: View | None = None,
) -> go.Figure:
    """Draw the map read at moved points, above its difference from the bilinear one.

    Args:
        output: The map read at moved points.
        bilinear: The map enlarged without offsets.
        extent: Values at the ends of the grey scale; a quarter of their distance is the full colour of the
            difference.
        marks: Broken line to draw over the map, as `borders` returns it; None for none.
        view: The part to show; by default the whole map.
    """
    most = (extent[1] - extent[0]) / 4
    upper = _map(output, extent, _GREYS, side=1.0)
    lower = _map(output - bilinear, (-most, most), _DIFFERENCE, side=1.0)
    line: Part = {
        "type": "scatter",
        "mode": "lines",
        "line": {"color": WRONG, "width": 2},
        "hoverinfo": "skip",
    }
    over = [] if marks is None else [line | {"x": marks[:, 0], "y": marks[:, 1], "name": "swapped pairs"}]
    return _panes(output.shape, [(upper, "After"), (lower, "Difference: after − before")], over, view)


def borders(
    horizontal: Bool[np.ndarray, "H W1"], vertical: Bool[np.ndarray, "H1 W"]
) -> Float32[np.ndarray, "n 2"]:
    """Return the borders between the output pixels of the given pairs as one broken line of (x, y).

    Args:
        horizontal: Pairs side by side.
        vertical: Pairs one above the other.
    """
    row, column = np.nonzero(horizontal)
    upright = np.stack([np.stack([column + 1, row], 1), np.stack([column + 1, row + 1], 1)], 1)
    row, column = np.nonzero(vertical)
    level = np.stack([np.stack([column, row + 1], 1), np.stack([column + 1, row + 1], 1)], 1)
    ends = np.concatenate([upright, level]).astype(np.float32)
    gaps = np.full((len(ends), 1, 2), np.nan, np.float32)
    return np.concatenate([ends, gaps], axis=1).reshape(-1, 2)


def _panes(
    shape: tuple[int, ...], maps: list[tuple[Part, str]], over: list[Part], view: View | None
) -> go.Figure:
    """Draw two maps of one extent, zoomed together, one above the other, in the aspect ratio of the output.

    Args:
        shape: Rows and columns of the output.
        maps: The upper and the lower map, with their titles.
        over: Traces to draw over the upper map.
        view: The part to show; None for the whole.
    """
    left, right, top, bottom = view or (0, shape[1], 0, shape[0])
    rows, columns = bottom - top, right - left
    pane = int(np.clip(_PANE * rows / columns, 0.5 * _PANE, 1.5 * _PANE))
    inner = 2 * pane + _BETWEEN
    tops = (1.0, pane / inner)
    frame: Part = {"showline": True, "mirror": True, "linecolor": LINE, "showgrid": False, "zeroline": False}
    frame |= {"constrain": "domain", "nticks": 5}
    x, y = frame | {"range": [left, right]}, frame | {"range": [bottom, top], "constraintoward": "top"}
    layout = plain(_ABOVE + inner + _BELOW, above=_ABOVE, below=_BELOW) | {
        "xaxis": x | {"anchor": "y", "showticklabels": False},
        "xaxis2": x | {"anchor": "y2", "matches": "x", "title": {"text": "x, y (output pixels)"}},
        "yaxis": y | {"domain": [1 - pane / inner, 1], "scaleanchor": "x"},
        "yaxis2": y | {"domain": [0, pane / inner], "anchor": "x2", "matches": "y"},
    }
    places = ({"xaxis": "x", "yaxis": "y"}, {"xaxis": "x2", "yaxis": "y2"})
    drawn = [
        trace | place | {"colorbar": _colour_bar(title) | {"y": top, "nticks": 5, "tickformat": ".3~g"}}
        for (trace, title), place, top in zip(maps, places, tops, strict=True)
    ]
    return go.Figure({"data": [drawn[0], *over, drawn[1]], "layout": layout})


def _map(
    values: Float32[np.ndarray, "h w"],
    extent: tuple[float, float],
    colours: tuple[tuple[float, str], ...],
    *,
    side: float,
) -> Part:
    """Return a map whose pixels are squares of `side` output pixels."""
    hover = "x %{x:.4g}, y %{y:.4g}: %{z:.4g}<extra></extra>"
    trace: Part = {"type": "heatmap", "z": values, "colorscale": colours, "hovertemplate": hover}
    return trace | {"zmin": extent[0], "zmax": extent[1]} | _pixels(side)


def _pixels(side: float) -> Part:
    """Return the placement of pixels as squares of length `side`, from (0, 0) on."""
    return {"x0": side / 2, "y0": side / 2, "dx": side, "dy": side}


def _colour_bar(title: str) -> Part:
    """Return a thin horizontal colour bar above a map, with its title."""
    place: Part = {"orientation": "h", "x": 0.5, "y": 1, "yanchor": "bottom", "len": 1, "thickness": 12}
    return place | {"title": {"text": title, "side": "top"}, "outlinewidth": 0, "ypad": 7}
