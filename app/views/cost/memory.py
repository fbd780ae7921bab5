"""Memory of a call, multiply-accumulates in both conventions, and shares of a call's time, as figures."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Shaped

from app.shared.drawing import LEGEND, Part, plain
from app.views.cost.rows import label
from dysample.measure.bench import BenchRow
from dysample.measure.profile import PARTS, CallParts
from dysample.measure.profile import Part as CallPart
from dysample.ops.registry import OPERATORS, operator_spec

_PEAK, _KEPT = "#0072B2", "#E69F00"  # Okabe-Ito blue and orange
_TRUE, _PAPER = "#0072B2", "#D55E00"
_LINE = "#7F7F7F"
_GIGA = 10**9
_ROW, _AROUND = 40, 140


def memory(rows: Sequence[BenchRow]) -> go.Figure:
    """Draw the peak beyond the output and the memory kept for backward, in MiB.

    Args:
        rows: At least one with a number.
    """
    layout = _rows(len(rows), {"title": {"text": "Memory (MiB)"}, "rangemode": "tozero"})
    layout |= {"barmode": "group", "bargap": 0.3}
    data = [
        _bars(rows, "peak beyond the output", _PEAK, [row.peak.value for row in rows]),
        _bars(rows, "kept for backward", _KEPT, [row.kept.value for row in rows]),
    ]
    return go.Figure({"data": data, "layout": layout})


def memory_data(rows: Sequence[BenchRow]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return the numbers behind the figure."""
    return {
        "operator": np.array([row.case.operator for row in rows]),
        "layout": np.array([row.case.layout for row in rows]),
        "peak_mib": np.array([row.peak.value for row in rows], np.float64),
        "kept_mib": np.array([row.kept.value for row in rows], np.float64),
        "kept_beyond_inputs_mib": np.array([row.kept_beyond_inputs.value for row in rows], np.float64),
    }


def memory_alt(rows: Sequence[BenchRow]) -> str:
    """Return the bars in words."""
    told = [f"{label(row)} {_mib(row.peak.value)} and {_mib(row.kept.value)}" for row in rows]
    return f"MiB at the peak beyond the output, and kept for backward: {'; '.join(told)}."


