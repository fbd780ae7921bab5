"""Report of a trial, as a record, as JSON and as Markdown."""

import json
from dataclasses import asdict, dataclass

from dysample.files import report_from
from dysample.markdown import to_table
from dysample.measure.machine import Machine
from dysample.measure.macs import Cost
from dysample.measure.timing import Race, Spread
from dysample.trial.deploy import Attempt
from dysample.trial.plan import Plan, Start
from dysample.trial.survey import Survey, SwapCosts

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class TrialReport:
    """A swap in one model.

    Attributes:
        command: The command line that repeats the trial.
        date: Start of the trial, ISO 8601 with time zone.
        machine: The machine that it ran on.
        model: Name of the model.
        plan: Which operator went to which site.
        survey: The model before the swap.
        costs: The model after the swap.
        start: Differences of the outputs before any training; None if not requested.
        threads: CPU threads that PyTorch used for timing.
        rounds: Samples of each model.
        race: Times of the swapped model and the original; None if not requested.
        attempts: Attempts at deployment; empty if not requested.
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
    """Return a report as JSON that `from_json` reads."""
    return json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> TrialReport:
    """Read a report that `to_json` wrote.

    Raises:
        ValueError: The text is not JSON, or not the JSON of a report.
    """
    return report_from(TrialReport, text, "a trial")


def to_markdown(report: TrialReport) -> str:
    """Return a report as a page of Markdown."""
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
    placed_by_name = {placed.site: placed for placed in report.costs.placed}
    rows = list[tuple[str, ...]]()
    for row in report.survey.sites:
        site, placed = row.site, placed_by_name.get(row.site.name)
        shapes = f"{'×'.join(map(str, site.input[1:]))} to {'×'.join(map(str, site.output[1:]))}"
        new = (placed.operator, f"{placed.parameters:,}", _giga(placed.macs)) if placed else ("", "", "")
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
        (item.name, item.outcome, item.original or "", _number(item.difference), item.how, item.words)
        for item in report.attempts
    ]
    return to_table(("tried", "swapped", "original", "difference", "how", "note"), rows)


def _spread(spread: Spread) -> str:
    return f"{spread.median:.3g} ({spread.lower:.3g}, {spread.upper:.3g})"


def _giga(cost: Cost) -> str:
    return f"no number, {cost.method}" if cost.value is None else f"{cost.value / 1e9:.3f} G"


def _number(cost: Cost) -> str:
    return f"{NOTHING} ({cost.method})" if cost.value is None else f"{cost.value:.1e}"
