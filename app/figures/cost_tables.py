"""The numbers of a benchmark as columns, and the paper's two beside ours."""

from collections.abc import Mapping, Sequence

from app.figures.cost_rows import Timed, label, timed
from app.figures.evidence_pairs import printed_ranges
from app.figures.evidence_tables import Cells, Columns, as_csv
from dysample.analysis.bench.copying import share_of_copy
from dysample.analysis.bench.measuring import BenchRow
from dysample.analysis.bench.timing import Spread
from dysample.analysis.paper import paper_table
from dysample.ops.registry import OPERATORS

__all__ = ["FORMATS", "as_csv", "beside_the_paper", "numbers"]

_MEGA = 10**6
FORMATS: Mapping[str, str] = {
    "Forward (ms)": "%.3g",
    "× bilinear": "%.2f",
    "Fwd + bwd (ms)": "%.3g",
    "Fwd + bwd, × bilinear": "%.2f",
    "Of copying (%)": "%.0f",
    "Peak (MiB)": "%.1f",
    "Kept (MiB)": "%.1f",
    "Parameters": "localized",
    "Weights only": "localized",
    "MACs, true (M)": "%.4g",
    "MACs, paper’s rule (M)": "%.4g",
    "Ours (ms)": "%.3g",
    "Ours, × bilinear": "%.2f",
}


def numbers(rows: Sequence[BenchRow], copy: Spread | None, weights: Mapping[str, int | None]) -> Columns:
    """Everything that was measured and counted, a row for every operator.

    Args:
        rows: Of one size.
        copy: How fast the machine copies; None if that is not known.
        weights: Parameters without biases and normalisation, by operator.
    """
    columns: dict[str, Cells] = {"Operator": [label(row) for row in rows]}
    columns |= _times(rows, "forward", "Forward (ms)", "× bilinear")
    if any(row.training for row in rows):
        columns |= _times(rows, "training", "Fwd + bwd (ms)", "Fwd + bwd, × bilinear")
    if copy is not None:
        shares = [share_of_copy(row, copy) for row in rows]
        columns["Of copying (%)"] = [None if share is None else 100 * share for share in shares]
    columns["Peak (MiB)"] = [row.peak.value for row in rows]
    columns["Kept (MiB)"] = [row.kept.value for row in rows]
    columns["Parameters"] = [row.parameters.value for row in rows]
    columns["Weights only"] = [weights.get(row.case.operator) for row in rows]
    columns["MACs, true (M)"] = [_millions(row.macs.value) for row in rows]
    columns["MACs, paper’s rule (M)"] = [_millions(row.macs_paper_rule.value) for row in rows]
    return {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)}


def beside_the_paper(found: Sequence[Timed]) -> Columns:
    """The paper's times beside ours, for those operators that its text names."""
    ranges, table = printed_ranges(), paper_table("figure8")
    ours = {each.row.case.operator: each for each in found if each.label != "Bilinear, channels last"}
    names = [name for name in OPERATORS if name in ranges and name in ours]
    printed = {name: "bilinear" if name == "bilinear" else "dysample (all four)" for name in names}
    rows = [table.where("upsampler", printed[name]) for name in names]
    return {
        "Operator": [OPERATORS[name].label for name in names],
        "Paper (ms)": [
            _range(row.column("latency_ms_low")[0], row.column("latency_ms_high")[0]) for row in rows
        ],
        "Paper, × bilinear": [_range(*(f"{end:.2f}" for end in ranges[name])) for name in names],
        "Ours (ms)": [ours[name].milliseconds.median for name in names],
        "Ours, × bilinear": [ours[name].ratio.median for name in names],
    }


def _times(rows: Sequence[BenchRow], which: str, milliseconds: str, ratio: str) -> Columns:
    found = [next(iter(timed([row], "forward" if which == "forward" else "training")), None) for row in rows]
    return {
        milliseconds: [each.milliseconds.median if each else None for each in found],
        ratio: [each.ratio.median if each else None for each in found],
    }


def _millions(value: float | None) -> float | None:
    return None if value is None else value / _MEGA


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
