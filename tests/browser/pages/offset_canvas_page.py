"""A page with an offset canvas over a made field, for the tests."""

import functools
import io

import numpy as np
import streamlit as st
from jaxtyping import Float, UInt8
from PIL import Image
from plotly.colors import get_colorscale, sample_colorscale
from skimage import color, data, transform

from app.components.offsets.canvas import ColourScale, OffsetArrows, offset_canvas

MAPS = {"small": (24, 16), "large": (60, 60)}
GREEN = (0, 158, 115)


@functools.cache
def background(width: int, height: int) -> UInt8[np.ndarray, "h w"]:
    """A photograph, no larger than the map."""
    grey = transform.resize(color.rgb2gray(data.astronaut()), (height, width), anti_aliasing=True)
    return np.round(255 * grey).astype(np.uint8)


def positions(width: int, height: int, scale: int) -> Float[np.ndarray, "H W 2"]:
    """Centres of the output's pixels in low-res pixels."""
    y, x = np.mgrid[: height * scale, : width * scale]
    return np.stack([x + 0.5, y + 0.5], axis=-1).astype(np.float32) / scale


def offsets(start: Float[np.ndarray, "H W 2"], turn: float) -> Float[np.ndarray, "H W 2"]:
    """A swirl, stronger in some places than in others."""
    x, y = start[..., 0], start[..., 1]
    angle = turn + 0.5 * np.sin(0.31 * x) + 2 * np.cos(0.17 * y) + 0.2 * (x + y)
    length = 0.55 * np.sin(0.21 * x + 0.4) ** 2 * np.cos(0.16 * y - 0.5) ** 2
    return (length[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)).astype(np.float32)


@functools.cache
def field(size: tuple[int, int], turn: float = 0.0) -> OffsetArrows:
    start = positions(*size, scale=2)
    moved = offsets(start, turn)
    values = np.round(255 * np.linalg.norm(moved, axis=-1) / 0.55)
    return OffsetArrows(start, start + moved, np.minimum(255, values).astype(np.uint8))


@functools.cache
def one_arrow(size: tuple[int, int]) -> OffsetArrows:
    """Every point stays where it is but that of row 5, column 8, which moves 6.25 to the right."""
    start = positions(*size, scale=2)
    end = start.copy()
    end[5, 8, 0] += 6.25
    return OffsetArrows(start, end, np.zeros(start.shape[:2], np.uint8))


def png(picture: UInt8[np.ndarray, "h w"]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


@functools.cache
def scale(single: bool) -> ColourScale:
    if single:
        return ColourScale("Offset", "0", "1", np.tile(np.array(GREEN, np.uint8), (256, 1)))
    shades = sample_colorscale(get_colorscale("Viridis"), list(np.linspace(0, 1, 256)), colortype="tuple")
    colours = np.round(255 * np.array(shades)).astype(np.uint8)
    return ColourScale("Length of the offset in low-res pixels", "0", "0.55", colours)


def main() -> None:
    st.set_page_config(page_title="offsets", layout="wide")
    query = st.query_params
    size = MAPS[st.radio("Map", MAPS, index=list(MAPS).index(query.get("map", "small")), horizontal=True)]
    turn = 1.0 if st.toggle("Other arrows") else 0.0
    across = 8 if st.toggle("Eight cells") else None
    cell = st.session_state.get("cell")
    if st.button("Choose 2, 3"):
        cell = (2, 3)
    cell = cell if cell and all(index < length for index, length in zip(cell, size, strict=True)) else None
    single = "one" in query
    st.session_state["cell"] = chosen = offset_canvas(
        png(np.full(size[::-1], 128, np.uint8) if single else background(*size)),
        one_arrow(size) if single else field(size, turn),
        size=size,
        scale=scale(single),
        label="Feature map of step c4_1 with its offsets",
        key="offsets",
        cell=cell,
        step=int(query.get("step", "1")),
        exaggeration=float(query.get("factor", "1")),
        across=across,
    )
    st.text(f"chosen {chosen}")
    runs = st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.text(f"runs {runs}")


if __name__ == "__main__":
    main()
