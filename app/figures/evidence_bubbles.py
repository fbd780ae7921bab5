"""Score against latency, multiply-accumulates as the size of a bubble: the paper's Figure 1, from data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Shaped

from app.figures.evidence_gains import COLOURS, FAMILIES, Family
from app.figures.evidence_labels import label_positions
from app.figures.layout import Part, plain

_MOST, _LEAST = 56, 9  # diameters in CSS pixels
_SPECK = 1e-6  # of the largest: Plotly draws no bubble of size 0
_TICKS = (0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20)


@dataclass(frozen=True, slots=True)
class Bubble:
    """One upsampler.

    Attributes:
        label: Name for people.
        family: What kind of upsampler it is.
        score: As printed.
        latency: Times that of bilinear interpolation.
        macs: What the upsampler multiplies, in G.
        words: The numbers with their sources, for the pointer.
        spread: Half the range of the latency; 0 for a single number.
    """

    label: str
    family: Family
    score: float
    latency: float
    macs: float
    words: str
    spread: float = 0.0


def bubbles(found: Sequence[Bubble], score: str, *, upside_down: bool) -> go.Figure:
    """Draw them, the smaller ones on top.

    Args:
        found: At least one.
        score: Name of the score with its unit.
        upside_down: Whether less of the score is better, so that the better ones are on top all the same.
    """
    places = [(log10(each.latency), -each.score if upside_down else each.score) for each in found]
    positions = dict(zip([each.label for each in found], label_positions(places), strict=True))
    most = max((each.macs for each in found), default=0) or 1.0
    kinds: list[Family] = [kind for kind in FAMILIES if any(each.family == kind for each in found)]
    ends = [log10(end) for each in found for end in (each.latency - each.spread, each.latency + each.spread)]
    free = 0.22 * (max(ends) - min(ends)) or 0.3
    layout = plain(470, above=70, legend=True) | {
        "xaxis": {
            "type": "log",
            "title": {"text": "Latency (× bilinear, logarithmic)"},
            "range": [min(ends) - free, max(ends) + free],
            "tickvals": _TICKS,
            "ticktext": [f"{tick:g}" for tick in _TICKS],
        },
        "yaxis": {
            "title": {"text": score},
            "range": _range([each.score for each in found], upside_down=upside_down),
            "zeroline": False,
            "automargin": True,
        },
    }
    traces = [_family(found, kind, most, positions) for kind in kinds]
    return go.Figure({"data": traces, "layout": layout}).update_layout(legend_itemsizing="constant")


def bubbles_data(found: Sequence[Bubble]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """The numbers behind it."""
    return {
        "upsampler": np.array([each.label for each in found]),
        "score": np.array([each.score for each in found]),
        "latency_ratio": np.array([each.latency for each in found]),
        "gmacs": np.array([each.macs for each in found]),
    }


def _family(found: Sequence[Bubble], kind: Family, most: float, positions: Mapping[str, str]) -> Part:
    chosen = sorted((each for each in found if each.family == kind), key=lambda each: -each.macs)
    mark = {
        "color": COLOURS[kind],
        "opacity": 0.7,
        "size": [max(each.macs, _SPECK * most) for each in chosen],
        "sizemode": "area",
        "sizeref": 2 * most / _MOST**2,
        "sizemin": _LEAST / 2,
        "line": {"color": COLOURS[kind], "width": 2},
    }
    spread = {"type": "data", "array": [each.spread for each in chosen], "thickness": 1.5, "width": 4}
    return {
        "type": "scatter",
        "x": [each.latency for each in chosen],
        "y": [each.score for each in chosen],
        "mode": "markers+text",
        "name": FAMILIES[kind],
        "marker": mark,
        "error_x": spread if any(each.spread for each in chosen) else {"visible": False},
        "text": [each.label for each in chosen],
        "textposition": [positions[each.label] for each in chosen],
        "textfont": {"size": 12},
        "hovertext": [each.words for each in chosen],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "cliponaxis": False,
    }


def _range(scores: Sequence[float], *, upside_down: bool) -> tuple[float, float]:
    free = 0.14 * (max(scores) - min(scores)) or 1.0
    low, high = min(scores) - free, max(scores) + free
    return (high, low) if upside_down else (low, high)
