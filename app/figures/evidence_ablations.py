"""The paper's ablations beside ours: which row of theirs a variant of DySample is."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.figures.evidence_gains import Gain, gain, source, unit
from app.figures.evidence_tables import TITLES, TRAINED, Cells, Columns, shown
from app.figures.layout import Part, plain
from dysample.analysis.evidence import Evidence, EvidenceRow, Trained
from dysample.analysis.paper import paper_table
from dysample.analysis.score_specs import ScoreSpec, score_spec
from dysample.ops.dysample import DySample
from dysample.ops.registry import operator_spec

_SCORE, _OTHER = "segformer_b1_ade20k_miou", "faster_rcnn_r50_coco_ap"
_STYLES = {"lp": ("#0072B2", "solid", "circle"), "pl": ("#D55E00", "dash", "square")}  # Okabe-Ito


@dataclass(frozen=True, slots=True)
class Ablation:
    """One ablation of the paper.

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
    """All options of a variant of DySample.

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
    """Index of the row of the paper's table that a variant is; None if the table has none."""
    mine, table = options(upsampler), paper_table(ablation.table)
    if any(mine[name] != value for name, value in ablation.fixed.items()):
        return None
    for index in range(len(table.rows)):
        if all(_same(table.column(column)[index], mine[name]) for column, name in ablation.keys.items()):
            return index
    return None


def beside_the_paper(evidence: Evidence, ablation: Ablation, score: str) -> Columns:
    """Our variants, and beside each the paper's numbers where it prints some."""
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
        "Trained": [TRAINED[row.trained] for row in rows],
        "Seeds": [each.seeds for each in ours],
        unit(spec): [each.mean for each in ours],
        "± sd": [each.deviation for each in ours],
        f"less {operator_spec(evidence.reference).label}": [each.value for each in ours],
        "from": [each.low for each in ours],
        "to": [each.high for each in ours],
    }
    for name, title in ((_SCORE, "Paper: mIoU (%)"), (_OTHER, "Paper: AP")):
        cells = table.column(name)
        columns[title] = [None if index is None else float(cells[index]) for index in theirs]
    columns["Source"] = ["–" if index is None else source(table, index) for index in theirs]
    return columns


def groups_figure(evidence: Evidence, score: str, trained: Trained) -> go.Figure:
    """Our scores against the number of groups, one line for each style, bars of one standard deviation."""
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
    """The lines in words."""
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
    """What a variant was trained with, as in the paper's column."""
    return shown(str(options(row.upsampler)[option]).lower()) if _is_variant(row) else None


def _is_variant(row: EvidenceRow) -> bool:
    return operator_spec(row.upsampler).factory is DySample


def _same(cell: str, value: object) -> bool:
    """Whether a printed cell is the value of an option."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return cell == str(value).lower()
    return float(cell) == value
