"""A page with two picture viewers, for the tests: procedural label maps over a photograph."""

import functools
import io

import numpy as np
import streamlit as st
from jaxtyping import UInt8
from PIL import Image
from skimage import data

from app.components.viewer.viewer import View, compare_viewer
from app.records import Layer, LegendEntry

WIDTH, HEIGHT = 480, 320
LEGEND = (
    LegendEntry("background", "#000000"),
    LegendEntry("disc", "#e69f00"),
    LegendEntry("fence", "#56b4e9"),
    LegendEntry("ground", "#009e73"),
)


def photograph() -> UInt8[np.ndarray, "320 480 3"]:
    return data.astronaut()[:HEIGHT, 16 : 16 + WIDTH]


def labels(cell: int) -> UInt8[np.ndarray, "320 480"]:
    """A disc, a fence and the ground, as if predicted on cells of `cell` pixels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] // cell * cell + cell // 2
    classes = np.where(y > 240, 3, 0)
    classes[(x % 48 < 12) & (y > 190)] = 2
    classes[np.hypot(x - 230, y - 110) < 80] = 1
    return classes.astype(np.uint8)


def png(picture: UInt8[np.ndarray, "..."]) -> bytes:
    image = Image.fromarray(picture)
    if picture.ndim == 2:
        image.putpalette([channel for entry in LEGEND for channel in bytes.fromhex(entry.colour[1:])])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@functools.cache
def layer(title: str, cell: int) -> Layer:
    note = f"{4.2 * cell:.1f} ms, cells of {cell} pixels"
    return Layer(title, note, png(labels(cell)), f"Label map of the {title} upsampler")


@functools.cache
def photograph_png() -> bytes:
    return png(photograph())


def main() -> None:
    st.set_page_config(page_title="viewer", layout="wide")
    mode = "slider" if st.query_params.get("mode") == "slider" else "panes"
    passed = View.from_query(st.query_params.get("view", ""))
    if st.button("Go to the corner"):
        passed = View(x=0.25, y=0.25, zoom=4)
    st.button("Run again")
    layers = [layer("nearest", 8), layer("bilinear", 4), layer("DySample+", 1)]
    if st.checkbox("One more layer"):
        layers.append(layer("SAPA", 2))
    photo = photograph_png()
    view = compare_viewer(
        photo, layers, mode=mode, size=(WIDTH, HEIGHT), view=passed, legend=LEGEND, key="main"
    )
    st.query_params["view"] = view.to_query()
    st.text(f"main {view.to_query()}")
    strip = compare_viewer(
        photo, layers[:2], mode="panes", size=(WIDTH, HEIGHT), view=View(zoom=6), legend=LEGEND, key="strip"
    )
    st.text(f"strip {strip.to_query()}")


if __name__ == "__main__":
    main()
