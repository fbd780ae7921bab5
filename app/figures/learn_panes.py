"""Learning as pictures: what goes in, what bilinear and DySample make of it, and what it should be."""

import base64

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8
from plotly.subplots import make_subplots

from app.figures.layers import photo_png
from app.figures.layout import plain
from app.figures.learn_words import pane_titles
from dysample.analysis.learn import Snapshot
from dysample.analysis.learn_pictures import ProblemPictures

HELD_OUT = "#F0E442"  # Okabe-Ito yellow
_DOT = 0.12  # of a square's side: how far its dot is from its corner


def panes(pictures: ProblemPictures, snapshot: Snapshot) -> go.Figure:
    """Input, bilinear, learned and target, zoomed together, with the squares drawn in."""
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
    """The squares' borders, and a dot in the corner of those that are held out."""
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
    """The lines between the squares of a picture, as broken lines of (x, y)."""
    upright = [[(x, 0), (x, height), (np.nan, np.nan)] for x in range(side, width, side)]
    level = [[(0, y), (width, y), (np.nan, np.nan)] for y in range(side, height, side)]
    return np.array(upright + level, np.float64).reshape(-1, 2)


def picture_trace(image: UInt8[np.ndarray, "h w 3"], *, pixel: float) -> go.Image:
    """A picture whose pixels are squares of side `pixel`, from (0, 0) on."""
    source = "data:image/png;base64," + base64.b64encode(photo_png(image)).decode()
    return go.Image(source=source, x0=pixel / 2, y0=pixel / 2, dx=pixel, dy=pixel, hoverinfo="skip")
