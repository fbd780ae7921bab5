"""What was found about a swap, as a record and as JSON."""

import json
from dataclasses import asdict, dataclass

from dysample.files import record_from
from dysample.markdown import to_table
from dysample.measure.machine import Machine
from dysample.measure.macs import Cost
from dysample.measure.timing import Race, Spread
from dysample.trial.deploy import Attempt
from dysample.trial.plan import Plan, Start
from dysample.trial.survey import Survey, SwapCosts


@dataclass(frozen=True, slots=True)
class TrialReport:
    """A swap in one model.

    Attributes:
        command: The command line that makes it again.
        date: When it began, ISO 8601 with time zone.
        machine: Where it ran.
        model: Its name.
        plan: Which operator went to which site.
        survey: The model as it was.
        costs: And after the swap.
        start: Its output before any training; None if that was not asked for.
        threads: CPU threads that PyTorch used for timing.
        rounds: Samples of each model.
        race: The swapped model beside the original; None if that was not asked for.
        attempts: At deployment; empty if that was not asked for.
    """

    command: str
    date: str
    machine: Machine
    model: str
    plan: Plan
    survey: Survey
    costs: SwapCosts
    start: Start | None
    threads: int
    rounds: int
    race: Race | None
    attempts: tuple[Attempt, ...]


def to_json(report: TrialReport) -> str:
    """Write a report as JSON that `from_json` reads."""
    return json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> TrialReport:
    """Read a report that `to_json` wrote.

    Raises:
        ValueError: The text is not JSON, or not that of a report.
    """
    return record_from(TrialReport, json.loads(text))


# What was found about a swap as a page of Markdown.


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
