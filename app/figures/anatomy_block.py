"""A figure of the Anatomy page with its words, and what the words of all of them share."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32, Shaped

from app.figures.anatomy import MOST_NUMBERS, Shades
from app.figures.anatomy_words import number
from dysample.analysis.anatomy import Anatomy, StageName
from dysample.analysis.anatomy_trace import Trace
from dysample.analysis.offsets import as_array

LOW, OUT = "low-res pixels", "output pixels"


@dataclass(frozen=True, slots=True)
class Block:
    """A figure and what stands with it.

    Attributes:
        figure: The chart.
        name: Short, for downloads and screen readers.
        caption: Below it, with units.
        alt: The chart in words, with its numbers.
        data: The arrays behind it.
    """

    figure: go.Figure
    name: str
    caption: str
    alt: str
    data: Mapping[str, Shaped[np.ndarray, "..."]]


def feature_map(anatomy: Anatomy, name: StageName, followed: Trace) -> Float32[np.ndarray, "p q"]:
    """The followed channel of a map of features."""
    return as_array(anatomy.stage(name).values[0, followed.channel])


def feature_shades(anatomy: Anatomy, followed: Trace) -> Shades:
    """Those of the low-res channel, which no output exceeds."""
    return Shades.of_features(feature_map(anatomy, "input", followed))


def is_small(values: Float32[np.ndarray, "p q"]) -> bool:
    """Whether there is room for a number in every cell."""
    return max(values.shape) <= MOST_NUMBERS


def of_group(anatomy: Anatomy, followed: Trace) -> str:
    """Which group it is, where there are several."""
    groups = anatomy.op.groups
    return f" of group {followed.group + 1} of {groups}" if groups > 1 else ""


def count(maps: Float32[np.ndarray, "n p q"]) -> str:
    """How many maps, of what size."""
    many, rows, columns = maps.shape
    return f"{many} map{'s' if many > 1 else ''} of {rows} by {columns} values"


def spread(values: Float32[np.ndarray, "..."]) -> str:
    """From the smallest value to the largest."""
    return f"{number(float(values.min()))} to {number(float(values.max()))}".replace("-", "−")
