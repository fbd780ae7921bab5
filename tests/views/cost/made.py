"""A made-up benchmark and profile for tests of the Cost page, and a program that reports them."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.records import CostResult
from dysample.measure.bench import BenchProgress, BenchReport, BenchRow, to_json, to_line
from dysample.measure.case import BenchCase, BenchRequest, DTypeName, MapSize
from dysample.measure.macs import Cost
from dysample.measure.profile import CallParts, ProfileReport
from dysample.measure.profile import to_json as profile_to_json
from dysample.measure.timing import Race, Spread, Timing
from tests.measure.reports import REPORT

SMALL = MapSize(64, 32, 32)
OPERATORS = ("nearest", "bilinear", "pixelshuffle", "carafe", "dysample")
# Times bilinear's; for twice the sides, twice as much.
RATIOS = {"nearest": 0.5, "bilinear": 1.0, "pixelshuffle": 16.0, "carafe": 4.0, "dysample": 0.8}
BILINEAR_MS = 2.0
PYTHON = sys.executable  # before a test puts another in its place
PROGRAM = """
import pathlib, sys, time
arguments, folder = sys.argv[1:], pathlib.Path(r"{folder}")
target = pathlib.Path(arguments[arguments.index("--json") + 1])
what = arguments[0] if arguments[0] == "bench" else "profile"
(folder / "asked.txt").write_text(" ".join(arguments), encoding="utf-8")
for line in (folder / f"{{what}}.lines").read_text(encoding="utf-8").splitlines():
    print(line, file=sys.stderr, flush=True)
{ending}
target.write_text((folder / f"{{what}}.json").read_text(encoding="utf-8"), encoding="utf-8")
"""


def spread(value: float) -> Spread:
    return Spread(value, 0.9 * value, 1.1 * value)


def race(ratio: float) -> Race:
    took = Timing(wall=spread(9 * ratio), busy=spread(BILINEAR_MS * ratio), calls=3)
    beside = Timing(wall=spread(9.0), busy=spread(BILINEAR_MS), calls=3)
    return Race(took, beside, spread(7 * ratio), spread(ratio))


def on_gpu(race: Race, *, replayed: bool) -> Race:
    """The same, but for a fifth of a millisecond that each call is launched in."""
    took, beside = (
        replace(timing, launched=spread(timing.busy.median + 0.2), replayed=replayed)
        for timing in (race.candidate, race.baseline)
    )
    ratio = took.launched.median / beside.launched.median
    return replace(race, candidate=took, baseline=beside, launched_ratio=spread(ratio))


def row(case: BenchCase, *, training: bool = False) -> BenchRow:
    """As long as its ratio says; 2 MB moved, 8 MiB at the peak, 1 and 2 GMACs. CARAFE has no graph."""
    ratio = RATIOS.get(case.operator, 3.0) * (case.height / 32 if case.operator != "bilinear" else 1)
    ratio *= 0.25 if case.layout == "channels_last" else 1
    forward = race(ratio)
    if case.device != "cpu":
        forward = on_gpu(forward, replayed=case.operator != "carafe")
    return BenchRow(
        case=case,
        implementation="native" if case.operator.startswith("dysample") else "",
        forward=forward,
        training=race(2 * ratio) if training else None,
        moved=2_000_000,
        peak=Cost(8.0, "MiB", "peak"),
        kept=Cost(4.0, "MiB", "saved"),
        kept_beyond_inputs=Cost(3.0, "MiB", "saved"),
        parameters=Cost(100, "", "counted"),
        macs=Cost(10**9, "MACs", "counted"),
        macs_paper_rule=Cost(2 * 10**9, "MACs", "counted"),
    )


def report(
    sizes: Sequence[MapSize] = (SMALL,),
    *,
    training: bool = False,
    operators: Sequence[str] = OPERATORS,
    device: str = "cpu",
    dtypes: Sequence[DTypeName] = ("float32",),
) -> BenchReport:
    asked = BenchRequest(operators=operators, sizes=sizes, device=device, dtypes=dtypes)
    rows = tuple(row(case, training=training) for case in asked.cases())
    command = asked.command(rounds=5, backward=training, memory=True)
    machine = replace(REPORT.machine, accelerator="" if device == "cpu" else "Some GPU")
    return replace(REPORT, command=command, rows=rows, backward=training, machine=machine)


def profile() -> ProfileReport:
    """DySample mostly reads, CARAFE and pixel shuffle mostly convolve."""
    shares = {
        "pixelshuffle": (0.0, 0.9, 0.0, 0.1, 0.0),
        "carafe": (0.3, 0.5, 0.1, 0.05, 0.05),
        "dysample": (0.6, 0.2, 0.0, 0.1, 0.1),
    }
    calls = (CallParts(BenchCase(name, 64, 32, 32), 2.0, *each) for name, each in shares.items())
    command = "python -m dysample profile --size 64x32x32 --layout nchw"
    return ProfileReport(command, REPORT.date, REPORT.machine, tuple(calls), ())


def result(**choices: object) -> CostResult:
    made = report(**choices)
    return CostResult(
        "Made up", made.rows, made.machine, made.date, made.command, made.copy, profile(), to_json(made)
    )


def write_program(folder: Path, *, ending: str = "", told: int | None = None, device: str = "cpu") -> Path:
    """A program in the place of Python that tells the made-up benchmark, line by line.

    Args:
        folder: Where everything is put.
        ending: What it does before it writes its report, as Python.
        told: How many lines of progress it tells; None for all.
        device: The device that was measured; a GPU in two types.
    """
    made = report(device=device, dtypes=("float32",) if device == "cpu" else ("float32", "float16"))
    lines: list[str] = []
    for number, each in enumerate(made.rows):
        lines.append(to_line(BenchProgress(number, len(made.rows), each.case, None)))
        lines.append(to_line(BenchProgress(number + 1, len(made.rows), each.case, each)))
    (folder / "bench.lines").write_text("\n".join(lines[:told]), encoding="utf-8")
    (folder / "bench.json").write_text(to_json(made), encoding="utf-8")
    (folder / "profile.lines").write_text("1/3 Watching Pixel shuffle", encoding="utf-8")
    (folder / "profile.json").write_text(profile_to_json(profile()), encoding="utf-8")
    program, shell = folder / "program.py", folder / "python"
    program.write_text(PROGRAM.format(folder=folder, ending=ending), encoding="utf-8")
    shell.write_text(f'#!/bin/sh\nshift 2\nexec {PYTHON} {program} "$@"\n', encoding="utf-8")
    shell.chmod(0o755)
    return shell
