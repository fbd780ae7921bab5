"""Evidence and the paper's tables as sortable columns of numbers, and as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence

from app.views.evidence.gains import source, unit, value_of
from dysample.ops.registry import OPERATORS, operator_spec
from dysample.scores.evidence import Evidence, EvidenceRow, Trained
from dysample.scores.paper import PaperTable, parse_figure
from dysample.scores.specs import ScoreSpec, score_spec

Cells = Sequence[str | float | None]
Columns = Mapping[str, Cells]
TRAINED: Mapping[Trained, str] = {"heads": "head on a shared encoder", "end-to-end": "end to end"}
_WAYS: Mapping[Trained, str] = {"heads": "shared encoder", "end-to-end": "end to end"}  # short, for tables
_GIGA = 10**9
_LONG: Mapping[str, str] = {
    "mIoU (%), SegFormer-B1, ADE20K": "mIoU (%)",
    "AP, Faster R-CNN R50, COCO": "AP",
}
TITLES: Mapping[str, str] = {
    "task": "Predicted",
    "backbone": "Backbone",
    "initialization": "Initial grid",
    "scope_factor": "Scope factor",
    "groups": "Groups",
    "dynamic_scope": "Dynamic scope",
    "input": "Map",
    "scale": "Scale",
    "device": "Device",
    "segformer_b1_ade20k_miou": "mIoU (%), SegFormer-B1, ADE20K",
    "faster_rcnn_r50_coco_ap": "AP, Faster R-CNN R50, COCO",
    "miou": "mIoU (%)",
    "biou": "Boundary IoU (%)",
    "delta1": "δ1",
    "delta2": "δ2",
    "delta3": "δ3",
    "abs_rel": "AbsRel",
    "rms": "RMS (m)",
    "log10": "log10",
    "rms_log": "RMS(log)",
    "sq_rel": "SqRel (m)",
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap_s": "AP small",
    "ap_m": "AP medium",
    "ap_l": "AP large",
    "pq": "PQ",
    "pq_things": "PQ things",
    "pq_stuff": "PQ stuff",
    "sq": "SQ",
    "rq": "RQ",
    "latency_ms_low": "Latency from (ms)",
    "latency_ms_high": "Latency to (ms)",
}
_WORDS: Mapping[str, str] = {
    "true": "yes",
    "false": "no",
    "bbox": "boxes",
    "segm": "masks",
    "r50": "ResNet-50",
    "r101": "ResNet-101",
    "swin-b": "Swin-B",
    "swin-l": "Swin-L",
}


def measured(evidence: Evidence, score: str) -> Columns:
    """Return all rows: the chosen score in full, and the means of the others."""
    rows, chosen = evidence.rows, score_spec(score)
    heads = _heads(rows)
    # What decides comes first; how it was made comes last, where a narrow window cuts.
    table: dict[str, Cells] = {
        "Upsampler": heads["Upsampler"],
        **_full(rows, chosen, evidence.reference),
        "Trained": [_WAYS[row.trained] for row in rows],
        "Seeds": heads["Seeds"],
    }
    for other in map(score_spec, evidence.headline):
        if other != chosen:
            table[unit(other)] = [other.factor * value_of(row, other.name).spread.mean for row in rows]
    return table


def everything(evidence: Evidence) -> Columns:
    """Return all rows with every score in full and how they were made, for a file."""
    rows = evidence.rows
    table: dict[str, Cells] = dict(_heads(rows))
    for spec in map(score_spec, evidence.headline):
        full = _full(rows, spec, evidence.reference)
        table |= {name if name == unit(spec) else f"{spec.label}: {name}": full[name] for name in full}
    table["Training (minutes)"] = [row.minutes for row in rows]
    table["Devices"] = ["; ".join(dict.fromkeys(row.devices)) for row in rows]
    table["Commands"] = ["; ".join(row.commands) for row in rows]
    return table


def formats(evidence: Evidence, score: str) -> Mapping[str, str]:
    """Return the formats of the numbers of `measured` by column."""
    chosen, against = score_spec(score), f"Difference from {operator_spec(evidence.reference).label}"
    found = {unit(spec): f"%.{spec.digits}f" for spec in map(score_spec, evidence.headline)}
    return (
        found
        | {"± sd": f"%.{chosen.digits}f"}
        | dict.fromkeys((against, "Difference", "from", "to"), f"%+.{chosen.digits}f")
    )


def paper_formats(table: PaperTable) -> Mapping[str, str]:
    """Return formats by column: decimals as printed, and counts of parameters in groups of three digits."""
    found: dict[str, str] = {}
    for name in table.columns:
        digits = max(len(cell.partition(".")[2]) for cell in table.column(name))
        if name == "params":
            found |= {"Parameters, network": "localized", "Parameters, added": "localized"}
        elif name == "gflops":
            found |= {"GFLOPs, network": "%.1f", "GFLOPs, added": "%.1f"}
        elif name in TITLES and digits:
            found[TITLES[name]] = f"%.{digits}f"
    return found


def paper_columns(table: PaperTable) -> Columns:
    """Return a table of the paper as numbers, every row with its source."""
    columns: dict[str, Cells] = {}
    for name in table.columns:
        cells = table.column(name)
        if name == "params":
            columns |= _increases("Parameters", cells, magnitude=1)
        elif name == "gflops":
            columns |= _increases("GFLOPs", cells, magnitude=_GIGA, divide=_GIGA)
        else:
            columns[TITLES.get(name, "Upsampler")] = [shown(cell) for cell in cells]
    columns["Source"] = [source(table, index) for index in range(len(table.rows))]
    return columns


def brief(columns: Columns) -> Columns:
    """Return columns with short titles and without sources, for half of the page's width."""
    return {_LONG.get(name, name): cells for name, cells in columns.items() if name != "Source"}


