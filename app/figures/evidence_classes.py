"""What every class gained over the reference, as a map of classes and upsamplers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from app.figures.evidence_gains import value_of
from app.figures.evidence_reach import reach
from app.figures.layout import plain
from dysample.analysis.evidence import Evidence, EvidenceRow, Trained
from dysample.analysis.score_specs import ScoreSpec, score_spec
from dysample.ops.registry import operator_spec

# The app's divergence: from blue to orange over a pale middle, to be told apart without colour vision.
_COLOURS = ("#003f66", "#2a86c0", "#c9e0f0", "#f5f0ea", "#f8e0c4", "#dd8633", "#7d3c00")
_MOST_WRITTEN = 7  # columns in which numbers have room on a telephone


@dataclass(frozen=True, slots=True, eq=False)
class ClassGains:
    """Differences by class, as printed.

    Attributes:
        classes: Names of those that occur.
        labels: Names for people of the upsamplers.
        values: Mean over an upsampler's seeds less the mean over the reference's.
    """

    classes: tuple[str, ...]
    labels: tuple[str, ...]
    values: Float64[np.ndarray, "classes upsamplers"]


def class_gains(evidence: Evidence, score: str, trained: Trained) -> ClassGains | None:
    """Of all rows that were trained one way; None if there are no classes, or nothing to compare."""
    rows = [row for row in evidence.rows if row.trained == trained and value_of(row, score).per_class]
    reference = next((row for row in rows if row.upsampler == evidence.reference), None)
    others = [row for row in rows if row.upsampler != evidence.reference]
    if reference is None or not others:
        return None
    base = _values(reference, score)
    values = np.stack([_values(row, score) - base for row in others], axis=1) * score_spec(score).factor
    there = np.asarray(~np.isnan(values).all(axis=1))
    names = tuple(name for name, occurs in zip(evidence.classes, there.tolist(), strict=True) if occurs)
    return ClassGains(names, tuple(operator_spec(row.upsampler).label for row in others), values[there])


def class_map(found: ClassGains, spec: ScoreSpec) -> go.Figure:
    """Blue where the reference is better, orange where the upsampler is."""
    most = scale_of(found) or 1.0
    few = len(found.labels) <= _MOST_WRITTEN
    sign = 1 if spec.better == "higher" else -1
    trace = {
        "type": "heatmap",
        "x": found.labels,
        "y": found.classes,
        "z": found.values,
        "zmin": -most,
        "zmax": most,
        "colorscale": [
            [index / (len(_COLOURS) - 1), colour] for index, colour in enumerate(_COLOURS[::sign])
        ],
        "xgap": 1,
        "ygap": 1,
        "texttemplate": "%{z:+.1f}" if few else "",
        "textfont": {"size": 11},
        "hovertemplate": f"%{{y}}, %{{x}}: %{{z:+.{spec.digits}f}}<extra></extra>",
        "colorbar": {
            "orientation": "h",
            "y": 1,
            "yanchor": "bottom",
            "ypad": 6,
            "thickness": 12,
            "len": 0.9,
            "nticks": 5,
            "tickformat": "+.1f",
        },
    }
    layout = plain(150 + 26 * len(found.classes), above=60) | {
        "xaxis": {"tickangle": -60, "automargin": True, "showgrid": False},
        "yaxis": {"autorange": "reversed", "automargin": True, "showgrid": False, "dtick": 1},
    }
    return go.Figure({"data": [trace], "layout": layout})


def scale_of(found: ClassGains) -> float:
    """The difference that has the strongest colour; those beyond it have the same."""
    return reach(found.values.ravel().tolist())


def extremes(found: ClassGains) -> Sequence[tuple[str, str, float, str, float]]:
    """Of every upsampler: its name, the class with the greatest difference and that, the least and that."""
    told: list[tuple[str, str, float, str, float]] = []
    for label, column in zip(found.labels, found.values.T, strict=True):
        high, low = int(np.nanargmax(column)), int(np.nanargmin(column))
        told.append((label, found.classes[high], float(column[high]), found.classes[low], float(column[low])))
    return told


def _values(row: EvidenceRow, score: str) -> Float64[np.ndarray, " classes"]:
    return np.array([np.nan if value is None else value for value in value_of(row, score).per_class])
