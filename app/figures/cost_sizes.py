"""Time beside bilinear interpolation over the size of the map: a line for every operator."""

from collections.abc import Mapping, Sequence
from math import log10

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Shaped

from app.figures.cost_rows import Pass, Timed, number, size_of, timed
from app.figures.evidence_gains import COLOURS, SYMBOLS
from app.figures.layout import Part, plain
from dysample.analysis.bench.measuring import BenchRow

_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_DASHES = ("solid", "dash", "dot", "dashdot")
_HEIGHT = 520
_NAME = 15 / (_HEIGHT - 120)  # of a name at the end of a line, as a share of the axis


def lines(rows: Sequence[BenchRow], which: Pass) -> go.Figure:
    """Draw them, both axes logarithmic, with the names at the ends.

    Args:
        rows: Of at least two sizes.
        which: Forward alone, or with backward.
    """
    by_name = _by_name(rows, which)
    ratios = [log10(each.ratio.median) for line in by_name.values() for each in line]
    free = 0.08 * (max(ratios) - min(ratios)) or 0.1
    low, high = min(ratios) - free, max(ratios) + free
    places = sorted({_pixels(each) for line in by_name.values() for each in line})
    sides = {_pixels(each): _side(each) for line in by_name.values() for each in line}
    ends = {name: log10(line[-1].ratio.median) for name, line in by_name.items()}
    names = _apart(ends, _NAME * (high - low))
    layout = plain(_HEIGHT, above=20, right=120) | {
        "xaxis": {
            "type": "log",
            "title": {"text": "Rows × columns of the map (logarithmic)"},
            "tickvals": places,
            "ticktext": [sides[place] for place in places],
            "range": [log10(places[0]) - 0.1, log10(places[-1]) + 0.1],
            "showgrid": False,
        },
        "yaxis": {
            "type": "log",
            "title": {"text": "Time, × bilinear NCHW"},
            "tickvals": _TICKS,
            "ticktext": [f"{tick:g}" for tick in _TICKS],
            "range": [low, high],
        },
        "annotations": [_name(name, place, by_name[name][-1]) for name, place in names.items()],
    }
    traces = [_line(name, line, index) for index, (name, line) in enumerate(by_name.items())]
    return go.Figure({"data": traces, "layout": layout})


def lines_data(rows: Sequence[BenchRow], which: Pass) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """The numbers behind it, a row for every operator and size."""
    found = [each for line in _by_name(rows, which).values() for each in line]
    return {
        "operator": np.array([each.row.case.operator for each in found]),
        "layout": np.array([each.row.case.layout for each in found]),
        "size": np.array([str(size_of(each.row)) for each in found]),
        "ratio": np.array([each.ratio.median for each in found]),
        "milliseconds": np.array([each.milliseconds.median for each in found]),
    }


def ends(rows: Sequence[BenchRow], which: Pass) -> tuple[tuple[Timed, Timed], ...]:
    """Every operator at the smallest and at the largest of its maps, in the order of the rows."""
    return tuple((line[0], line[-1]) for line in _by_name(rows, which).values())


def _by_name(rows: Sequence[BenchRow], which: Pass) -> dict[str, list[Timed]]:
    """Every operator's times, the smallest map first, in the order in which operators occur."""
    found = timed(sorted(rows, key=lambda row: row.case.height * row.case.width), which)
    order = {each.label: [] for row in rows for each in timed([row], which)}
    for each in sorted(found, key=_pixels):
        order[each.label].append(each)
    return order


def _pixels(each: Timed) -> int:
    return each.row.case.height * each.row.case.width


def _side(each: Timed) -> str:
    return f"{each.row.case.height}×{each.row.case.width}"


def _line(name: str, line: Sequence[Timed], index: int) -> Part:
    colour = COLOURS[line[0].family]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [_pixels(each) for each in line],
        "y": [each.ratio.median for each in line],
        "line": {"color": colour, "width": 2.5, "dash": _DASHES[index % len(_DASHES)]},
        "marker": {"color": colour, "symbol": SYMBOLS[line[0].family], "size": 9},
        "customdata": [
            f"{name}, {_side(each)}: {each.ratio.median:.2f} × bilinear"
            f"<br>{number(each.milliseconds.median)} ms"
            for each in line
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
        "cliponaxis": False,
    }


def _name(name: str, place: float, last: Timed) -> Part:
    return {
        "text": name,
        "x": 1.0,
        "xref": "paper",
        "xanchor": "left",
        "xshift": 4,
        "y": place,
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": 12, "color": COLOURS[last.family]},
    }


def _apart(places: Mapping[str, float], least: float) -> dict[str, float]:
    """The same places, moved so that no two are nearer than `least`, and their middle stays."""
    order = sorted(places, key=places.__getitem__)
    moved = np.array([places[name] for name in order])
    for _ in range(200):
        gaps = np.diff(moved)
        close = np.flatnonzero(gaps < 0.999 * least)
        if not len(close):
            break
        for index in close:
            push = (least - (moved[index + 1] - moved[index])) / 2
            moved[index] -= max(push, 0)
            moved[index + 1] += max(push, 0)
    return dict(zip(order, moved.tolist(), strict=True))
