"""Score against latency, with multiply-accumulates as the size of bubbles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Shaped

from app.shared.drawing import Part, plain
from app.views.evidence.gains import (
    COLOURS,
    FAMILIES,
    VERDICTS,
    Gain,
    Pair,
    PaperScore,
    number,
    paper_scores,
    unit,
)
from app.views.evidence.scatter import label_positions
from app.views.evidence.tables import Columns
from dysample.ops.registry import OPERATORS, Family
from dysample.scores.paper import paper_table
from dysample.scores.specs import ScoreSpec

_MOST, _LEAST = 56, 9  # diameters in CSS pixels
_SPECK = 1e-6  # of the largest: Plotly draws no bubble of size 0
_TICKS = (0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100)


@dataclass(frozen=True, slots=True)
class Bubble:
    """The bubble of an upsampler.

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
    """Draw bubbles, the smaller ones on top.

    Args:
        found: At least one.
        score: Name of the score with its unit.
        upside_down: Whether less of the score is better, so that the better ones are on top all the same.
    """
    places = [(log10(each.latency), -each.score if upside_down else each.score) for each in found]
    names = [each.label for each in found]
    positions = dict(zip(names, label_positions(places, names), strict=True))
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
    """Return the numbers behind the figure."""
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


# --- Ours and the paper's ---


_ALL_FOUR = "dysample (all four)"


def side_by_side(ours: Sequence[Gain], paper: Sequence[PaperScore], found: Sequence[Pair]) -> Columns:
    """Return every upsampler that we or the paper have measured, in the paper's order."""
    own, printed = {each.upsampler: each for each in ours}, {each.upsampler: each for each in paper}
    verdicts = {each.ours.upsampler: VERDICTS[each.verdict] for each in found}
    names = [name for name in OPERATORS if name in own or name in printed]
    rows = [(own.get(name), printed.get(name)) for name in names]
    return {
        "Upsampler": [OPERATORS[name].label for name in names],
        "Both": [verdicts.get(name, "–") for name in names],
        "Paper": [theirs.value if theirs else None for _, theirs in rows],
        "Paper, gain": [theirs.gain if theirs else None for _, theirs in rows],
        "Ours": [mine.mean if mine else None for mine, _ in rows],
        "Ours, gain": [mine.value if mine else None for mine, _ in rows],
        "from": [mine.low if mine else None for mine, _ in rows],
        "to": [mine.high if mine else None for mine, _ in rows],
        "Seeds": [mine.seeds if mine else None for mine, _ in rows],
        "Source": [theirs.source if theirs else "–" for _, theirs in rows],
    }


def side_formats(spec: ScoreSpec) -> Mapping[str, str]:
    """Return the formats of its numbers by column."""
    plain, signed = f"%.{spec.digits}f", f"%+.{spec.digits}f"
    gains: tuple[str, ...] = ("Paper, gain", "Ours, gain", "from", "to")
    return {"Paper": plain, "Ours": plain} | dict.fromkeys(gains, signed)


def paper_bubbles(measured: Mapping[str, tuple[float, str]] | None) -> tuple[Bubble, ...]:
    """Return score and operations of Table 4, with latencies measured here or printed in the paper.

    Args:
        measured: Times bilinear's latency and its source, by upsampler; None for the paper's own.
    """
    clock, table = printed_latencies() if measured is None else measured, paper_table("table4")
    spread = printed_spread() if measured is None else 0.0
    operations = dict(zip(table.column("upsampler"), table.column("gflops"), strict=True))
    found: list[Bubble] = []
    for each in paper_scores("segmentation", "miou"):
        if each.upsampler not in clock:
            continue
        latency, latency_source = clock[each.upsampler]
        cell = operations[each.upsampler]
        spec = OPERATORS[each.upsampler]
        words = (
            f"{spec.label}<br>mIoU {each.value:.2f} % ({each.source})"
            f"<br>{cell} G{' added' if cell.startswith('+') else ', whole network'} ({each.source})"
            f"<br>{latency:.2f} × bilinear ({latency_source})"
        )
        # The network with bilinear interpolation is what the others add to.
        macs = float(cell) if cell.startswith("+") else 0.0
        own = spread if spec.family == "points" else 0.0
        found.append(Bubble(spec.label, spec.family, each.value, latency, macs, words, own))
    return tuple(found)


def our_bubbles(
    ours: Sequence[Gain],
    clock: Mapping[str, tuple[float, str]],
    macs: Mapping[str, float],
    spec: ScoreSpec,
    where: str,
) -> tuple[Bubble, ...]:
    """Return our scores, with latencies and multiply-accumulates in G of the task's own network."""
    return tuple(
        Bubble(
            each.label,
            each.family,
            each.mean,
            clock[each.upsampler][0],
            macs[each.upsampler],
            f"{each.label}<br>{unit(spec)} {number(each.mean, spec)} ({where}, {each.seeds} "
            f"seed{'s' if each.seeds > 1 else ''})<br>{macs[each.upsampler]:.3f} G (counted)"
            f"<br>{clock[each.upsampler][0]:.2f} × bilinear ({clock[each.upsampler][1]})",
        )
        for each in ours
        if each.upsampler in clock and each.upsampler in macs
    )


def printed_latencies() -> Mapping[str, tuple[float, str]]:
    """Return the latencies in the paper's text over bilinear's: for DySample's four the middle of a range."""
    found = {"bilinear": (1.0, _printed("bilinear"))}
    low, high = _ratios(_ALL_FOUR)
    return found | dict.fromkeys(_all_four(), ((low + high) / 2, _printed(_ALL_FOUR)))


def printed_spread() -> float:
    """Return half the range that the paper's text states for the four, over bilinear's latency."""
    low, high = _ratios(_ALL_FOUR)
    return (high - low) / 2


def printed_ranges() -> Mapping[str, tuple[float, float]]:
    """Times bilinear's latency, from and to, of those that the paper's text gives a number for."""
    return {"bilinear": _ratios("bilinear"), **dict.fromkeys(_all_four(), _ratios(_ALL_FOUR))}


def _all_four() -> tuple[str, ...]:
    return tuple(name for name, spec in OPERATORS.items() if spec.in_paper and spec.family == "points")


def _ratios(name: str) -> tuple[float, float]:
    table = paper_table("figure8")
    base = float(table.where("upsampler", "bilinear").column("latency_ms_low")[0])
    row = table.where("upsampler", name)
    return float(row.column("latency_ms_low")[0]) / base, float(row.column("latency_ms_high")[0]) / base


def _printed(name: str) -> str:
    row = paper_table("figure8").where("upsampler", name)
    ends = dict.fromkeys((row.column("latency_ms_low")[0], row.column("latency_ms_high")[0]))
    return f"Sec. 3.4: {' to '.join(ends)} ms, {row.column('device')[0]}"
