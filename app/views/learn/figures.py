"""Figures of the page "Watch it learn": curves over the steps, the four pictures, arrows over the input."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from app.shared.drawing import picture_trace, plain
from app.views.learn.words import pane_titles
from dysample.explain.learn import Snapshot
from dysample.explain.learn_tasks import ProblemPictures
from dysample.explain.offsets import Arrows, CellWindow

HELD_OUT = "#F0E442"  # Okabe-Ito yellow
LEARNED, BILINEAR = "#0072B2", "#D55E00"  # Okabe-Ito blue and vermilion: legible on white and on black
_LEAST = (2.0, 0.1)  # shortest axes: of the PSNR in dB, and of the IoU
_SHOWN, _MARK = "Step shown", "#CC79A7"  # Okabe-Ito reddish purple
# Dark on a light halo, and light on a dark one: legible on any picture, and without colour vision.
_TRAINING, _HELD_OUT = ("#0072B2", "#FFFFFF"), (HELD_OUT, "#000000")
_DOT = 0.12  # distance of a dot from the corner of its square, as a share of the side
_ARROW = "M{:.3f},{:.3f}L{:.3f},{:.3f}M{:.3f},{:.3f}L{:.3f},{:.3f}L{:.3f},{:.3f}"
_HEAD = 0.16  # low-res pixels: length of an arrow's head, less for short arrows


def curves(snapshots: Sequence[Snapshot], *, steps: int, at: int) -> go.Figure:
    """Draw held-out scores and training loss over the steps, each with bilinear's as a dashed line.

    Args:
        snapshots: The snapshots so far, in order; at least one.
        steps: End of the axis, so that it stays put while the lines grow.
        at: Step of the snapshot to mark, which the other figures show.
    """
    panels = _panels(snapshots)
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.26 / len(panels),
        subplot_titles=[panel.title for panel in panels],
    )
    places = [snapshot.step for snapshot in snapshots]
    for row, panel in enumerate(panels, start=1):
        options = {"row": row, "col": 1, "showlegend": row == 1}
        figure.add_scatter(x=places, y=panel.values, name="DySample", line={"color": LEARNED}, **options)
        dashed = {"color": BILINEAR, "dash": "dash"}
        figure.add_scatter(x=[0, steps], y=[panel.bilinear] * 2, name="Bilinear", line=dashed, **options)
        shown = [panel.values[places.index(at)]]
        figure.add_scatter(x=[at], y=shown, name=_SHOWN, marker={"color": _MARK}, **options)
    figure.update_traces(line_width=2.5, marker_size=5, hovertemplate="step %{x}: %{y:.4g}")
    figure.update_traces(mode="lines+markers", selector={"name": "DySample"})
    figure.update_traces(mode="lines", selector={"name": "Bilinear"})
    ring = {"size": 14, "symbol": "circle-open", "line_width": 3}
    figure.update_traces(mode="markers", marker=ring, cliponaxis=False, selector={"name": _SHOWN})
    marked = {"color": _MARK, "width": 1.5, "dash": "dot"}
    figure.add_vline(at, line=marked, row="all", col="all")
    figure.update_xaxes(range=[0, steps])
    figure.update_xaxes(title_text="Step (updates of the weights)", row=len(panels))
    for row, panel in enumerate(panels[:-1], start=1):
        figure.update_yaxes(range=_room(panel, least=_LEAST[row - 1]), row=row)
    loss = _room(panels[-1], least=1.5, log=True)
    decades = 1 if loss[1] - loss[0] < 4 else 2
    figure.update_yaxes(type="log", range=loss, dtick=decades, exponentformat="power", row=len(panels))
    return figure.update_layout(plain(145 * len(panels) + 100, above=70, right=24, legend=True))


def _room(panel: "_Panel", *, least: float, log: bool = False) -> tuple[float, float]:
    """Return a range that holds all values and is no shorter than `least`: noise is not a slope."""
    values = np.array([*panel.values, panel.bilinear])
    values = np.log10(values) if log else values
    low, high = float(values.min()), float(values.max())
    missing = max(0.0, least - (high - low))
    margin = 0.08 * (high - low + missing)
    return low - missing / 2 - margin, high + missing / 2 + margin


@dataclass(frozen=True, slots=True)
class _Panel:
    """A quantity over the steps, and its value for bilinear."""

    title: str
    values: tuple[float, ...]
    bilinear: float


def _panels(snapshots: Sequence[Snapshot]) -> tuple[_Panel, ...]:
    psnr = tuple(snapshot.score.psnr for snapshot in snapshots)
    panels = [_Panel("PSNR on held-out squares (dB)", psnr, snapshots[0].bilinear.psnr)]
    iou = tuple(snapshot.score.iou for snapshot in snapshots if snapshot.score.iou is not None)
    if snapshots[0].bilinear.iou is not None:
        panels.append(_Panel("IoU on held-out squares (0 to 1)", iou, snapshots[0].bilinear.iou))
    loss = tuple(snapshot.loss for snapshot in snapshots)
    panels.append(_Panel("Mean squared error on training squares", loss, snapshots[0].bilinear_loss))
    return tuple(panels)


def panes(pictures: ProblemPictures, snapshot: Snapshot) -> go.Figure:
    """Draw input, bilinear, learned and target, zoomed together, with the squares marked."""
    shown = (pictures.input, pictures.bilinear, snapshot.output, pictures.target)
    titles = pane_titles(pictures, snapshot)
    figure = make_subplots(
        rows=2, cols=2, subplot_titles=titles, horizontal_spacing=0.06, vertical_spacing=0.11
    )
    height, width = pictures.target.shape[:2]
    for index, image in enumerate(shown):
        for trace in (picture_trace(image, pixel=height / image.shape[0]), *_squares(pictures)):
            figure.add_trace(trace, row=index // 2 + 1, col=index % 2 + 1)
    figure.update_xaxes(range=[0, width], matches="x", constrain="domain", showgrid=False)
    figure.update_yaxes(range=[height, 0], matches="y", constrain="domain", showgrid=False)
    figure.update_layout(xaxis_matches=None, yaxis_matches=None)  # the first two need not match themselves
    figure.update_xaxes(showticklabels=False, row=1).update_yaxes(showticklabels=False, col=2)
    figure.update_xaxes(title_text="x (px of the target)", row=2)
    figure.update_yaxes(title_text="y (px)", col=1)
    figure.update_yaxes(constraintoward="top")
    figure.update_yaxes(scaleanchor="x", row=1, col=1)  # the others match this one
    return figure.update_layout(plain(560, above=70, right=24))


def _squares(pictures: ProblemPictures) -> tuple[go.Scatter, ...]:
    """Return the borders of the squares, and a dot in the corner of each held-out one."""
    height, width = pictures.target.shape[:2]
    borders = _borders(height, width, pictures.side)
    lines = (
        go.Scatter(x=borders[:, 0], y=borders[:, 1], mode="lines", line={"color": colour, "width": thick})
        for colour, thick in (("#FFFFFF", 3), ("#000000", 1))
    )
    row, column = np.nonzero(pictures.held_out[:: pictures.side, :: pictures.side])
    x, y = pictures.side * (column + _DOT), pictures.side * (row + _DOT)
    marker = {"color": HELD_OUT, "size": 7, "line": {"color": "#000000", "width": 1.5}}
    dots = go.Scatter(x=x, y=y, mode="markers", marker=marker)
    return tuple(trace.update(hoverinfo="skip") for trace in (*lines, dots))


def _borders(height: int, width: int, side: int) -> Float[np.ndarray, "n 2"]:
    """Return the lines between the squares of a picture as one broken line of (x, y)."""
    upright = [[(x, 0), (x, height), (np.nan, np.nan)] for x in range(side, width, side)]
    level = [[(0, y), (width, y), (np.nan, np.nan)] for y in range(side, height, side)]
    return np.array(upright + level, np.float64).reshape(-1, 2)


def arrow_field(
    pictures: ProblemPictures, arrows: Arrows, *, window: CellWindow | None = None, numbers: bool = True
) -> go.Figure:
    """Draw true-length arrows from initial to sampling positions of one group, over the input.

    Args:
        pictures: Pictures of the problem.
        arrows: Arrows of one group of a snapshot.
        window: The cells to show; by default the whole input. More than a thousand arrows are a texture
            that shows where something happens, but no single arrow.
        numbers: Show numbers under the pointer; slow where the figure is redrawn again and again.
    """
    height, width = pictures.input.shape[:2]
    window = window or CellWindow(row=0, column=0, rows=height, columns=width)
    figure = go.Figure(picture_trace(pictures.input, pixel=1))
    held_out = pictures.held_out[arrows.pixels[:, 0], arrows.pixels[:, 1]]
    strokes = _strokes(arrows)
    for name, mask, colours in (
        ("training squares", ~held_out, _TRAINING),
        ("held-out squares", held_out, _HELD_OUT),
    ):
        if mask.any():
            _add_haloed(figure, strokes[mask], colours, f"Arrow in {name}")
    if numbers:
        _add_hover(figure, arrows)
    x = [window.column - 0.5, window.column + window.columns + 0.5]
    y = [window.row + window.rows + 0.5, window.row - 0.5]
    figure.update_xaxes(range=x, constrain="domain", title_text="x (low-res pixels)", showgrid=False)
    figure.update_yaxes(range=y, scaleanchor="x", title_text="y (low-res pixels)", showgrid=False)
    figure.update_yaxes(constrain="domain", constraintoward="top")
    figure.update_layout(plain(390, above=34, right=10, legend=True))
    return figure.update_layout(legend={"itemclick": False, "itemdoubleclick": False})


def _strokes(arrows: Arrows) -> Float[np.ndarray, "n 5 2"]:
    """Return each arrow as two lines: start to end, and one side of the head over the end to the other."""
    move = (arrows.ends - arrows.starts).astype(np.float64)
    length = np.hypot(move[:, :1], move[:, 1:])
    along = np.divide(move, length, out=np.zeros_like(move), where=length > 0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    size = np.minimum(_HEAD, length / 2)
    left, right = (arrows.ends - size * (along + side * 0.6 * across) for side in (1, -1))
    return np.stack([arrows.starts, arrows.ends, left, arrows.ends, right], axis=1)


def _add_haloed(
    figure: go.Figure, strokes: Float[np.ndarray, "n 5 2"], colours: tuple[str, str], name: str
) -> None:
    """Add lines in the first colour on a halo of the second, and a swatch of both for the legend."""
    # One path for all: lines of a trace take the browser five times as long.
    path = "".join(_ARROW.format(*stroke) for stroke in strokes.reshape(-1, 10).tolist())
    for colour, thick in zip(reversed(colours), (5, 2), strict=True):
        figure.add_shape(type="path", path=path, line={"color": colour, "width": thick}, name=name)
    swatch = {"color": colours[0], "size": 10, "symbol": "square", "line": {"color": colours[1], "width": 2}}
    figure.add_scatter(x=[None], y=[None], mode="markers", marker=swatch, name=name, hoverinfo="skip")


def _add_hover(figure: go.Figure, arrows: Arrows) -> None:
    """Add invisible points that carry the numbers for the pointer."""
    text = "output row %{customdata[0]}, column %{customdata[1]}<br>moved by (%{customdata[2]:+.3f}, "
    text += "%{customdata[3]:+.3f}) low-res pixels<extra></extra>"
    data = np.concatenate([arrows.pixels, arrows.ends - arrows.starts], axis=1)
    figure.add_scatter(
        x=arrows.ends[:, 0],
        y=arrows.ends[:, 1],
        customdata=data.astype(np.float32),
        mode="markers",
        marker={"size": 10, "opacity": 0},
        hovertemplate=text,
        showlegend=False,
        name="offsets",
    )
