"""Gains of the paper's swaps over the interpolation that each network had, with the noise."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Shaped

from app.shared.drawing import Part, plain
from app.theme import ACROSS, IGNORED
from app.views.evidence.gains import PAPER_NOISE
from dysample.ops.registry import OPERATORS
from dysample.scores.gains import PaperGain

NOISE = PAPER_NOISE["table4", "miou"]
_ROW, _AROUND = 34, 110  # CSS pixels of a row, and around all rows


def base_name(to: str) -> str:
    """Return the name of an operator without its options."""
    return to.partition("@")[0]


def paper_figure(networks: Sequence[PaperGain], to: str) -> go.Figure:
    """Draw the gains of one upsampler among those of all others."""
    others = [name for name in OPERATORS if name != to]
    quiet: Part = {
        "color": IGNORED,
        "size": 9,
        "opacity": 0.6,
        "symbol": "line-ns-open",
        "line": {"width": 2},
    }
    own = _dots(networks, [to]) | {
        "mode": "markers+text",
        "text": [f"{row.gains[to]:+.1f}".replace("-", "−") for row in networks if to in row.gains],
        "textposition": "top center",
        "marker": {"color": ACROSS, "size": 12},
        "name": OPERATORS[to].label,
    }
    rows: Part = {
        "tickvals": list(range(len(networks))),
        "ticktext": [f"{row.label}, {row.unit}" for row in networks],
        "range": [len(networks) - 0.4, -0.8],
        "showgrid": False,
        "zeroline": False,
    }
    gains: Part = {"title": {"text": "gain (points)"}, "zeroline": True}
    noisy = [index for index, row in enumerate(networks) if row.noisy]
    layout: Part = {"xaxis": gains, "yaxis": rows, "shapes": _band(noisy, len(networks))}
    height = _AROUND + _ROW * len(networks)
    traces = [_dots(networks, others) | {"marker": quiet, "name": "other upsamplers"}, own]
    return go.Figure(traces, layout | plain(height, above=40, below=44, legend=True))


def _dots(rows: Sequence[PaperGain], names: Sequence[str]) -> Part:
    """Return the gains of some upsamplers, network by network."""
    dots = [(at, row, name) for at, row in enumerate(rows) for name in names if name in row.gains]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row.gains[name] for _, row, name in dots],
        "y": [at for at, _, _ in dots],
        "hovertext": [
            f"{OPERATORS[name].label}: {row.gains[name]:+.2f} {row.unit}, {row.table}"
            for _, row, name in dots
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _band(noisy: Sequence[int], count: int) -> list[Part]:
    """Return the noise as a band over the rows that the authors state it for, and as lines through all."""
    band: Part = {"type": "rect", "x0": -NOISE, "x1": NOISE, "y0": noisy[0] - 0.5, "y1": noisy[-1] + 0.5}
    band |= {"fillcolor": IGNORED, "opacity": 0.3, "line": {"width": 0}, "layer": "below"}
    edge: Part = {"type": "line", "y0": -0.6, "y1": count - 0.4, "layer": "below"}
    edge |= {"line": {"color": IGNORED, "width": 1, "dash": "dot"}}
    return [band, *(edge | {"x0": at, "x1": at} for at in (-NOISE, NOISE))]


def paper_caption(rows: Sequence[PaperGain], to: str) -> str:
    """Return the caption: sources, and how many gains are within the noise."""
    own = [row.gains[to] for row in rows if to in row.gains]
    within = sum(abs(value) <= NOISE for value in own)
    noise = "https://github.com/tiny-smart/segmentation-with-upsamplers"
    return (
        f"Tables 4 to 9 of the paper: {OPERATORS[to].label} minus the interpolation that each network had, "
        f"one run each; δ1 in hundredths. {within} of {len(own)} gains are within ±{NOISE}, the noise that "
        f"the authors [state for ADE20K]({noise}) (grey band). For the other data they state none; the "
        "dotted lines are a yardstick there. This does not show what your model gains: train both, with "
        "several seeds."
    )


def paper_alt(rows: Sequence[PaperGain], to: str) -> str:
    """Return the figure in words."""
    gains = [f"{row.label} {row.gains[to]:+.1f} {row.unit}" for row in rows if to in row.gains]
    return f"Gains of {OPERATORS[to].label} over interpolation in the paper: {'; '.join(gains)}."


def paper_data(rows: Sequence[PaperGain], to: str) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return the numbers behind the figure."""
    shown = [row for row in rows if to in row.gains]
    return {
        "network": np.array([row.label for row in shown]),
        "gain": np.array([row.gains[to] for row in shown]),
    }
