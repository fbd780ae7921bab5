"""A page with two figures of subplots, for the tests: bars and lines; a heatmap and a photograph."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots
from skimage import data

from app.components.figure.block import figure_block

OFFSETS = np.linspace(-0.5, 0.5, 41)
COUNTS = np.round(1000 * np.exp(-40 * OFFSETS**2)).astype(np.int64)
FIELD = np.add.outer(np.arange(6.0), np.arange(8.0))


def lines() -> go.Figure:
    """Bars, a line with markers and a marked scope in two subplots."""
    figure = make_subplots(1, 2, subplot_titles=("Group 1", "Group <b>2</b>"), shared_yaxes=True)
    figure.add_trace(go.Bar(x=OFFSETS, y=COUNTS, name="All points", marker_color="#0072B2"), 1, 1)
    figure.add_trace(
        go.Scatter(x=OFFSETS, y=COUNTS, name="Clamped", mode="lines+markers", line_color="#D55E00"), 1, 2
    )
    figure.add_vline(0.25, line_color="#E69F00", line_dash="dash", annotation_text="scope")
    figure.update_xaxes(title_text="Offset (low-res px)")
    figure.update_yaxes(title_text="Points & more", col=1)
    return figure


def maps() -> go.Figure:
    """A heatmap with numbers and a colour bar beside a photograph with marks."""
    figure = make_subplots(1, 2)
    heat = go.Heatmap(z=FIELD, colorscale="Cividis", texttemplate="%{z:.0f}", colorbar_title="Length (px)")
    figure.add_trace(heat, 1, 1)
    figure.add_trace(go.Image(z=data.astronaut()[::4, ::4]), 1, 2)
    figure.add_trace(
        go.Scatter(x=[40, 80], y=[30, 60], mode="markers+text", text=["A", "B"], marker_color="#E69F00"), 1, 2
    )
    figure.update_xaxes(title_text="Column (px)")
    figure.update_yaxes(title_text="Row (px)", col=1)
    return figure


def main() -> None:
    st.set_page_config(page_title="figures", layout="wide")
    figure_block(
        lines(),
        caption="Offsets of one step in low-res pixels, $s = 2$.",
        alt="Histogram of 41 offsets; the tallest bar, 1000 points, stands at 0.",
        name="Offsets of c3_0",
        data={"offsets": OFFSETS, "counts": COUNTS},
        key="lines",
    )
    figure_block(
        maps(), caption="Two maps, in pixels.", alt="Lengths from 0 to 12.", name="Maps", key="maps: odd key"
    )


if __name__ == "__main__":
    main()
