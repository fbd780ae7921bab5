"""A figure of a page: chart, caption, text alternative, and downloads for print."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from jaxtyping import Shaped
from streamlit.components.v2 import component

from app.components.assets import read_joined

__all__ = ["figure_block"]

_CONFIG = {
    "displaylogo": False,
    # Zoom, pan and reset remain. Pictures are saved below the chart, without the theme's colours.
    "modeBarButtonsToRemove": ["toImage", "zoomIn2d", "zoomOut2d", "autoScale2d"],
}
_WEBGL = {
    "cone",
    "isosurface",
    "mesh3d",
    "parcoords",
    "scatter3d",
    "scattergl",
    "scatterpolargl",
    "splom",
    "streamtube",
    "surface",
    "volume",
}

# Streamlit's greys are too faint for small print: in the light theme the contrast of axes and titles is 3.7
# to 1 and that of captions 4.3, where accessibility requires 4.5.
_LEGIBLE = """<style>
.{block} .stPlotlyChart text[style*="fill: rgb(128, 132, 149)"] {{ fill: currentcolor !important; }}
.{block} [data-testid=stCaptionContainer] {{ opacity: 0.8; }}
</style>"""


_FOLDER = Path(__file__).parent
_COMPONENT = component(
    "figure_saving",
    html=read_joined(_FOLDER, "saving.html"),
    css=read_joined(_FOLDER, "../icons.css", "saving.css"),
    js=read_joined(_FOLDER, "../printing.js", "saving.js", "drawing.js"),
)


def figure_block(
    figure: go.Figure,
    *,
    caption: str,
    alt: str,
    name: str,
    data: Mapping[str, Shaped[np.ndarray, "..."]] | None = None,
    key: str,
) -> None:
    """Draw a figure with its caption, a text alternative and downloads.

    The browser saves pictures at the size of the chart on the page: SVG, and PNG with 300 pixels per inch of
    96 CSS pixels, dark on white in every theme.

    Args:
        figure: A figure of traces that Plotly draws as SVG, perhaps with subplots.
        caption: Markdown below the chart, with units.
        alt: The chart in words, with its numbers, for screen readers.
        name: Short display name, used for the files and the labels of the buttons.
        data: Arrays behind the figure by name, for download as NPZ.
        key: Unique on the page.

    Raises:
        ValueError: If the caption, the text alternative or the name is empty, or a trace is not drawn as SVG.
    """
    _check(figure, {"caption": caption, "alt": alt, "name": name})
    block, stem = f"{key}-figure", _file_stem(name)
    with st.container(key=block, gap="xsmall"):
        st.html(_LEGIBLE.format(block=_css_class(block)))
        st.plotly_chart(figure, width="stretch", theme="streamlit", key=key, config=_CONFIG, alt=alt)
        st.caption(caption)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            words = {"block": _css_class(block), "name": name, "file": stem, "alt": alt}
            rooms = {"domains": _domains(figure)}
            _COMPONENT(key=f"{key}-save", data={**words, **rooms}, width="content")
            if data is not None:
                st.download_button(
                    "Data (NPZ)",
                    lambda: _npz(data),
                    f"{stem}.npz",
                    "application/octet-stream",
                    key=f"{key}-data",
                    on_click="ignore",
                    type="tertiary",
                )


def _domains(figure: go.Figure) -> dict[str, list[float]]:
    """Return the room of the axes that keep an aspect ratio by taking less of it, as shares of the figure."""
    layout = cast(Mapping[str, Any], figure.layout.to_plotly_json())
    return {
        name: list(axis.get("domain", (0, 1)))
        for name, axis in layout.items()
        if re.fullmatch(r"[xy]axis\d*", name) and axis.get("constrain") == "domain"
    }


def _npz(arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> bytes:
    """Return the arrays as a compressed NPZ file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **dict[str, Any](arrays))
    return stream.getvalue()


def _check(figure: go.Figure, words: Mapping[str, str]) -> None:
    for argument, text in words.items():
        if not text.strip():
            raise ValueError(f"{argument} must not be empty")
    for trace in cast(tuple[Any, ...], figure.data):
        if trace.type in _WEBGL:
            raise ValueError(f"traces must be of types that Plotly draws as SVG, got {trace.type!r}")


def _css_class(key: str) -> str:
    """Return the class that Streamlit gives to the container of a key."""
    return "st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", key.strip())


def _file_stem(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-") or "figure"
