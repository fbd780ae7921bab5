"""Boundary disorder as figures (Figure 4): a map before, after, and the difference."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float32

from app.figures.layout import Part, plain
from app.figures.scope import LINE
from app.figures.scope_map import colour_bar
from app.theme import WRONG

_PANE = 250  # pixels: the usual side of a pane
_ABOVE, _BETWEEN, _BELOW = 84, 84, 60
_GREYS = ((0, "#010101"), (1, "#FEFEFE"))
# Blue to orange through nothing, so that "no difference" is the page's own background.
_DIFFERENCE = ((0, "rgb(0, 114, 178)"), (0.5, "rgba(127, 127, 127, 0)"), (1, "rgb(213, 94, 0)"))


def before(
    low_res: Float32[np.ndarray, "h w"], bilinear: Float32[np.ndarray, "H W"], extent: tuple[float, float]
) -> go.Figure:
    """The map enlarged bilinearly, above the map itself.

    Args:
        low_res: The map.
        bilinear: The map enlarged.
        extent: Values at the ends of the greys.
    """
    side = bilinear.shape[0] / low_res.shape[0]
    upper = _map(bilinear, extent, _GREYS, side=1.0)
    lower = _map(low_res, extent, _GREYS, side=side)
    return _panes(bilinear.shape, [(upper, "Before: bilinear"), (lower, "The low-res map")], [])


def after(
    output: Float32[np.ndarray, "H W"],
    bilinear: Float32[np.ndarray, "H W"],
    extent: tuple[float, float],
    *,
    marks: Float32[np.ndarray, "n 2"] | None,
) -> go.Figure:
    """The map read at moved points, above its difference from the bilinear one.

    Args:
        output: The map read at moved points.
        bilinear: The map enlarged without offsets.
        extent: Values at the ends of the greys; a quarter as much difference has the full colour.
        marks: Broken line to draw over the map, see `borders`.
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
    return _panes(output.shape, [(upper, "After"), (lower, "Difference: after − before")], over)


def borders(
    horizontal: Bool[np.ndarray, "H W1"], vertical: Bool[np.ndarray, "H1 W"]
) -> Float32[np.ndarray, "n 2"]:
    """The borders between the output pixels of chosen pairs, as one broken line of (x, y).

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


def _panes(shape: tuple[int, ...], maps: list[tuple[Part, str]], over: list[Part]) -> go.Figure:
    """Two maps of one extent, zoomed together, one above the other; as tall as their shape wants.

    Args:
        shape: Rows and columns of the output.
        maps: The upper and the lower one, with their titles.
        over: What to draw over the upper one.
    """
    rows, columns = shape
    pane = int(np.clip(_PANE * rows / columns, 0.5 * _PANE, 1.5 * _PANE))
    inner = 2 * pane + _BETWEEN
    tops = (1.0, pane / inner)
    frame: Part = {"showline": True, "mirror": True, "linecolor": LINE, "showgrid": False, "zeroline": False}
    frame |= {"constrain": "domain", "nticks": 5}
    x, y = frame | {"range": [0, columns]}, frame | {"range": [rows, 0], "constraintoward": "top"}
    layout = plain(_ABOVE + inner + _BELOW, above=_ABOVE, below=_BELOW) | {
        "xaxis": x | {"anchor": "y", "showticklabels": False},
        "xaxis2": x | {"anchor": "y2", "matches": "x", "title": {"text": "x, y (output pixels)"}},
        "yaxis": y | {"domain": [1 - pane / inner, 1], "scaleanchor": "x"},
        "yaxis2": y | {"domain": [0, pane / inner], "anchor": "x2", "matches": "y"},
    }
    places = ({"xaxis": "x", "yaxis": "y"}, {"xaxis": "x2", "yaxis": "y2"})
    drawn = [
        trace | place | {"colorbar": colour_bar(title) | {"y": top, "nticks": 5, "tickformat": ".3~g"}}
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
    """A map whose pixels have a side of so many output pixels."""
    place: Part = {
        "x0": side / 2,
        "y0": side / 2,
        "dx": side,
        "dy": side,
        "zmin": extent[0],
        "zmax": extent[1],
    }
    hover = "x %{x:.4g}, y %{y:.4g}: %{z:.4g}<extra></extra>"
    return place | {"type": "heatmap", "z": values, "colorscale": colours, "hovertemplate": hover}
