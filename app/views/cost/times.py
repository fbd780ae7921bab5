"""Time relative to bilinear interpolation: a bar for every operator, and lines over the size of the map."""

from collections.abc import Mapping, Sequence
from math import floor as floored
from math import log10

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Shaped

from app.shared.drawing import Part, plain
from app.views.cost.rows import Pass, Timed, floor, number, size_of, timed
from app.views.evidence.gains import COLOURS, FAMILIES, SYMBOLS
from dysample.measure.bench import BenchRow
from dysample.measure.timing import Spread
from dysample.ops.registry import Family

LINE = "#7F7F7F"  # reads on white and on black
_ROW, _AROUND = 34, 150  # CSS pixels of a row, and of what is around the axes
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


def bars(
    found: Sequence[Timed], *, copy: Spread | None, printed: Mapping[str, tuple[float, float]] | None = None
) -> go.Figure:
    """Draw bars on a logarithmic axis, so that twice as fast is as far from bilinear as twice as slow.

    Args:
        found: At least one.
        copy: How fast the machine copies, which the limit of each operator is drawn from; None for none.
        printed: The paper's ratios by operator, from and to; None where they do not belong.
    """
    names = [each.label for each in found]
    marks = [_limits(found, copy), *([_printed(found, printed)] if printed else [])]
    least, most = _range(found, marks)
    layout = plain(_AROUND + _ROW * len(found), above=96, legend=True) | {
        "xaxis": {
            "type": "log",
            "title": {"text": "Time, × bilinear NCHW (logarithmic)"},
            "range": [least, most],
            "tickvals": _TICKS,
            "ticktext": [f"{tick:g}" for tick in _TICKS],
        },
        "yaxis": {
            "categoryarray": names,
            "categoryorder": "array",
            "autorange": "reversed",
            "automargin": True,
            "showgrid": False,
        },
        "bargap": 0.35,
        "barmode": "overlay",
        "shapes": [_bilinear()],
    }
    there: list[Family] = [kind for kind in FAMILIES if any(each.family == kind for each in found)]
    families = [_family(found, kind) for kind in there]
    return go.Figure({"data": [*families, *marks, _numbers(found)], "layout": layout})


def bars_data(found: Sequence[Timed], copy: Spread | None) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return the numbers behind the figure."""
    return {
        "operator": np.array([each.row.case.operator for each in found]),
        "layout": np.array([each.row.case.layout for each in found]),
        "ratio": np.array([each.ratio.median for each in found]),
        "ratio_lower": np.array([each.ratio.lower for each in found]),
        "ratio_upper": np.array([each.ratio.upper for each in found]),
        "milliseconds": np.array([each.milliseconds.median for each in found]),
        "copy_ratio": np.array([floor(each, copy) for each in found], np.float64),
    }


def _family(found: Sequence[Timed], kind: Family) -> Part:
    chosen = [each for each in found if each.family == kind]
    medians = np.array([each.ratio.median for each in chosen])
    return {
        "type": "bar",
        "orientation": "h",
        "y": [each.label for each in chosen],
        "base": [1.0] * len(chosen),
        "x": medians - 1,
        "name": FAMILIES[kind],
        "marker": {"color": COLOURS[kind]},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [each.ratio.upper - each.ratio.median for each in chosen],
            "arrayminus": [each.ratio.median - each.ratio.lower for each in chosen],
            "thickness": 1.5,
            "width": 4,
            "color": LINE,
        },
        "customdata": [_words(each) for each in chosen],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _numbers(found: Sequence[Timed]) -> Part:
    """Return the ratios as text beyond the ends of bars and whiskers."""
    slower = [each.ratio.median >= 1 for each in found]
    return {
        "type": "scatter",
        "mode": "text",
        "y": [each.label for each in found],
        "x": [
            each.ratio.upper if slow else each.ratio.lower for each, slow in zip(found, slower, strict=True)
        ],
        "text": [f"\u00a0\u00a0{each.ratio.median:.2f}×\u00a0\u00a0" for each in found],
        "textposition": ["middle right" if slow else "middle left" for slow in slower],
        "textfont": {"size": 13},
        "cliponaxis": False,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _words(each: Timed) -> str:
    ratio = each.ratio
    return (
        f"{each.label}: {ratio.median:.2f} × bilinear ({ratio.lower:.2f} to {ratio.upper:.2f})"
        f"<br>{number(each.milliseconds.median)} ms; bilinear beside it {number(each.bilinear.median)} ms"
    )


def _limits(found: Sequence[Timed], copy: Spread | None) -> Part:
    """Return marks where each bar would end if the operator only copied."""
    there = [(each.label, limit) for each in found if (limit := floor(each, copy)) is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "a copy of as many bytes",
        "y": [name for name, _ in there],
        "x": [limit for _, limit in there],
        "marker": {"symbol": "line-ns", "size": 18, "line": {"width": 3, "color": LINE}},
        "hovertemplate": "copying inputs and output: %{x:.2f} × bilinear<extra></extra>",
        "showlegend": bool(there),
    }


def _printed(found: Sequence[Timed], printed: Mapping[str, tuple[float, float]]) -> Part:
    """Return the paper's ranges, each by its middle."""
    there = [(each.label, printed[each.row.case.operator]) for each in found if _has(each, printed)]
    middles = [(low * high) ** 0.5 for _, (low, high) in there]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "the paper, on an RTX 3090",
        "y": [name for name, _ in there],
        "x": middles,
        "marker": {"symbol": "diamond-open", "size": 11, "color": LINE, "line": {"width": 2}},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - middle for middle, (_, (_, high)) in zip(middles, there, strict=True)],
            "arrayminus": [middle - low for middle, (_, (low, _)) in zip(middles, there, strict=True)],
            "thickness": 2,
            "color": LINE,
        },
        "hovertemplate": "the paper, on an RTX 3090: about %{x:.1f} × bilinear<extra></extra>",
    }


