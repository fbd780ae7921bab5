"""What the figures of questions have in common: large type, and no colour of their own for text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32, Shaped

from app.figures.layout import plain

HEIGHT = 420  # CSS pixels: with the question above it, all stands on a screen of 720
INK = "#1B2330"  # on labels, which bring their own light ground
_GROUND = "rgba(255, 255, 255, 0.88)"
LINE = "#7F7F7F"  # reads on white and on black


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with its words.

    Attributes:
        figure: For the theme to colour.
        caption: With units, Markdown.
        alt: The figure in words.
        data: The arrays behind it.
    """

    figure: go.Figure
    caption: str
    alt: str
    data: Mapping[str, Shaped[np.ndarray, "..."]] = field(default_factory=dict[str, np.ndarray])


def heat(values: Float32[np.ndarray, "h w"], *, pixel: float = 1.0) -> go.Heatmap:
    """A map of values in [0, 1] whose pixels are squares of side `pixel`, from (0, 0) on."""
    return go.Heatmap(
        z=values,
        x0=pixel / 2,
        dx=pixel,
        y0=pixel / 2,
        dy=pixel,
        zmin=0,
        zmax=1,
        colorscale="Cividis",
        showscale=False,
        hovertemplate="%{z:.3f}<extra></extra>",
    )


def label(x: float, y: float, text: str, *, size: int = 17) -> dict[str, object]:
    """Words at a place of the figure, legible on any ground."""
    font = {"color": INK, "size": size}
    return {
        "x": x,
        "y": y,
        "text": text,
        "showarrow": False,
        "bgcolor": _GROUND,
        "borderpad": 3,
        "font": font,
    }


def spatial(figure: go.Figure, *, width: float, height: float) -> go.Figure:
    """One map with axes in low-res pixels, y downwards, and square pixels."""
    shared: dict[str, Any] = {
        "showgrid": False,
        "zeroline": False,
        "constrain": "domain",
        "tickfont_size": 15,
        "title_font_size": 16,
    }
    figure.update_xaxes(range=[0, width], title_text="x (low-res pixels)", **shared)
    figure.update_yaxes(range=[height, 0], title_text="y (low-res pixels)", scaleanchor="x", **shared)
    figure.update_yaxes(constraintoward="top")
    return figure.update_layout(plain(HEIGHT))


def bare(figure: go.Figure, *, side: float) -> go.Figure:
    """Many maps without axes, y downwards, and square pixels."""
    hidden: dict[str, Any] = {"visible": False, "constrain": "domain"}
    figure.update_xaxes(range=[0, side], **hidden)
    figure.update_yaxes(range=[side, 0], constraintoward="top", **hidden)
    for number, axis in enumerate(figure.select_yaxes(), start=1):
        axis.scaleanchor = "x" if number == 1 else f"x{number}"
    figure.update_annotations(font_size=16)
    return figure
