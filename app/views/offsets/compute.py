"""What the Offsets page draws, computed once for all visitors."""

import numpy as np
import streamlit as st
from jaxtyping import Float32, UInt8

from app.settings import Background, Subject
from app.shared import networks
from app.shared.photos import padded
from dysample.explain import features
from dysample.explain.offsets import OffsetField, offset_field
from dysample.explain.statistics import OffsetRow, OffsetStatistics, offset_statistics, offset_table
from dysample.types import SamplingRecord

_DARKEST = 0.25  # grey of the shortest feature vectors, where 1 is white


@st.cache_resource(show_spinner=False, max_entries=16)
def field(subject: Subject, step: str) -> OffsetField:
    """The offsets of a step, of every group."""
    height, width = map_size(subject, step)
    return offset_field(sampling(subject, step), height=height, width=width)


@st.cache_resource(show_spinner=False, max_entries=64)
def statistics(subject: Subject, step: str) -> OffsetStatistics:
    """The offsets of a step in numbers."""
    height, width = map_size(subject, step)
    return offset_statistics(sampling(subject, step), height=height, width=width)


def table(subject: Subject) -> tuple[OffsetRow, ...]:
    """The offsets of all steps in numbers."""
    names = [each.name for each in networks.prediction(subject).steps]
    return offset_table({name: statistics(subject, name) for name in names})


def initial(subject: Subject, step: str) -> Float32[np.ndarray, "H W 2"]:
    """Where the points start, (x, y) in low-res pixels."""
    positions = sampling(subject, step).initial[0, 0].permute(1, 2, 0)
    return np.ascontiguousarray(positions.float().numpy())


def sampling(subject: Subject, step: str) -> SamplingRecord:
    """The record of a step whose operator samples points.

    Raises:
        ValueError: It weighs neighbours instead, or mixes channels.
    """
    record = networks.record(subject, step)
    if not isinstance(record, SamplingRecord):
        raise ValueError(f"{subject.upsampler} has no sampling points")
    return record


def map_size(subject: Subject, step: str) -> tuple[int, int]:
    """Rows and columns of the low-res map of a step."""
    shape = networks.step(subject, step).input.shape
    return shape[2], shape[3]


def channels(subject: Subject, step: str) -> int:
    """Channels of the low-res map of a step."""
    return networks.step(subject, step).input.shape[1]


@st.cache_data(show_spinner=False, max_entries=16)
def background(
    subject: Subject, step: str, kind: Background, channel: int
) -> UInt8[np.ndarray, "h w"] | UInt8[np.ndarray, "h w 3"]:
    """The map, or the photograph in its place, as a picture that covers the map exactly."""
    if kind == "photo":
        return padded(subject)
    x = networks.step(subject, step).input
    if kind == "components":
        shown = features.feature_components(x)
    elif kind == "norm":
        # Most are short: their root tells them apart, and arrows can be seen on the darkest.
        shown = _DARKEST + (1 - _DARKEST) * np.sqrt(features.stretched(features.feature_norm(x)))
    else:
        shown = features.stretched(features.feature_channel(x, channel))
    return np.round(255 * shown).astype(np.uint8)
