"""Differences to the reference with intervals over the noise of training, and a map of them by class."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float64, Shaped

from app.shared.drawing import Part, plain
from app.views.evidence.gains import (
    COLOURS,
    FAMILIES,
    SYMBOLS,
    Gain,
    compared,
    number,
    unit,
    value_of,
)
from dysample.ops.registry import Family, operator_spec
from dysample.scores.evidence import Evidence, EvidenceRow, Trained
from dysample.scores.specs import ScoreSpec, score_spec

OURS_BAND = "rgba(127, 127, 127, 0.28)"
LINE = "#7F7F7F"  # reads on white and on black
_ROW, _AROUND = 34, 130  # CSS pixels of a row, and of what is around the axes


def forest(
    found: Sequence[Gain], spec: ScoreSpec, reference: str, *, noise: float | None, paper_noise: float | None
) -> go.Figure:
    """Draw one row for every upsampler that has a difference, in the order given.

    Args:
        found: The gains.
        spec: Of the score.
        reference: Name for people of what the differences are to.
        noise: Half the width of the band that our runs differ by; None if that is not known.
        paper_noise: What the authors say that their runs differ by; None if they say nothing of this score.
    """
    rows = compared(found)
    limits = _range(rows, noise, paper_noise)
    shapes: list[Part] = [_zero()]
    if noise is not None:
        shapes.append(band(noise, "x"))
    if paper_noise is not None:
        shapes += [_authors(sign * paper_noise) for sign in (-1, 1)]
    across = {
        "title": {"text": f"{unit(spec)}, difference from {reference}, {spec.better} is better"},
        "zeroline": False,
        "range": limits,
    }
    up = {
        "categoryarray": [each.label for each in rows],
        "categoryorder": "array",
        "autorange": "reversed",
        "automargin": True,
        "showgrid": False,
    }
    layout = plain(_AROUND + _ROW * len(rows), above=70, legend=True) | {
        "xaxis": across,
        "yaxis": up,
        "shapes": shapes,
        "annotations": [_beyond(each, limits, spec) for each in outside(rows, noise, paper_noise)],
    }
    return go.Figure({"data": _families(rows, spec, limits), "layout": layout})


def forest_data(found: Sequence[Gain]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return the numbers behind the figure."""
    rows = compared(found)
    return {
        "upsampler": np.array([each.upsampler for each in rows]),
        "difference": np.array([each.value for each in rows], np.float64),
        "low": np.array([each.low for each in rows], np.float64),
        "high": np.array([each.high for each in rows], np.float64),
        "seeds": np.array([each.seeds for each in rows]),
    }


def families_of(found: Iterable[Gain]) -> tuple[Family, ...]:
    """Return the families that occur, in the order of `FAMILIES`."""
    there = {each.family for each in found}
    return tuple(each for each in FAMILIES if each in there)


def band(noise: float, axis: str) -> Part:
    """Return a band over the values that are nearer to zero than the noise."""
    across = "y" if axis == "x" else "x"
    place: Part = {f"{axis}0": -noise, f"{axis}1": noise, f"{across}0": 0, f"{across}1": 1}
    kind: Part = {"type": "rect", f"{across}ref": "paper", "fillcolor": OURS_BAND, "line": {"width": 0}}
    return kind | place | {"layer": "below"}


def marker(kind: Family, *, size: int = 12) -> Part:
    """Return the mark of a family: its colour and shape."""
    return {"color": COLOURS[kind], "symbol": SYMBOLS[kind], "size": size}


def _families(rows: Sequence[Gain], spec: ScoreSpec, limits: tuple[float, float]) -> list[Part]:
    return [
        _trace([each for each in rows if each.family == kind], kind, spec, limits)
        for kind in families_of(rows)
    ]


def _trace(rows: Sequence[Gain], kind: Family, spec: ScoreSpec, limits: tuple[float, float]) -> Part:
    values = np.array([each.value for each in rows], np.float64)
    words = [
        f"{each.label}: {number(each.value, spec, sign=True)} "
        f"[{number(each.low, spec, sign=True)}, {number(each.high, spec, sign=True)}]"
        f"<br>{each.seeds} seed{'s' if each.seeds > 1 else ''}"
        for each in rows
    ]
    return {
        "type": "scatter",
        "x": values,
        "y": [each.label for each in rows],
        "mode": "markers",
        "name": FAMILIES[kind],
        "marker": marker(kind),
        "error_x": interval_bars(rows, _inside(values, limits)) | {"thickness": 2.5, "width": 5},
        "text": words,
        "hovertemplate": "%{text}<extra></extra>",
    }


