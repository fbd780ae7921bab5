"""Benchmark results made up for tests."""

from dataclasses import replace

from dysample.measure.bench import BenchReport, BenchRow
from dysample.measure.case import BenchCase
from dysample.measure.machine import Machine
from dysample.measure.macs import Cost
from dysample.measure.timing import Race, Spread, Timing

NONE = Cost(None, "MiB", "it is a secret.")
RACE = Race(
    candidate=Timing(wall=Spread(300.04, 290.0, 310.0), busy=Spread(3.001, 3.0, 4.0), calls=1),
    baseline=Timing(wall=Spread(100.0, 90.0, 110.0), busy=Spread(2.0, 2.0, 2.0), calls=7),
    wall_ratio=Spread(3.0, 2.9, 3.125),
    busy_ratio=Spread(1.5, 1.25, 2.0),
)
ROW = BenchRow(
    case=BenchCase("carafe", 256, 8, 9),
    implementation="",
    forward=RACE,
    training=None,
    moved=12_004_000,  # in 3.001 ms: 4 GB/s
    peak=Cost(38.61, "MiB", "peak"),
    kept=Cost(23.1, "MiB", "saved"),
    kept_beyond_inputs=Cost(9, "MiB", "saved"),
    parameters=Cost(74148, "", "counted"),
    macs=Cost(123_456_789, "MACs", "counted"),
    macs_paper_rule=Cost(234_567_890, "MACs", "counted"),
)
SECRET = replace(ROW, case=replace(ROW.case, operator="fade"), peak=NONE, kept=NONE, kept_beyond_inputs=NONE)
REFUSED = BenchRow(
    replace(ROW.case, operator="sapa"),
    *("", None, None, None),
    *[Cost(None, "MiB", "a|b fails")] * 6,
    reason="a|b fails",
)
REPORT = BenchReport(
    command="python -m dysample bench",
    date="2026-01-02T03:04:05+00:00",
    machine=Machine("Abacus", 2, "", 0.5, "Linux", "3.11", "2.14", "0.1", ("OMP_NUM_THREADS=2",)),
    copy=Spread(16.0, 15.0, 17.0),
    rounds=9,
    backward=False,
    complete=True,
    rows=(ROW, SECRET, REFUSED),
)