def _has(each: Timed, printed: Mapping[str, tuple[float, float]]) -> bool:
    return each.row.case.operator in printed and each.row.case.operator != "bilinear"


def _range(found: Sequence[Timed], marks: Sequence[Part]) -> tuple[float, float]:
    """Return a range with everything in view, and room for the numbers beside the bars."""
    places = [1.0, *(end for each in found for end in (each.ratio.lower, each.ratio.upper))]
    for mark in marks:
        drawn = mark["x"]
        places += [float(x) for x in drawn] if isinstance(drawn, list) else []
    least, most = log10(min(places)), log10(max(places))
    free = 0.16 * max(most - least, 0.5)
    return floored(100 * (least - free)) / 100, most + free


def _bilinear() -> Part:
    line: Part = {"color": LINE, "width": 2}
    return {"type": "line", "x0": 1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper", "line": line}


# --- Time over size ---


_SIZE_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_DASHES = ("solid", "dash", "dot", "dashdot")
_HEIGHT = 520
_NAME = 15 / (_HEIGHT - 120)  # of a name at the end of a line, as a share of the axis


def lines(rows: Sequence[BenchRow], which: Pass) -> go.Figure:
    """Draw lines on two logarithmic axes, with the names at their ends.

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
            "tickvals": _SIZE_TICKS,
            "ticktext": [f"{tick:g}" for tick in _SIZE_TICKS],
            "range": [low, high],
        },
        "annotations": [_name(name, place, by_name[name][-1]) for name, place in names.items()],
    }
    traces = [_line(name, line, index) for index, (name, line) in enumerate(by_name.items())]
    return go.Figure({"data": traces, "layout": layout})


def lines_data(rows: Sequence[BenchRow], which: Pass) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return the numbers behind the figure, a row for every operator and size."""
    found = [each for line in _by_name(rows, which).values() for each in line]
    return {
        "operator": np.array([each.row.case.operator for each in found]),
        "layout": np.array([each.row.case.layout for each in found]),
        "size": np.array([str(size_of(each.row)) for each in found]),
        "ratio": np.array([each.ratio.median for each in found]),
        "milliseconds": np.array([each.milliseconds.median for each in found]),
    }


def ends(rows: Sequence[BenchRow], which: Pass) -> tuple[tuple[Timed, Timed], ...]:
    """Return every operator at its smallest and its largest map, in the order of the rows."""
    return tuple((line[0], line[-1]) for line in _by_name(rows, which).values())


def _by_name(rows: Sequence[BenchRow], which: Pass) -> dict[str, list[Timed]]:
    """Return every operator's times, the smallest map first, in the order in which operators occur."""
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
    """Move positions so that no two are nearer than `least` and their middle stays."""
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
