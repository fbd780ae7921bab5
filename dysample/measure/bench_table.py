"""A benchmark as Markdown: how it was measured, and a table for every size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from dysample.measure.bench import GIGA, NOT_ASKED, BenchReport, BenchRow, share_of_copy
from dysample.measure.case import SEED, BenchCase
from dysample.measure.macs import Cost
from dysample.measure.timing import Race, Spread
from dysample.ops.registry import OPERATORS

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cell: Callable[[BenchRow], str]


def to_markdown(report: BenchReport) -> str:
    """Return a report as Markdown."""
    parts = [_header(report)]
    for heading, rows in groupby(report.rows, key=lambda row: _heading(row.case)):
        parts.append(f"{heading}\n\n{_section(list(rows), _columns(report))}")
    if not report.complete:
        parts.append("Interrupted: what had not been measured by then is missing.")
    return "\n\n".join(parts) + "\n"


def name_of(case: BenchCase) -> str:
    """Return the label of an operator and any unusual way in which it runs."""
    ways = (
        "channels last" if case.layout == "channels_last" else "",
        case.implementation if case.implementation != "auto" else "",
        "compiled" if case.compiled else "",
    )
    return ", ".join([OPERATORS[case.operator].label, *filter(None, ways)])


def _header(report: BenchReport) -> str:
    lines = (
        f"Made on {report.date} by `{report.command}`.",
        "",
        *_machine(report),
        "- Operators are untrained and in eval mode. Map and guide are normal noise (seed "
        f"{SEED}), the guide as large as the output, with as many channels as the map.",
        "- × bilinear: each operator took turns with PyTorch's bilinear interpolation of the same map in "
        "NCHW, in the same process, after a warm-up, with quick calls repeated for 20 ms "
        f"(rounds: {report.rounds}); the ratio is formed in a round. Medians, with quartiles in brackets. "
        "Bilinear interpolation of channels-last maps is another function of PyTorch's: its row is the "
        "other bar.",
        "- Time is CPU time of the process for one thread, which other processes disturb least; for several "
        "threads, by the clock on the wall; on CUDA, the device's own.",
        "- Of copying: how near the forward call comes to copying its inputs and its output, each once.",
        "- Peak: of a forward call in a fresh process, beyond what was there before and the output itself.",
        "- Kept for backward: what autograd saves in a forward call, every storage once, without the "
        "parameters; in brackets, what of that is not an input.",
        "- MACs: multiply-accumulates of a forward call, in thousand millions; `python -m dysample "
        "complexity` says how they are counted.",
    )
    return "# Time and memory beside bilinear interpolation\n\n" + "\n".join(lines)


def _machine(report: BenchReport) -> tuple[str, ...]:
    machine, copy = report.machine, report.copy
    load = "unknown" if machine.load is None else f"{machine.load:.2f}"
    device = f"{machine.accelerator}, " if machine.accelerator else ""
    where = f"{device}{machine.processor}, {machine.cores} cores, {machine.system}"
    settings = f"- Environment: {', '.join(machine.environment)}."
    return (
        f"- Machine: {where}; load before: {load}.",
        f"- Copying: {_number(copy.median)} GB/s read and written together "
        f"({_number(copy.lower)}–{_number(copy.upper)}).",
        *((settings,) if machine.environment else ()),
        f"- Versions: dysample-lab {machine.dysample}, PyTorch {machine.torch}, Python {machine.python}.",
    )


def _heading(case: BenchCase) -> str:
    batch = f"{case.batch}×" if case.batch > 1 else ""
    size = f"{batch}{case.channels}×{case.height}×{case.width}"
    threads = f", threads: {case.threads}" if case.device == "cpu" else ""
    return f"## {size}, enlarged {case.scale} times, {case.dtype}, {case.device}{threads}"


def _section(rows: Sequence[BenchRow], columns: Sequence[_Column]) -> str:
    lines = [_line([column.title for column in columns])]
    lines.append(_line([":--", ":--", *("--:" for _ in columns[2:])]))
    lines += [_line([column.cell(row) for column in columns]) for row in rows]
    notes = [f"- {name_of(row.case)}: {why}." for row in rows for why in _reasons(row)]
    return "\n".join([*lines, "", *_notes(rows), *notes]).rstrip()


def _notes(rows: Sequence[BenchRow]) -> list[str]:
    """Return the notes below a section's table."""
    notes = list[str]()
    bilinear = [row.forward.baseline.by(row.case.clock).median for row in rows if row.forward]
    if bilinear:
        least, most = _number(min(bilinear)), _number(max(bilinear))
        notes.append(f"- Bilinear interpolation in NCHW beside them: {least} to {most} ms.")
    if any(row.forward and row.forward.candidate.replayed for row in rows):
        launched = [name_of(row.case) for row in rows if row.forward and not row.forward.candidate.replayed]
        notes.append(
            "- Times of the device are those of recorded graphs, without the time to launch them; “launched” "
            "is the device's time for plain calls, in which it waits for one kernel after the other."
        )
        notes += [f"- {name}: cannot be recorded; launching is included." for name in launched]
    return notes