def interval_bars(rows: Sequence[Gain], shown: Bool[np.ndarray, " n"]) -> Part:
    """Return the intervals around the values; none where a number at the end of the axis replaces a value."""
    low, values, high = np.array([(each.low, each.value, each.high) for each in rows], np.float64).T
    return {
        "type": "data",
        "symmetric": False,
        # A mean over seeds may lie outside of an interval of resamples, if only just.
        "array": np.where(shown, np.maximum(high - values, 0), 0),
        "arrayminus": np.where(shown, np.maximum(values - low, 0), 0),
    }


def outside(found: Sequence[Gain], noise: float | None, paper_noise: float | None) -> tuple[Gain, ...]:
    """Return the gains beyond the axis, which would leave the others no room."""
    rows = compared(found)
    inside = _inside(np.array([each.value for each in rows], np.float64), _range(rows, noise, paper_noise))
    return tuple(each for each, seen in zip(rows, inside, strict=True) if not seen)


def _inside(values: Float64[np.ndarray, " n"], limits: tuple[float, float]) -> Bool[np.ndarray, " n"]:
    return (values >= limits[0]) & (values <= limits[1])


def _range(rows: Sequence[Gain], noise: float | None, paper_noise: float | None) -> tuple[float, float]:
    """Return the range from the least end to the greatest within reach, with all bands and zero in view."""
    ends = [end for each in rows for end in (each.low, each.high, each.value) if end is not None]
    far = reach(ends)
    places = [0.0, *(min(max(end, -far), far) for end in ends)]
    for half in (noise, paper_noise):
        places += [-half, half] if half else []
    margin = 0.06 * (max(places) - min(places)) or 1.0
    return min(places) - margin, max(places) + margin


def _beyond(row: Gain, limits: tuple[float, float], spec: ScoreSpec) -> Part:
    """Return the number of a row beyond the axis, at the end where the mark would be."""
    left = (row.value or 0) < limits[0]
    words = number(row.value, spec, sign=True)
    return {
        "x": limits[0] if left else limits[1],
        "y": row.label,
        "text": f"← {words}" if left else f"{words} →",
        "xanchor": "left" if left else "right",
        "showarrow": False,
        "font": {"color": COLOURS[row.family], "size": 13},
    }


def _zero() -> Part:
    return _upright(0, {"color": LINE, "width": 2})


def _authors(place: float) -> Part:
    return _upright(place, {"color": LINE, "width": 1.5, "dash": "dot"})


def _upright(place: float, line: Part) -> Part:
    return {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "yref": "paper", "line": line}


# --- Gains by class ---


# The app's diverging colours, from blue to orange over a pale middle: safe for colour-blind readers.
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
    """Return those of all rows trained one way; None if there are no classes, or nothing to compare."""
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
    """Draw the map: blue where the reference is better, orange where the upsampler is."""
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
    """Return the difference that has the strongest colour; larger ones have the same colour."""
    columns = np.nanmax(np.abs(found.values), axis=0)
    return float(np.median(columns))  # robust: an upsampler that fails everywhere does not set the scale


def extremes(found: ClassGains) -> Sequence[tuple[str, str, float, str, float]]:
    """Return for each upsampler its name and its greatest and least difference with their classes."""
    told: list[tuple[str, str, float, str, float]] = []
    for label, column in zip(found.labels, found.values.T, strict=True):
        high, low = int(np.nanargmax(column)), int(np.nanargmin(column))
        told.append((label, found.classes[high], float(column[high]), found.classes[low], float(column[low])))
    return told


def _values(row: EvidenceRow, score: str) -> Float64[np.ndarray, " classes"]:
    return np.array([np.nan if value is None else value for value in value_of(row, score).per_class])


# --- Reach of a scale ---


_TYPICAL = 4  # times the median distance from zero
_FAR = 2  # times that, and a value is far out


def reach(values: Iterable[float]) -> float:
    """Return the greatest distance from zero, or a lesser one that leaves out outliers; 0 without values."""
    distances = np.abs(np.array([value for value in values if np.isfinite(value)]))
    if not distances.size:
        return 0.0
    typical, most = _TYPICAL * float(np.median(distances)), float(distances.max())
    return typical if 0 < typical < most / _FAR else most
