"""What lies beneath a window of the low-res map: the map, or the picture."""

import numpy as np
import streamlit as st
from jaxtyping import Float32, UInt8

from app.compute.explore import step
from app.compute.offsets import background
from app.settings import Subject
from dysample.analysis.arrows import CellWindow
from dysample.analysis.features import feature_channel, feature_norm


@st.cache_data(show_spinner=False, max_entries=16)
def norms(subject: Subject, name: str) -> Float32[np.ndarray, "h w"]:
    """Euclidean length of the feature vectors of a step's low-res map."""
    return feature_norm(step(subject, name).input)


def values(
    subject: Subject, name: str, channel: int | None, window: CellWindow
) -> Float32[np.ndarray, "r c"]:
    """A channel of a step's low-res map; None is the Euclidean length of its feature vectors."""
    here = step(subject, name).input
    whole = norms(subject, name) if channel is None else feature_channel(here, channel)
    return whole[window.row : window.row + window.rows, window.column : window.column + window.columns]


def photo(subject: Subject, name: str, window: CellWindow) -> UInt8[np.ndarray, "h w 3"]:
    """The part of the picture, as the network sees it, that the window covers."""
    image = background(subject, name, "photo", 0)
    stride = image.shape[1] // step(subject, name).input.shape[3]
    rows = slice(stride * window.row, stride * (window.row + window.rows))
    return image[rows, stride * window.column : stride * (window.column + window.columns)]
