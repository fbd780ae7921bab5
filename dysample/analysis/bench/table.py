"""A benchmark as a page of Markdown: how it was measured, and a table for every size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from dysample.analysis.bench.case import SEED, BenchCase
from dysample.analysis.bench.machine import Machine
from dysample.analysis.bench.measuring import BenchRow
from dysample.analysis.bench.report import BenchReport
from dysample.analysis.bench.timing import Race, Spread
from dysample.analysis.cost import Cost
from dysample.ops.registry import OPERATORS

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cell: Callable[[BenchRow], str]


def to_markdown(report: BenchReport) -> str:
    """Write a report for people."""
    parts = [_header(report)]
    for heading, rows in groupby(report.rows, key=lambda row: _heading(row.case)):
        parts.append(f"{heading}\n\n{_section(list(rows), _columns(report.backward))}")
    if not report.complete:
        parts.append("Interrupted: what had not been measured by then is missing.")
    return "\n\n".join(parts) + "\n"


def _header(report: BenchReport) -> str:
    lines = (
        f"Made on {report.date} by `{report.command}`.",
        "",
        *_machine(report.machine),
        "- Operators are untrained and in eval mode. Batch size 1; map and guide are normal noise "
        f"(seed {SEED}), the guide as large as the output, with as many channels as the map.",
        "- × bilinear: each operator took turns with PyTorch's bilinear interpolation of the same map, "
        "in the same process, after a warm-up, with quick calls repeated for 20 ms "
        f"(rounds: {report.rounds}); the ratio is formed in a round. Medians, with quartiles in brackets.",
        "- Time is CPU time of the process for one thread, which other processes disturb least; for several "
        "threads, by the clock on the wall; on CUDA, the device's own.",
        "- Peak: of a forward call in a fresh process, beyond what was there before and the output itself.",
        "- Kept for backward: what autograd saves in a forward call, every storage once, without the "
        "parameters; in brackets, what of that is not an input.",
    )
    return "# Time and memory beside bilinear interpolation\n\n" + "\n".join(lines)


def _machine(machine: Machine) -> tuple[str, ...]:
    load = "unknown" if machine.load is None else f"{machine.load:.2f}"
    device = f"{machine.accelerator}, " if machine.accelerator else ""
    where = f"{device}{machine.processor}, {machine.cores} cores, {machine.system}"
    settings = f"- Environment: {', '.join(machine.environment)}."
    return (
        f"- Machine: {where}; load before: {load}.",
        *((settings,) if machine.environment else ()),
        f"- Versions: dysample-lab {machine.dysample}, PyTorch {machine.torch}, Python {machine.python}.",
    )


def _heading(case: BenchCase) -> str:
    size = f"{case.channels}×{case.height}×{case.width}"
    threads = f", threads: {case.threads}" if case.device == "cpu" else ""
    return f"## {size}, enlarged {case.scale} times, {case.dtype}, {case.layout}, {case.device}{threads}"


def _section(rows: Sequence[BenchRow], columns: Sequence[_Column]) -> str:
    lines = [_line([column.title for column in columns])]
    lines.append(_line([":--", *("--:" for _ in columns[1:])]))
    lines += [_line([column.cell(row) for column in columns]) for row in rows]
    bilinear = [
        _clock(row.case, row.forward.baseline.wall, row.forward.baseline.busy) for row in rows if row.forward
    ]
    notes = [f"- {_label(row)}: {why}." for row in rows for why in _reasons(row)]
    if bilinear:
        least, most = (_number(choose(each.median for each in bilinear)) for choose in (min, max))
        notes.insert(0, f"- Bilinear interpolation beside them: {least} to {most} ms.")
    return "\n".join([*lines, "", *notes])


def _columns(backward: bool) -> tuple[_Column, ...]:
    both = (
        _Column("forward + backward, ms", lambda row: _milliseconds(row.case, row.training)),
        _Column("× bilinear", lambda row: _ratio(row.case, row.training)),
    )
    return (
        _Column("operator", _label),
        _Column("forward, ms", lambda row: _milliseconds(row.case, row.forward)),
        _Column("× bilinear", lambda row: _ratio(row.case, row.forward)),
        *(both if backward else ()),
        _Column("peak beyond the output, MiB", lambda row: _mebibytes(row.peak)),
        _Column("kept for backward, MiB", _kept),
        _Column(
            "parameters", lambda row: NOTHING if row.parameters.value is None else f"{row.parameters.value:,}"
        ),
    )


def _label(row: BenchRow) -> str:
    return OPERATORS[row.case.operator].label


def _clock(case: BenchCase, wall: Spread, busy: Spread) -> Spread:
    """The clock that says most: busy time, unless several threads share the work."""
    return wall if case.device == "cpu" and case.threads > 1 else busy


def _milliseconds(case: BenchCase, race: Race | None) -> str:
    return NOTHING if race is None else _number(_clock(case, race.candidate.wall, race.candidate.busy).median)


def _ratio(case: BenchCase, race: Race | None) -> str:
    if race is None:
        return NOTHING
    ratio = _clock(case, race.wall_ratio, race.busy_ratio)
    return f"{ratio.median:.2f} ({ratio.lower:.2f}–{ratio.upper:.2f})"


def _mebibytes(cost: Cost) -> str:
    return NOTHING if cost.value is None else f"{cost.value:.1f}"


def _kept(row: BenchRow) -> str:
    if row.kept.value is None:
        return NOTHING
    return f"{_mebibytes(row.kept)} ({_mebibytes(row.kept_beyond_inputs)})"


def _reasons(row: BenchRow) -> list[str]:
    """Why cells of a row are empty, every reason once."""
    costs = (row.peak, row.kept, row.kept_beyond_inputs, row.parameters)
    reasons = [row.reason, *(cost.method for cost in costs if cost.value is None)]
    return list(dict.fromkeys(reason.rstrip(".") for reason in reasons if reason))


def _number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
