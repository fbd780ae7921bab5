"""What calls spend their time on: a bar of shares for every operator, and the sentence on what dominates."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Shaped

from app.figures.layout import LEGEND, Part, plain
from dysample.analysis.profiling.parts import PARTS, CallParts
from dysample.analysis.profiling.parts import Part as CallPart
from dysample.ops.registry import OPERATORS

NAMES: Mapping[CallPart, str] = {
    "reading": "reading and writing",
    "convolution": "convolutions, products",
    "arithmetic": "arithmetic",
    "moving": "copies, shuffles",
    "overhead": "overhead",
}
# Okabe-Ito; the parts of a bar are always in this order, and have their numbers on them.
_COLOURS: Mapping[CallPart, str] = {
    "reading": "#D55E00",
    "convolution": "#0072B2",
    "arithmetic": "#E69F00",
    "moving": "#009E73",
    "overhead": "#7F7F7F",
}
_CONVOLUTIONS: Mapping[str, str] = {
    "deconv": "the transposed 3×3 convolution between all channels",
    "pixelshuffle": "the 3×3 convolution between all channels",
    "carafe": "the convolutions that predict kernels",
    "indexnet": "the convolutions that predict gains from the guide",
    "a2u": "the convolutions that compare with the guide",
    "fade": "the convolutions that predict kernels from both maps",
    "sapa": "the products that compare with the guide",
    **dict.fromkeys(("dysample", "dysample-s"), "the 1×1 convolution that predicts offsets"),
    **dict.fromkeys(("dysample+", "dysample-s+"), "the 1×1 convolutions that predict offsets and scope"),
}
_OTHERS: Mapping[CallPart, str] = {
    "reading": "reading the map and writing the output",
    "arithmetic": "arithmetic on single values",
    "moving": "copying and shuffling values",
    "overhead": "the overhead of calling operations",
}
_ROW, _AROUND, _LEAST_WRITTEN = 32, 140, 0.07


def shares(calls: Sequence[CallParts]) -> go.Figure:
    """Draw them, in the order given."""
    layout = plain(_AROUND + _ROW * len(calls), above=96, legend=True) | {
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
    """The numbers behind it."""
    return {
        "operator": np.array([each.case.operator for each in calls]),
        "milliseconds": np.array([each.milliseconds for each in calls]),
        **{part: np.array([each.share(part) for each in calls]) for part in PARTS},
    }


def shares_alt(calls: Sequence[CallParts]) -> str:
    """The shares in words."""
    told = [
        f"{OPERATORS[each.case.operator].label} "
        + ", ".join(f"{NAMES[part]} {each.share(part):.0%}" for part in PARTS)
        for each in calls
    ]
    return f"Shares of a forward call: {'; '.join(told)}."


def dominating(call: CallParts) -> str:
    """What takes most of a call, such as "the 3×3 convolution between all channels (81 %)"."""
    part = call.largest
    words = _CONVOLUTIONS.get(call.case.operator, NAMES[part]) if part == "convolution" else _OTHERS[part]
    return f"{words} ({100 * call.share(part):.0f} %)"


def dominates(calls: Sequence[CallParts]) -> str:
    """One sentence on what each operator's time goes to; alike ones together."""
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
