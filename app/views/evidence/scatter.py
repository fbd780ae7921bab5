"""Our gains over interpolation against the paper's, and the paper's ablations beside ours."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64, Shaped

from app.shared.drawing import Part, plain
from app.views.evidence.forest import LINE, band, families_of, interval_bars, marker, reach
from app.views.evidence.gains import FAMILIES, VERDICTS, Gain, Pair, gain, number, source, unit
from app.views.evidence.tables import TITLES, Cells, Columns, shown
from dysample.ops.dysample import DySample
from dysample.ops.registry import Family, operator_spec
from dysample.scores.evidence import Evidence, EvidenceRow, Trained
from dysample.scores.paper import paper_table
from dysample.scores.specs import ScoreSpec, score_spec

_AUTHORS_BAND = "rgba(127, 127, 127, 0.16)"


def scatter(
    found: Sequence[Pair], spec: ScoreSpec, *, noise: float | None, paper_noise: float | None
) -> go.Figure:
    """Draw the paper's gains across, ours upwards with their intervals, and bands of noise around zero.

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
    sides = label_positions(places, [each.ours.label for each in found])
    positions = dict(zip([each.ours.upsampler for each in found], sides, strict=True))
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
    """Return the gains whose marks are at the end of the axis, as they would leave the others no room."""
    far = _far(found)
    return tuple(each.ours for each in found if abs(each.ours.value or 0) > far)


