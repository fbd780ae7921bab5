"""Results of a benchmark: as a record, as JSON and back."""

import json
from dataclasses import asdict, dataclass

from dysample.analysis.bench.machine import Machine
from dysample.analysis.bench.measuring import BenchRow
from dysample.analysis.bench.timing import Spread
from dysample.analysis.typed_json import report_from


@dataclass(frozen=True, slots=True)
class BenchReport:
    """One run of the benchmark.

    Attributes:
        command: The command line that makes it again.
        date: When it began, ISO 8601 with time zone.
        machine: Where it ran.
        copy: Bytes that a large copy reads and writes there, in thousand millions a second.
        rounds: Samples of each operator and of bilinear interpolation.
        backward: Whether forward and backward together were timed.
        complete: Whether all that was asked for was measured; False if it was interrupted.
        rows: In the order in which they were measured.
    """

    command: str
    date: str
    machine: Machine
    copy: Spread
    rounds: int
    backward: bool
    complete: bool
    rows: tuple[BenchRow, ...]


def to_json(report: BenchReport) -> str:
    """Write a report as JSON that `from_json` reads."""
    return json.dumps(asdict(report), indent=1) + "\n"


def from_json(text: str) -> BenchReport:
    """Read a report that `to_json` wrote.

    Raises:
        ValueError: The text is not JSON, or not that of a report.
    """
    return report_from(BenchReport, text, "a benchmark")