def _columns(report: BenchReport) -> tuple[_Column, ...]:
    both = (
        _Column("forward + backward, ms", lambda row: _milliseconds(row.case, row.training)),
        _Column("× bilinear", lambda row: _ratio(row.case, row.training)),
    )
    launched = (
        _Column("launched, ms", lambda row: _launched(row.forward)),
        _Column("× bilinear", lambda row: _spread(row.forward.launched_ratio if row.forward else None)),
    )
    return (
        _Column("operator", lambda row: name_of(row.case)),
        _Column("reads by", lambda row: row.implementation or NOTHING),
        _Column("forward, ms", lambda row: _milliseconds(row.case, row.forward)),
        _Column("× bilinear", lambda row: _ratio(row.case, row.forward)),
        *(launched if any(row.forward and row.forward.launched_ratio for row in report.rows) else ()),
        _Column("of copying", lambda row: _share(row, report.copy)),
        *(both if report.backward else ()),
        _Column("peak beyond the output, MiB", lambda row: _mebibytes(row.peak)),
        _Column("kept for backward, MiB", _kept),
        _Column("parameters", lambda row: _counted(row.parameters, "{:,}", 1)),
        _Column("MACs, G", lambda row: _counted(row.macs, "{:.3f}", GIGA)),
    )


def _milliseconds(case: BenchCase, race: Race | None) -> str:
    return NOTHING if race is None else _number(race.candidate.by(case.clock).median)


def _ratio(case: BenchCase, race: Race | None) -> str:
    return _spread(None if race is None else race.ratio(case.clock))


def _launched(race: Race | None) -> str:
    if race is None or race.candidate.launched is None:
        return NOTHING
    return _number(race.candidate.launched.median)


def _spread(ratio: Spread | None) -> str:
    return NOTHING if ratio is None else f"{ratio.median:.2f} ({ratio.lower:.2f}–{ratio.upper:.2f})"


def _share(row: BenchRow, copy: Spread) -> str:
    share = share_of_copy(row, copy)
    return NOTHING if share is None else f"{100 * share:.0f} %"


def _counted(cost: Cost, form: str, unit: int) -> str:
    return NOTHING if cost.value is None else form.format(cost.value / unit if unit > 1 else cost.value)


def _mebibytes(cost: Cost) -> str:
    return NOTHING if cost.value is None else f"{cost.value:.1f}"


def _kept(row: BenchRow) -> str:
    if row.kept.value is None:
        return NOTHING
    return f"{_mebibytes(row.kept)} ({_mebibytes(row.kept_beyond_inputs)})"


def _reasons(row: BenchRow) -> list[str]:
    """Return why cells of a row are empty, each reason once."""
    costs = (row.peak, row.kept, row.kept_beyond_inputs, row.parameters, row.macs)
    missing = (cost.method for cost in costs if cost.value is None and cost.method != NOT_ASKED)
    reasons = [row.reason, *missing]
    return list(dict.fromkeys(reason.rstrip(".") for reason in reasons if reason))


def _number(value: float) -> str:
    """Format three significant digits without an exponent."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