def scatter_data(found: Sequence[Pair]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return the numbers behind the figure."""
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
    """Return the name, and for a mark at the end of the axis its true place."""
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


# --- Positions of names ---


# Sides of a mark, each with the place of the name's centre: across in half widths, up in heights.
_SIDES: Mapping[str, tuple[float, float]] = {
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "top center": (0, 1),
    "bottom center": (0, -1),
    "top right": (1, 1),
    "top left": (-1, 1),
    "bottom right": (1, -1),
    "bottom left": (-1, -1),
}
_EXTENT_PX = np.array([360.0, 260.0])  # from the first mark to the last, in a figure of middling width
_LETTER_PX, _LINE_PX, _MARK_PX = 7.0, 15.0, 8.0  # a name's letter and line, and half a mark


def label_positions(places: Sequence[tuple[float, float]], names: Sequence[str]) -> list[str]:
    """Return a side of the mark for each name: the one that covers least of other names and marks.

    Args:
        places: Of the marks, in the units of the axes, which are taken to be linear.
        names: Their names.
    """
    if not places:
        return []
    marks = np.array(places)
    extent = np.ptp(marks, axis=0)
    marks = (marks - marks.min(axis=0)) / np.where(extent > 0, extent, 1.0) * _EXTENT_PX
    taken = [_box(mark, _MARK_PX, _MARK_PX) for mark in marks]
    chosen = [""] * len(places)
    for index in np.argsort(-marks[:, 1]):  # from the top
        half = _LETTER_PX * len(names[index]) / 2
        boxes = [
            _box(marks[index] + (x * (half + _MARK_PX), y * _LINE_PX), half, _LINE_PX / 2)
            for x, y in _SIDES.values()
        ]
        others = np.array([box for at, box in enumerate(taken) if at != index])
        best = int(np.argmin([_overlap(box, others) for box in boxes]))
        chosen[index] = list(_SIDES)[best]
        taken.append(boxes[best])
    return chosen


def _box(centre: Float64[np.ndarray, " 2"], across: float, up: float) -> Float64[np.ndarray, " 4"]:
    """Return left, lower, right and upper edge."""
    return np.array([centre[0] - across, centre[1] - up, centre[0] + across, centre[1] + up])


def _overlap(box: Float64[np.ndarray, " 4"], others: Float64[np.ndarray, "n 4"]) -> float:
    """Return the area of a box that lies in others."""
    if not len(others):
        return 0.0
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return float(np.prod(sides.clip(0), axis=1).sum())


# --- Ablations ---


_SCORE, _OTHER = "segformer_b1_ade20k_miou", "faster_rcnn_r50_coco_ap"
_STYLES = {"lp": ("#0072B2", "solid", "circle"), "pl": ("#D55E00", "dash", "square")}  # Okabe-Ito


@dataclass(frozen=True, slots=True)
class Ablation:
    """An ablation of the paper.

    Attributes:
        title: Name for people.
        table: The paper's table that has numbers of it.
        keys: Options of DySample by the columns of that table that name them.
        fixed: Further options that a row of that table has.
    """

    title: str
    table: str
    keys: Mapping[str, str]
    fixed: Mapping[str, object]


ABLATIONS: Mapping[str, Ablation] = {
    "table1": Ablation("Table 1: initial grid", "table1", {"initialization": "initial"}, {}),
    "table2": Ablation("Table 2: static scope factor", "table2", {"scope_factor": "scope"}, {}),
    "table3": Ablation(
        "Table 3: dynamic scope and groups",
        "table3",
        {"groups": "groups", "dynamic_scope": "dynamic_scope"},
        {"style": "lp"},
    ),
    "figure5": Ablation(
        "Figure 5: number of groups",
        "table3",
        {"groups": "groups", "dynamic_scope": "dynamic_scope"},
        {"style": "lp"},
    ),
}


def options(upsampler: str) -> Mapping[str, object]:
    """Return all options of a variant of DySample.

    Raises:
        ValueError: It is no variant of DySample.
    """
    spec = operator_spec(upsampler)
    if spec.factory is not DySample:
        raise ValueError(f"an ablation must be of variants of DySample, got {upsampler!r}")
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    parameters = inspect.signature(DySample).parameters.values()
    return {each.name: each.default for each in parameters if each.kind is keyword_only} | dict(spec.options)


def paper_row(ablation: Ablation, upsampler: str) -> int | None:
    """Return the index of a variant's row in the paper's table; None if the table has none."""
    mine, table = options(upsampler), paper_table(ablation.table)
    if any(mine[name] != value for name, value in ablation.fixed.items()):
        return None
    for index in range(len(table.rows)):
        if all(_same(table.column(column)[index], mine[name]) for column, name in ablation.keys.items()):
            return index
    return None


def beside_the_paper(evidence: Evidence, ablation: Ablation, score: str) -> Columns:
    """Return our variants, and beside each the paper's numbers where it prints some."""
    spec, table = score_spec(score), paper_table(ablation.table)
    rows = [row for row in evidence.rows if row.upsampler != evidence.reference or _is_variant(row)]
    ours = [gain(row, score) for row in rows]
    theirs = [paper_row(ablation, row.upsampler) if _is_variant(row) else None for row in rows]
    columns: dict[str, Cells] = {
        "Variant": [each.label for each in ours],
        **{
            TITLES[column]: [_setting(row, option) for row in rows]
            for column, option in ablation.keys.items()
        },
        unit(spec): [each.mean for each in ours],
        "Difference": [each.value for each in ours],  # the reference's name is long, and the caption has it
        "from": [each.low for each in ours],
        "to": [each.high for each in ours],
        "± sd": [each.deviation for each in ours],
        "Seeds": [each.seeds for each in ours],
    }
    for name, title in ((_SCORE, "Paper: mIoU (%)"), (_OTHER, "Paper: AP")):
        cells = table.column(name)
        columns[title] = [None if index is None else float(cells[index]) for index in theirs]
    columns["Source"] = ["–" if index is None else source(table, index) for index in theirs]
    return columns


def groups_figure(evidence: Evidence, score: str, trained: Trained) -> go.Figure:
    """Draw our scores against the number of groups, a line per style with bars of one standard deviation."""
    spec = score_spec(score)
    rows = [row for row in evidence.rows if row.trained == trained and _is_variant(row)]
    traces = [_style(rows, style, spec) for style in _STYLES]
    across = {"type": "log", "title": {"text": "Groups"}, "tickvals": [1, 2, 4, 8, 16]}
    layout = plain(330, above=60, legend=True) | {
        "xaxis": across | {"ticktext": ["1", "2", "4", "8", "16"]},
        "yaxis": {"title": {"text": unit(spec)}, "automargin": True},
    }
    return go.Figure({"data": [trace for trace in traces if trace["x"]], "layout": layout})


def groups_alt(evidence: Evidence, score: str, trained: Trained) -> str:
    """Return the lines in words."""
    spec = score_spec(score)
    told = [
        f"{each.label} {each.mean:.{spec.digits}f}"
        for each in (gain(row, score) for row in evidence.rows if row.trained == trained and _is_variant(row))
    ]
    return f"{unit(spec)} by number of groups: {'; '.join(told)}."


def _style(rows: Sequence[EvidenceRow], style: str, spec: ScoreSpec) -> Part:
    chosen = [(int(str(options(row.upsampler)["groups"])), gain(row, spec.name)) for row in rows
              if options(row.upsampler)["style"] == style]  # fmt: skip
    chosen.sort(key=lambda each: each[0])
    colour, dash, symbol = _STYLES[style]
    found: list[Gain] = [each for _, each in chosen]
    bars = {"type": "data", "array": [each.deviation or 0 for each in found], "width": 5}
    return {
        "type": "scatter",
        "x": [groups for groups, _ in chosen],
        "y": [each.mean for each in found],
        "name": style.upper(),
        "mode": "lines+markers",
        "line": {"color": colour, "dash": dash, "width": 2.5},
        "marker": {"color": colour, "symbol": symbol, "size": 10},
        "error_y": bars,
        "text": [each.label for each in found],
        "hovertemplate": f"%{{text}}: %{{y:.{spec.digits}f}}<extra></extra>",
    }


def _setting(row: EvidenceRow, option: str) -> str | float | None:
    """Return the value of an option of a variant, as in the paper's column."""
    return shown(str(options(row.upsampler)[option]).lower()) if _is_variant(row) else None


def _is_variant(row: EvidenceRow) -> bool:
    return operator_spec(row.upsampler).factory is DySample


def _same(cell: str, value: object) -> bool:
    """Return whether a printed cell is the value of an option."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return cell == str(value).lower()
    return float(cell) == value
