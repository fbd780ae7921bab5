"""A benchmark as JSON and as Markdown."""

import json
from dataclasses import asdict, replace

import pytest

from dysample.measure.bench import from_json, to_json
from dysample.measure.bench_table import to_markdown
from dysample.measure.timing import Spread
from tests.measure.reports import RACE, REFUSED, REPORT, ROW, SECRET


def test_json_round_trip():
    report = replace(
        REPORT, rows=(*REPORT.rows, replace(ROW, training=RACE)), machine=replace(REPORT.machine, load=None)
    )
    assert from_json(to_json(report)) == report


@pytest.mark.parametrize(
    "change",
    [
        {"rounds": "9"},
        {"rows": {}},
        {"machine": None},
        {"surprise": 1},
        {"rows": [{**asdict(ROW), "case": {**asdict(ROW.case), "layout": "nhwc"}}]},
        {"rows": [{**asdict(ROW), "forward": {}}]},
    ],
)
def test_another_json_is_refused(change: dict[str, object]):
    with pytest.raises(ValueError, match="must hold a benchmark of this version"):
        from_json(json.dumps({**json.loads(to_json(REPORT)), **change}))
    with pytest.raises(ValueError, match="Expecting value"):
        from_json("benchmark")


def test_the_table():
    lines = to_markdown(REPORT).splitlines()
    figures = "3.00 | 1.50 (1.25–2.00) | 25 %"
    assert f"| CARAFE | – | {figures} | 38.6 | 23.1 (9.0) | 74,148 | 0.123 |" in lines
    assert f"| FADE | – | {figures} | – | – | 74,148 | 0.123 |" in lines
    assert "| SAPA-B | – | – | – | – | – | – | – | – |" in lines
    assert "- FADE: it is a secret." in lines
    assert "- SAPA-B: a|b fails." in lines
    assert "- Bilinear interpolation in NCHW beside them: 2.00 to 2.00 ms." in lines
    assert "- Copying: 16.0 GB/s read and written together (15.0–17.0)." in lines
    assert "## 256×8×9, enlarged 2 times, float32, cpu, threads: 1" in lines
    assert "Interrupted" not in to_markdown(REPORT)
    tables = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in tables}) == 1


def test_several_threads_are_told_by_the_clock_on_the_wall():
    rows = tuple(replace(row, training=RACE, case=replace(row.case, threads=2)) for row in (ROW, REFUSED))
    table = to_markdown(replace(REPORT, backward=True, rows=rows))
    assert "| CARAFE | – | 300 | 3.00 (2.90–3.12) | 0 % | 300 | 3.00 (2.90–3.12) | 38.6 |" in table


def test_ways_to_run_are_told():
    """Layouts, implementations and compiled operators share a table, to be compared."""
    usual = replace(ROW.case, operator="dysample")
    ways = ({}, {"layout": "channels_last", "implementation": "plain"}, {"compiled": True})
    rows = [replace(ROW, case=replace(usual, **way), implementation="plain") for way in ways]
    table = to_markdown(replace(REPORT, rows=tuple(rows)))
    for name in ("DySample", "DySample, channels last, plain", "DySample, compiled"):
        assert f"| {name} | plain |" in table
    assert table.count("## ") == 1


def test_graphs_of_calls_are_told():
    graph = replace(RACE, candidate=replace(RACE.candidate, replayed=True))
    rows = [
        replace(ROW, forward=race, case=replace(ROW.case, device="cuda", operator=name))
        for name, race in (("nearest", graph), ("carafe", RACE))
    ]
    table = to_markdown(replace(REPORT, rows=tuple(rows)))
    assert "those of recorded graphs" in table
    assert "- CARAFE: cannot be recorded" in table
    assert "- Nearest" not in table


def test_plain_calls_stand_beside_their_graphs():
    took = replace(RACE.candidate, launched=Spread(4.5, 4.0, 5.0))
    graph = replace(RACE, candidate=took, launched_ratio=Spread(2.25, 2.0, 2.5))
    report = replace(REPORT, rows=(replace(ROW, forward=graph), SECRET))
    table = to_markdown(report)
    assert "| launched, ms | × bilinear |" in table
    assert "| 3.00 | 1.50 (1.25–2.00) | 4.50 | 2.25 (2.00–2.50) |" in table
    assert "| 3.00 | 1.50 (1.25–2.00) | – | – |" in table
    assert "launched" not in to_markdown(REPORT)
    assert from_json(to_json(report)) == report


def test_reports_from_before_there_were_launched_times_are_read():
    old = json.loads(to_json(REPORT))
    race = old["rows"][0]["forward"]
    for owner, name in (
        (race, "launched_ratio"),
        (race["candidate"], "launched"),
        (race["baseline"], "launched"),
    ):
        assert owner.pop(name) is None
    assert from_json(json.dumps(old)) == REPORT
    del race["candidate"]["calls"]
    with pytest.raises(ValueError, match="has no 'calls'"):
        from_json(json.dumps(old))


def test_a_table_for_every_size():
    rows = [replace(ROW, case=replace(ROW.case, height=height)) for height in (8, 8, 16)]
    table = to_markdown(replace(REPORT, rows=tuple(rows), complete=False))
    assert table.count("## 256×8×9") == table.count("## 256×16×9") == 1
    assert "Interrupted: what had not been measured by then is missing." in table
