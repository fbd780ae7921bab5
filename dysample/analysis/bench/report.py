"""Results of a benchmark: as a record, as JSON and back."""

import json
from dataclasses import asdict, dataclass, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dysample.analysis.bench.machine import Machine
from dysample.analysis.bench.measuring import BenchRow


@dataclass(frozen=True, slots=True)
class BenchReport:
    """One run of the benchmark.

    Attributes:
        command: The command line that makes it again.
        date: When it began, ISO 8601 with time zone.
        machine: Where it ran.
        rounds: Samples of each operator and of bilinear interpolation.
        backward: Whether forward and backward together were timed.
        complete: Whether all that was asked for was measured; False if it was interrupted.
        rows: By size, then in the order of `OPERATORS`.
    """

    command: str
    date: str
    machine: Machine
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
    return _typed(BenchReport, json.loads(text))


def _typed(kind: Any, plain: Any) -> Any:
    """Give what JSON holds the type that a record declares for it."""
    options: tuple[Any, ...] = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    first, origin = options[0], get_origin(options[0])
    if plain is None and NoneType in options:
        return None
    if is_dataclass(first) and isinstance(first, type) and isinstance(plain, dict):
        hints = get_type_hints(first)
        if hints.keys() == plain.keys():
            return first(**{name: _typed(hints[name], plain[name]) for name in hints})
    elif origin is tuple and isinstance(plain, list):
        return tuple(_typed(get_args(first)[0], value) for value in plain)
    elif type(plain) in options or (origin is Literal and plain in get_args(first)):
        return plain
    name = getattr(kind, "__name__", str(kind))
    raise ValueError(f"the file must hold a benchmark of this version: expected {name}, got {plain!r:.60}")
