"""The dynamic scope as figures: the photograph, the scopes over it, and how often each occurs."""

import base64

import numpy as np
import plotly.graph_objects as go
from jaxtyping import UInt8

from app.figures.layers import photo_png
from app.figures.layout import Part, plain
from app.figures.scope import COLOURS, LINE
from app.theme import WRONG
from dysample.analysis.scope_map import ScopeMap

_WIDTH = 330  # pixels that a map usually gets
_ABOVE, _BELOW = 104, 64  # for the title and the colours; for the axis


def photo(image: UInt8[np.ndarray, "h w 3"], *, cells: int) -> go.Figure:
    """The padded photograph over the low-res pixels of a map that is `cells` wide."""
    height, width = image.shape[:2]
    side = cells / width
    source = "data:image/png;base64," + base64.b64encode(photo_png(image)).decode()
    trace = {"type": "image", "source": source, "hoverinfo": "skip"} | _pixels(side)
    title = {"text": "Photograph", "x": 0.5, "y": 1, "xref": "paper", "yref": "paper", "yanchor": "bottom"}
    layout = _over_cells(width=cells, height=height * side)
    return go.Figure({"data": [trace], "layout": layout | {"annotations": [title | {"showarrow": False}]}})


def scope_image(found: ScopeMap, *, cells: int) -> go.Figure:
    """The scope of every output point, over the low-res pixels of a map that is `cells` wide."""
    rows, columns = found.values.shape
    side = cells / columns
    ends = [0, found.limit / 2, found.limit]
    bar = colour_bar("Scope (low-res pixels)") | {"tickvals": ends, "ticktext": [f"{end:g}" for end in ends]}
    hover = "x %{x:.4g}, y %{y:.4g}: scope %{z:.4f}<extra></extra>"
    trace: Part = {
        "type": "heatmap",
        "z": found.values,
        "zmin": 0,
        "zmax": found.limit,
        "hovertemplate": hover,
    }
    trace |= {"colorscale": "Cividis", "colorbar": bar} | _pixels(side)
    return go.Figure({"data": [trace], "layout": _over_cells(width=cells, height=rows * side)})


def scope_histogram(found: ScopeMap) -> go.Figure:
    """How often each scope occurs; the static factor and the mean are marked."""
    edges, counts = found.histogram.edges, found.histogram.counts
    shares = 100 * counts / max(1, int(counts.sum()))
    bars: Part = {"type": "bar", "x": (edges[:-1] + edges[1:]) / 2, "y": shares, "width": np.diff(edges)}
    bars |= {"marker": {"color": COLOURS[0]}, "customdata": np.stack([edges[:-1], edges[1:]], axis=1)}
    bars |= {"hovertemplate": "%{customdata[0]:.3f} to %{customdata[1]:.3f}: %{y:.3g} %<extra></extra>"}
    top = 1.25 * float(shares.max())
    marks = (
        ("static factor", found.limit / 2, top, LINE),
        ("mean", found.mean, 0.91 * top, WRONG),
    )
    lines = [
        {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": height}
        | {"line": {"color": colour, "width": 3, "dash": "dot"}}
        for _, place, height, colour in marks
    ]
    words = [
        _beside(f"{name} {place:.3g}", place, height, left=place > 0.6 * found.limit)
        for name, place, height, _ in marks
    ]
    layout = plain(370) | {
        "xaxis": {"title": {"text": "Scope (low-res pixels)"}, "range": [0, found.limit], "showgrid": False},
        "yaxis": {"title": {"text": "Share of all scopes (%)"}, "range": [0, top], "nticks": 6},
        "shapes": lines,
        "annotations": words,
    }
    return go.Figure({"data": [bars], "layout": layout})


def colour_bar(title: str) -> Part:
    """A thin bar above a map, with its title."""
    place: Part = {"orientation": "h", "x": 0.5, "y": 1, "yanchor": "bottom", "len": 1, "thickness": 12}
    return place | {"title": {"text": title, "side": "top"}, "outlinewidth": 0, "ypad": 7}


def _pixels(side: float) -> Part:
    """Pixels as squares of so long a side, from (0, 0) on."""
    return {"x0": side / 2, "y0": side / 2, "dx": side, "dy": side}


def _beside(text: str, x: float, y: float, *, left: bool) -> Part:
    place: Part = {"x": x, "y": y, "yanchor": "top", "xanchor": "right" if left else "left"}
    return place | {"text": text, "showarrow": False, "xshift": -5 if left else 5}


def _over_cells(*, width: float, height: float) -> Part:
    """Axes in low-res pixels that keep pixels square, with room above for the colours or a title."""
    pane = int(np.clip(_WIDTH * height / width, 0.5 * _WIDTH, 1.3 * _WIDTH))
    shared: Part = {"constrain": "domain", "showgrid": False, "zeroline": False, "nticks": 6}
    down: Part = {"range": [height, 0], "scaleanchor": "x", "constraintoward": "top"}
    return plain(pane + _ABOVE + _BELOW, above=_ABOVE, below=_BELOW) | {
        "xaxis": shared | {"title": {"text": "x, y (low-res pixels)"}, "range": [0, width]},
        "yaxis": shared | down,
    }
