"""What was found about a swap, as a record and as JSON."""

import json
from dataclasses import asdict, dataclass

from dysample.analysis.bench.machine import Machine
from dysample.analysis.bench.timing import Race
from dysample.analysis.trial.costs import SwapCosts
from dysample.analysis.trial.deploy import Attempt
from dysample.analysis.trial.plan import Plan
from dysample.analysis.trial.start import Start
from dysample.analysis.trial.survey import Survey
from dysample.analysis.typed_json import record_from


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
