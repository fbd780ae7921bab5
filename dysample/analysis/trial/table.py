"""What was found about a swap as a page of Markdown."""

from dysample.analysis.bench.timing import Race, Spread
from dysample.analysis.cost import Cost
from dysample.analysis.trial.report import TrialReport
from dysample.analysis.trial.start import Start
from dysample.models.swap.table import to_table

NOTHING = "–"


def to_markdown(report: TrialReport) -> str:
    """Write a report for people."""
    before, after = report.survey, report.costs
    shape = "×".join(map(str, before.input))
    parts = [
        f"# {report.model}: {len(report.plan)} of {len(before.sites)} sites swapped",
        f"Made on {report.date} by `{report.command}`, with an input of {shape}. Machine: "
        f"{report.machine.processor}, {report.machine.cores} cores; PyTorch {report.machine.torch}, "
        f"dysample-lab {report.machine.dysample}.",
        _sites(report),
        f"- Parameters: {before.parameters:,} before, {after.parameters:,} after.\n"
        f"- Multiply-accumulates: {_giga(before.macs)} before, {_giga(after.macs)} after.",
        *([_start(report.start)] if report.start else []),
        *([_race(report.race, report.threads, report.rounds)] if report.race else []),
        *([_attempts(report)] if report.attempts else []),
    ]
    return "\n\n".join(parts)


def _sites(report: TrialReport) -> str:
    placed = {each.site: each for each in report.costs.placed}
    rows = list[tuple[str, ...]]()
    for each in report.survey.sites:
        site, there = each.site, placed.get(each.site.name)
        shapes = f"{'×'.join(map(str, site.input[1:]))} to {'×'.join(map(str, site.output[1:]))}"
        new = (there.operator, f"{there.parameters:,}", _giga(there.macs)) if there else ("", "", "")
        rows.append((str(site.order), site.name, site.source, shapes, site.mode, *new, site.reason))
    heads = ("#", "site", "line", "map", "mode", "new", "parameters", "MACs", "why not unasked")
    return to_table(heads, rows)


def _start(start: Start) -> str:
    kind = "where that is to be rounding" if start.exact else "where repeated enlargements are not one"
    return (
        f"- Output as swapped, from the original's: {_number(start.fresh)} {start.fresh.unit}.\n"
        f"- The same with all offsets zero, {kind}: {_number(start.zero_offsets)}.\n"
        f"- With all offsets zero, from interpolation at the same places: {_number(start.interpolated)}."
    )


def _race(race: Race, threads: int, rounds: int) -> str:
    before, after = _spread(race.baseline.wall), _spread(race.candidate.wall)
    return (
        f"- Time on the wall: {before} ms before, {after} ms after.\n"
        f"- CPU time: × {_spread(race.busy_ratio)} ({threads} threads, {rounds} rounds in turns; medians, "
        "quartiles in brackets)."
    )


def _attempts(report: TrialReport) -> str:
    rows = [
        (each.name, each.outcome, each.original or "", _number(each.difference), each.how, each.words)
        for each in report.attempts
    ]
    return to_table(("tried", "swapped", "original", "difference", "how", "note"), rows)


def _spread(spread: Spread) -> str:
    return f"{spread.median:.3g} ({spread.lower:.3g}, {spread.upper:.3g})"


def _giga(cost: Cost) -> str:
    return f"no number, {cost.method}" if cost.value is None else f"{cost.value / 1e9:.3f} G"


def _number(cost: Cost) -> str:
    return f"{NOTHING} ({cost.method})" if cost.value is None else f"{cost.value:.1e}"
