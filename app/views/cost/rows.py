"""The rows of a benchmark as figures need them: comparable rows, and their numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dysample.measure.bench import GIGA, BenchRow
from dysample.measure.case import DTypeName, Layout, MapSize
from dysample.measure.timing import Clock, Race, Spread
from dysample.ops.registry import OPERATORS, Family

Pass = Literal["forward", "training"]
LAYOUTS: dict[Layout, str] = {"nchw": "NCHW", "channels_last": "channels last"}


@dataclass(frozen=True, slots=True)
class Way:
    """The way in which operators were run.

    Attributes:
        layout: Of maps in memory.
        implementation: What read at points; empty if nothing did.
        dtype: Of maps and weights.
    """

    layout: Layout
    implementation: str
    dtype: DTypeName = "float32"


@dataclass(frozen=True, slots=True)
class Timed:
    """The time of one operator.

    Attributes:
        row: Where it is from.
        label: Name for people.
        family: What kind of upsampler it is.
        ratio: To bilinear interpolation of the same map as NCHW, formed in each round.
        milliseconds: Of a call.
        bilinear: Milliseconds of that interpolation beside it.
        graph: Whether the call was a recorded CUDA graph, without the time to launch its kernels.
    """

    row: BenchRow
    label: str
    family: Family
    ratio: Spread
    milliseconds: Spread
    bilinear: Spread
    graph: bool = False


def sizes(rows: Iterable[BenchRow]) -> tuple[MapSize, ...]:
    """Return the sizes that occur, in their order."""
    return tuple(dict.fromkeys(map(size_of, rows)))


def size_of(row: BenchRow) -> MapSize:
    """Return the size of a row's map."""
    return MapSize(row.case.channels, row.case.height, row.case.width, row.case.batch)


def spoken(size: MapSize) -> str:
    """Return a size for people."""
    return str(size).replace("x", "×")


def ways(rows: Iterable[BenchRow]) -> tuple[Way, ...]:
    """Return the ways in which operators were run; bilinear alone makes none."""
    others = [row for row in rows if row.case.operator != "bilinear" and not row.case.compiled]
    found = [Way(row.case.layout, row.implementation, row.case.dtype) for row in others]
    reading = [way for way in found if way.implementation]
    return tuple(dict.fromkeys(reading or found))


def of_way(rows: Iterable[BenchRow], way: Way) -> tuple[BenchRow, ...]:
    """Return the rows that were run one way, and bilinear interpolation in both layouts."""
    return tuple(
        row
        for row in rows
        if not row.case.compiled
        and row.case.dtype == way.dtype
        and (row.case.operator == "bilinear" or row.case.layout == way.layout)
        and row.implementation in ("", way.implementation)
    )


def label(row: BenchRow) -> str:
    """Return the display name of a row's operator, with the layout for bilinear interpolation."""
    name = OPERATORS[row.case.operator].label
    return f"{name}, {LAYOUTS[row.case.layout]}" if row.case.operator == "bilinear" else name


def race(row: BenchRow, which: Pass) -> Race | None:
    """Return the race of a row."""
    return row.forward if which == "forward" else row.training


def timed(rows: Iterable[BenchRow], which: Pass) -> tuple[Timed, ...]:
    """Return the times of the rows that have one, the fastest first.

    On CUDA there are two of each where the call could be recorded: of the plain call, and of its graph.
    """
    found: list[Timed] = []
    for row in rows:
        run, clock = race(row, which), row.case.clock
        if run is None:
            continue
        if run.launched_ratio is None:
            found.append(_timed(row, run, clock))
            continue
        found.append(_timed(row, run, "launched"))
        if run.candidate.replayed:
            found.append(replace(_timed(row, run, clock), label=f"{label(row)}, as a graph", graph=True))
    return tuple(sorted(found, key=lambda each: each.ratio.median))


def _timed(row: BenchRow, run: Race, clock: Clock) -> Timed:
    kind = OPERATORS[row.case.operator].family
    return Timed(row, label(row), kind, run.ratio(clock), run.candidate.by(clock), run.baseline.by(clock))


def plain(found: Iterable[Timed]) -> tuple[Timed, ...]:
    """Return the times of plain calls."""
    return tuple(each for each in found if not each.graph)


def floor(each: Timed, copy: Spread | None) -> float | None:
    """Return the time of copying a call's inputs and output as a ratio to bilinear; None if unknown."""
    if copy is None or each.row.moved is None:
        return None
    return 1000 * each.row.moved / (copy.median * GIGA) / each.bilinear.median


def reasons(rows: Sequence[BenchRow]) -> tuple[str, ...]:
    """Return sentences on why times are missing."""
    found = (f"{label(row)}: {row.reason.rstrip('.')}." for row in rows if row.reason)
    return tuple(dict.fromkeys(found))


def number(value: float) -> str:
    """Return a number with three significant digits, without an exponent."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"