def counts(rows: Sequence[BenchRow]) -> go.Figure:
    """Draw true MACs and MACs by the paper's rule, joined by a line, on a logarithmic axis."""
    across: Part = {
        "type": "log",
        "title": {"text": "Multiply-accumulates (G, logarithmic)"},
        "dtick": 1,
        "tickformat": "~g",
    }
    layout = _rows(len(rows), across)
    values = [(row.macs.value, row.macs_paper_rule.value) for row in rows]
    between: Part = {
        "type": "scatter",
        "mode": "lines",
        "x": [place for pair in values for place in (*map(_drawn, pair), None)],
        "y": [name for row in rows for name in (label(row), label(row), None)],
        "line": {"color": _LINE, "width": 2},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    marks = [
        _marks(rows, "true MACs", "circle", _TRUE, [true for true, _ in values], 12),
        _marks(rows, "the paper’s rule", "diamond-open", _PAPER, [paper for _, paper in values], 15),
    ]
    return go.Figure({"data": [between, *marks], "layout": layout})


def counts_data(rows: Sequence[BenchRow]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return the numbers behind the figure."""
    return {
        "operator": np.array([row.case.operator for row in rows]),
        "macs": np.array([row.macs.value for row in rows], np.float64),
        "macs_paper_rule": np.array([row.macs_paper_rule.value for row in rows], np.float64),
        "parameters": np.array([row.parameters.value for row in rows], np.float64),
    }


def counts_alt(rows: Sequence[BenchRow]) -> str:
    """Return the marks in words."""
    told = [f"{label(row)} {_giga(row.macs.value)} and {_giga(row.macs_paper_rule.value)}" for row in rows]
    return f"Multiply-accumulates in G, true and by the paper's rule: {'; '.join(told)}."


def _rows(count: int, across: Part) -> Part:
    up = {"autorange": "reversed", "automargin": True, "showgrid": False, "type": "category"}
    return plain(_AROUND + _ROW * count, above=70, legend=True) | {"xaxis": across, "yaxis": up}


def _bars(rows: Sequence[BenchRow], name: str, colour: str, values: Sequence[float | None]) -> Part:
    return {
        "type": "bar",
        "orientation": "h",
        "y": [label(row) for row in rows],
        "x": values,
        "name": name,
        "marker": {"color": colour},
        "text": ["" if value is None else f" {value:.1f} " for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": f"%{{y}}: {name} %{{x:.1f}} MiB<extra></extra>",
    }


def _marks(
    rows: Sequence[BenchRow],
    name: str,
    symbol: str,
    colour: str,
    values: Sequence[float | None],
    size: int,
) -> Part:
    return {
        "type": "scatter",
        "mode": "markers",
        "y": [label(row) for row in rows],
        "x": list(map(_drawn, values)),
        "name": name,
        "marker": {"symbol": symbol, "color": colour, "size": size, "line": {"width": 2}},
        "cliponaxis": False,
        "hovertemplate": f"%{{y}}: %{{x:.4g}} G, {name}<extra></extra>",
    }


def _drawn(macs: float | None) -> float | None:
    """Return a count in G; None for 0, which a logarithmic axis cannot show."""
    return macs / _GIGA if macs else None


def _mib(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"


def _giga(value: float | None) -> str:
    return "unknown" if value is None else f"{value / _GIGA:.4g}"


# --- Shares of a call's time ---


NAMES: Mapping[CallPart, str] = {
    "reading": "reading and writing",
    "convolution": "convolutions, products",
    "arithmetic": "arithmetic",
    "moving": "copies, shuffles",
    "overhead": "overhead",
}
# Okabe-Ito; the parts of a bar are always in this order and carry their numbers.
_COLOURS: Mapping[CallPart, str] = {
    "reading": "#D55E00",
    "convolution": "#0072B2",
    "arithmetic": "#E69F00",
    "moving": "#009E73",
    "overhead": "#7F7F7F",
}
_OTHERS: Mapping[CallPart, str] = {
    "reading": "reading the map and writing the output",
    "arithmetic": "arithmetic on single values",
    "moving": "copying and shuffling values",
    "overhead": "the overhead of calling operations",
}
_PART_ROW, _AROUND_PARTS, _LEAST_WRITTEN = 32, 140, 0.07


def shares(calls: Sequence[CallParts]) -> go.Figure:
    """Draw the shares of calls, in the order given."""
    layout = plain(_AROUND_PARTS + _PART_ROW * len(calls), above=96, legend=True) | {
        "barmode": "stack",
        "bargap": 0.25,
        "xaxis": {
            "title": {"text": "Share of a forward call (%)"},
            "range": [0, 100],
            "zeroline": False,
            "showgrid": False,
        },
        "yaxis": {"autorange": "reversed", "automargin": True, "showgrid": False},
    }
    layout["legend"] = {**LEGEND, "traceorder": "normal"}
    return go.Figure({"data": [_part(calls, part) for part in PARTS], "layout": layout})


def shares_data(calls: Sequence[CallParts]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return the numbers behind the figure."""
    return {
        "operator": np.array([each.case.operator for each in calls]),
        "milliseconds": np.array([each.milliseconds for each in calls]),
        **{part: np.array([each.share(part) for each in calls]) for part in PARTS},
    }


def shares_alt(calls: Sequence[CallParts]) -> str:
    """Return the shares in words."""
    told = [
        f"{OPERATORS[each.case.operator].label} "
        + ", ".join(f"{NAMES[part]} {each.share(part):.0%}" for part in PARTS)
        for each in calls
    ]
    return f"Shares of a forward call: {'; '.join(told)}."


def dominating(call: CallParts) -> str:
    """Return what takes most of a call, for example "the 3×3 convolution between all channels (81 %)"."""
    part = call.largest
    own = operator_spec(call.case.operator).convolutions or NAMES[part]
    words = own if part == "convolution" else _OTHERS[part]
    return f"{words} ({100 * call.share(part):.0f} %)"


def dominates(calls: Sequence[CallParts]) -> str:
    """Return a sentence on what takes most of each operator's time, with like operators together."""
    found: dict[str, list[str]] = {}
    for each in calls:
        words, _, share = dominating(each).partition(" (")
        found.setdefault(words, []).append(f"{OPERATORS[each.case.operator].label} ({share}")
    order = sorted(found, key=lambda words: -len(found[words]))
    told = [f"**{words}** in {_listed(found[words])}" for words in order]
    return f"Most of the time goes to {'; to '.join(told)}."


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _part(calls: Sequence[CallParts], part: CallPart) -> Part:
    values = [100 * each.share(part) for each in calls]
    return {
        "type": "bar",
        "orientation": "h",
        "y": [OPERATORS[each.case.operator].label for each in calls],
        "x": values,
        "name": NAMES[part],
        "marker": {"color": _COLOURS[part], "line": {"color": "white", "width": 1}},
        "text": [f"{value:.0f}" if value >= 100 * _LEAST_WRITTEN else "" for value in values],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"size": 13, "color": "white"},
        "hovertemplate": f"%{{y}}: {NAMES[part]} %{{x:.0f}} %<extra></extra>",
    }
