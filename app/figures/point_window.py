"""Figure 7, live: the cell's points over its surroundings, and what the chosen one is read from."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32, UInt8

from app.figures.layout import Part, plain
from app.figures.learn_panes import picture_trace
from app.figures.point_arrows import CHOSEN, arrow_traces, line
from app.figures.point_weights import colour, ink
from app.theme import CHANGED, IGNORED
from dysample.analysis.arrows import Arrows, CellWindow
from dysample.analysis.one_point import OnePoint

_DARK, _LIGHT = 26, 230  # grey levels, neither black nor white: halos must show
_ASIDE_PX = 17


@dataclass(frozen=True, slots=True)
class Scene:
    """What the figure shows.

    Attributes:
        window: The cells.
        cell: Row and column of the chosen one.
        beneath: A value for each cell of the window, or the photograph there.
        quantity: What that value is; for hover and caption.
        arrows: Those of the cell's points, by group; none for kernels.
        point: The chosen output pixel.
    """

    window: CellWindow
    cell: tuple[int, int]
    beneath: Float32[np.ndarray, "r c"] | UInt8[np.ndarray, "h w 3"]
    quantity: str
    arrows: tuple[Arrows, ...]
    point: OnePoint


def window_figure(scene: Scene) -> go.Figure:
    """Draw the window in low-res pixels, x to the right and y downwards."""
    traces = [_beneath(scene), *_grid(scene.window), *_outline(scene.cell), *_spokes(scene)]
    # From dictionaries, in one call: every trace and every update of a figure is checked again.
    return go.Figure([*traces, *arrow_traces(scene.arrows, scene.point.reading)], _layout(scene))


def _layout(scene: Scene) -> Part:
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


def _beneath(scene: Scene) -> Part | go.Image:
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


def _spokes(scene: Scene) -> list[Part]:
    """From where the map is read to the pixels that are read; kernels have no such place."""
    move = scene.point.reading.move
    if move is None:
        return []
    x: list[float | None] = []
    y: list[float | None] = []
    for row, column in zip(scene.point.reading.rows, scene.point.reading.columns, strict=True):
        x += [move.read[0], column + 0.5, None]
        y += [move.read[1], row + 0.5, None]
    return [line(x, y, CHOSEN.halo, 4), line(x, y, CHOSEN.colour, 1.5, dash="dot")]


def _labels(scene: Scene) -> list[dict[str, object]]:
    """The weights at their pixels; for points moved aside, so that the arrow's head can be seen."""
    found = scene.point.reading
    several = len(found.weights) > 4
    labels: list[dict[str, object]] = []
    for row, column, weight in zip(found.rows, found.columns, found.weights, strict=True):
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
        if found.move is not None:
            label["xshift"] = _ASIDE_PX if column + 0.5 >= found.move.read[0] else -_ASIDE_PX
            label["yshift"] = _ASIDE_PX if row + 0.5 <= found.move.read[1] else -_ASIDE_PX
        labels.append(label)
    return labels