def brief_formats(table: PaperTable) -> Mapping[str, str]:
    """Return the formats of the numbers of `brief` by column."""
    return {_LONG.get(name, name): text for name, text in paper_formats(table).items()}


def as_csv(columns: Columns) -> str:
    """Return a table as CSV; cells without a number are empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        ["" if cell is None else cell for cell in row] for row in zip(*columns.values(), strict=True)
    )
    return stream.getvalue()


def _heads(rows: Sequence[EvidenceRow]) -> Columns:
    return {
        "Upsampler": [operator_spec(row.upsampler).label for row in rows],
        "Trained": [TRAINED[row.trained] for row in rows],
        "Seeds": [len(row.seeds) for row in rows],
    }


def _full(rows: Sequence[EvidenceRow], spec: ScoreSpec, reference: str) -> Columns:
    values = [value_of(row, spec.name) for row in rows]
    found = [value.difference for value in values]
    factor, against = spec.factor, f"Difference from {operator_spec(reference).label}"
    deviations = [value.spread.deviation for value in values]
    return {
        unit(spec): [factor * value.spread.mean for value in values],
        against: [factor * each.value if each else None for each in found],
        "from": [factor * each.low if each else None for each in found],
        "to": [factor * each.high if each else None for each in found],
        "± sd": [None if each is None else factor * each for each in deviations],
    }


def _increases(name: str, cells: Sequence[str], *, magnitude: int, divide: int = 1) -> Columns:
    """Separate totals from increases, which the paper prints in one column."""
    counts = [parse_figure(cell, magnitude=magnitude) for cell in cells]
    values = [float(each.digits * each.magnitude / divide) for each in counts]
    added = [cell.startswith("+") for cell in cells]
    return {
        f"{name}, network": [None if plus else value for value, plus in zip(values, added, strict=True)],
        f"{name}, added": [value if plus else None for value, plus in zip(values, added, strict=True)],
    }


def shown(text: str) -> str | float:
    """Return a printed cell as a number, else as a display name."""
    try:
        return float(text)
    except ValueError:
        return OPERATORS[text].label if text in OPERATORS else _WORDS.get(text, text)
