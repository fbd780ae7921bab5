"""Calls taken apart: as a record, as JSON and back, and as a page of Markdown."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dysample.analysis.bench.machine import Machine
from dysample.analysis.profiling.parts import PARTS, CallParts
from dysample.analysis.typed_json import report_from
from dysample.ops.registry import OPERATORS


@dataclass(frozen=True, slots=True)
class Refused:
    """An operator that could not be called, and why.

    Attributes:
        operator: Its name in `OPERATORS`.
        reason: A sentence.
    """

    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """One run.

    Attributes:
        command: The command line that makes it again.
        date: When it began, ISO 8601 with time zone.
        machine: Where it ran.
        calls: In the order of `OPERATORS`.
        refused: Operators that do not define the map, or that PyTorch cannot compute.
    """

    command: str
    date: str
    machine: Machine
    calls: tuple[CallParts, ...]
    refused: tuple[Refused, ...]


def to_json(report: ProfileReport) -> str:
    """Write a report as JSON that `from_json` reads."""
    return json.dumps(asdict(report), indent=1) + "\n"


def from_json(text: str) -> ProfileReport:
    """Read a report that `to_json` wrote.

    Raises:
        ValueError: The text is not JSON, or not that of a report.
    """
    return report_from(ProfileReport, text, "a profile")


def to_markdown(report: ProfileReport) -> str:
    """Write a report for people."""
    head = ["operator", "ms", *(f"{part}, %" for part in PARTS)]
    rows = [_line(head), _line([":--", *["--:"] * (len(head) - 1)]), *map(_row, report.calls)]
    refused = [f"- {OPERATORS[each.operator].label}: {each.reason}" for each in report.refused]
    return "\n".join(
        [
            "# Where the time of a forward call goes",
            "",
            f"Made on {report.date} by `{report.command}` on {report.machine.processor}. Milliseconds are by "
            "the clock on the wall, while PyTorch's profiler watched, which costs tiny maps time.",
            "",
            *rows,
            *([""] if refused else []),
            *refused,
        ]
    )


def _row(call: CallParts) -> str:
    shares = (f"{100 * call.share(part):.0f}" for part in PARTS)
    return _line([OPERATORS[call.case.operator].label, f"{call.milliseconds:.3g}", *shares])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
