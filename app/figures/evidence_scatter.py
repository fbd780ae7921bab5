"""Our gain over bilinear interpolation against the paper's, one mark for every upsampler."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Shaped

from app.figures.evidence import LINE, band, families_of, interval_bars, marker
from app.figures.evidence_agreement import VERDICTS, Pair
from app.figures.evidence_gains import FAMILIES, Family, Gain, number, unit
from app.figures.evidence_labels import label_positions
from app.figures.evidence_reach import reach
from app.figures.layout import Part, plain
from dysample.analysis.score_specs import ScoreSpec

_AUTHORS_BAND = "rgba(127, 127, 127, 0.16)"


def scatter(
    found: Sequence[Pair], spec: ScoreSpec, *, noise: float | None, paper_noise: float | None
) -> go.Figure:
    """The paper's gains across, ours upwards with their intervals; bands of noise around zero.

    Args:
        found: What both have measured.
        spec: Of the score.
        noise: Half the width of the band that our runs differ by; None if that is not known.
        paper_noise: The same of the authors' runs; None if they say nothing of this score.
    """
    shapes = [_axis("x"), _axis("y")]
    if noise is not None:
        shapes.append(band(noise, "y"))
    if paper_noise is not None:
        shapes.append(band(paper_noise, "x") | {"fillcolor": _AUTHORS_BAND})
    across = [each.paper.gain for each in found]
    far = _far(found)
    places = [(each.paper.gain, _clipped(each.ours.value, far)) for each in found]
    positions = dict(zip([each.ours.upsampler for each in found], label_positions(places), strict=True))
    for each in scatter_beyond(found):  # two lines, on the inner side
        positions[each.upsampler] = "top center" if (each.value or 0) < 0 else "bottom center"
    up = [_clipped(end, far) for end in _ends(found)]
    layout = plain(430, above=70, legend=True) | {
        "xaxis": _scale(f"The paper’s gain, {unit(spec)}", across, paper_noise, margin=0.3),
        "yaxis": _scale(f"Our gain, {unit(spec)}", up, noise, margin=0.1),
        "shapes": shapes,
    }
    kinds = families_of(each.ours for each in found)
    traces = [_family(found, kind, spec, positions, far) for kind in kinds]
    return go.Figure({"data": traces, "layout": layout})


def scatter_beyond(found: Sequence[Pair]) -> tuple[Gain, ...]:
    """Those whose mark stands at the end of the axis, for they would leave the others no room."""
    far = _far(found)
    return tuple(each.ours for each in found if abs(each.ours.value or 0) > far)


def scatter_data(found: Sequence[Pair]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """The numbers behind it."""
    return {
        "upsampler": np.array([each.ours.upsampler for each in found]),
        "paper": np.array([each.paper.gain for each in found]),
        "ours": np.array([each.ours.value for each in found], np.float64),
        "low": np.array([each.ours.low for each in found], np.float64),
        "high": np.array([each.ours.high for each in found], np.float64),
    }


def _family(
    found: Sequence[Pair], kind: Family, spec: ScoreSpec, positions: Mapping[str, str], far: float
) -> Part:
    chosen = [each for each in found if each.ours.family == kind]
    values = np.array([each.ours.value for each in chosen], np.float64)
    words = [
        f"{each.ours.label}<br>paper: {number(each.paper.gain, spec, sign=True)} ({each.paper.source})"
        f"<br>ours: {number(each.ours.value, spec, sign=True)} [{number(each.ours.low, spec, sign=True)}, "
        f"{number(each.ours.high, spec, sign=True)}], {VERDICTS[each.verdict]}"
        for each in chosen
    ]
    bars = interval_bars([each.ours for each in chosen], np.abs(values) <= far)
    return {
        "type": "scatter",
        "x": [each.paper.gain for each in chosen],
        "y": values.clip(-far, far),
        "mode": "markers+text",
        "name": FAMILIES[kind],
        "marker": marker(kind, size=11),
        "error_y": bars | {"thickness": 1.5, "width": 4},
        "text": [_label(each, spec, far) for each in chosen],
        "textposition": [positions[each.ours.upsampler] for each in chosen],
        "textfont": {"size": 12},
        "hovertext": words,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "cliponaxis": False,
    }


def _label(pair: Pair, spec: ScoreSpec, far: float) -> str:
    """The name, and for a mark at the end of the axis where it would be."""
    value = pair.ours.value or 0.0
    if abs(value) <= far:
        return pair.ours.label
    return f"{pair.ours.label}<br>{'↓' if value < 0 else '↑'} {number(value, spec, sign=True)}"


def _ends(found: Sequence[Pair]) -> list[float]:
    ends = [end for each in found for end in (each.ours.low, each.ours.high, each.ours.value)]
    return [end for end in ends if end is not None]


def _far(found: Sequence[Pair]) -> float:
    return reach(_ends(found))


def _clipped(value: float | None, far: float) -> float:
    return min(max(value or 0.0, -far), far)


def _scale(title: str, values: Sequence[float], noise: float | None, *, margin: float) -> Part:
    places = [0.0, *values, *((-noise, noise) if noise else ())]
    free = margin * (max(places) - min(places)) or 1.0
    return {
        "title": {"text": title},
        "range": [min(places) - free, max(places) + free],
        "zeroline": False,
        "automargin": True,
    }


def _axis(name: str) -> Part:
    across = "y" if name == "x" else "x"
    place: Part = {f"{name}0": 0, f"{name}1": 0, f"{across}0": 0, f"{across}1": 1, f"{across}ref": "paper"}
    return {"type": "line", "layer": "below", "line": {"color": LINE, "width": 1.5}} | place
