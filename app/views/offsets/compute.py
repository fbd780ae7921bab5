"""Offset fields, statistics and backgrounds for the page "Offsets", cached for all visitors."""

import numpy as np
from jaxtyping import Float32, UInt8

from app.settings import Background, Subject
from app.shared import networks
from app.shared.cache import cached
from app.shared.photos import padded
from dysample.explain import features
from dysample.explain.offsets import OffsetField, offset_field
from dysample.explain.statistics import OffsetRow, OffsetStatistics, offset_statistics, offset_table
from dysample.types import SamplingRecord

_DARKEST = 0.25  # grey of the shortest feature vectors, where 1 is white


@cached
def field(subject: Subject, step: str) -> OffsetField:
    """Return the offsets of every group of a step."""
    height, width = map_size(subject, step)
    return offset_field(sampling(subject, step), height=height, width=width)


@cached
def statistics(subject: Subject, step: str) -> OffsetStatistics:
    """Return the statistics of the offsets of a step."""
    height, width = map_size(subject, step)
    return offset_statistics(sampling(subject, step), height=height, width=width)


def table(subject: Subject) -> tuple[OffsetRow, ...]:
    """Return the statistics of the offsets of all steps, group by group."""
    names = [step.name for step in networks.steps(subject)]
    return offset_table({name: statistics(subject, name) for name in names})


def initial(subject: Subject, step: str) -> Float32[np.ndarray, "H W 2"]:
    """Return the initial positions (x, y) of the points, in low-res pixels."""
    positions = sampling(subject, step).initial[0, 0].permute(1, 2, 0)
    return np.ascontiguousarray(positions.float().numpy())


@cached
def background(
    subject: Subject, step: str, kind: Background, channel: int
) -> UInt8[np.ndarray, "h w"] | UInt8[np.ndarray, "h w 3"]:
    """Return the low-res map, or the photograph, as a picture that covers the map exactly."""
    if kind == "photo":
        return padded(subject)
    x = networks.step(subject, step).input
    if kind == "components":
        shade = features.feature_components(x)
    elif kind == "norm":
        # Most vectors are short: the root tells them apart, and arrows stay visible on the darkest grey.
        shade = _DARKEST + (1 - _DARKEST) * np.sqrt(features.stretched(features.feature_norm(x)))
    else:
        shade = features.stretched(features.feature_channel(x, channel))
    return np.round(255 * shade).astype(np.uint8)


def sampling(subject: Subject, step: str) -> SamplingRecord:
    """Return the sampling record of a step.

    Raises:
        ValueError: The upsampler does not sample points: it weighs neighbours, or mixes channels.
    """
    record = networks.record(subject, step)
    if not isinstance(record, SamplingRecord):
        raise ValueError(f"{subject.upsampler} has no sampling points")
    return record


def map_size(subject: Subject, step: str) -> tuple[int, int]:
    """Return the number of rows and columns of the low-res map of a step."""
    shape = networks.step(subject, step).input.shape
    return shape[2], shape[3]


def channels(subject: Subject, step: str) -> int:
    """Return the number of channels of the low-res map of a step."""
    return networks.step(subject, step).input.shape[1]
