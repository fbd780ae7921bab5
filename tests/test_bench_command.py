"""`python -m dysample bench`: options, what is printed and the files."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from made_bench import ROW

from dysample import cli
from dysample.analysis.bench import command as bench_command
from dysample.analysis.bench.case import BenchCase
from dysample.analysis.bench.measuring import BenchRow
from dysample.analysis.bench.report import from_json
from dysample.analysis.bench.table import to_markdown
from dysample.ops.registry import OPERATORS


@pytest.mark.slow
def test_from_the_command_line_to_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files = ["--json", str(tmp_path / "new" / "b.json"), "--out", str(tmp_path / "new" / "b.md")]
    words = "bench --upsampler sapa carafe bilinear --size 20x4x5 --rounds 1 --backward"
    assert cli.main([*words.split(), *files]) == 0
    report = from_json((tmp_path / "new" / "b.json").read_text(encoding="utf-8"))
    bilinear, carafe, sapa = report.rows
    assert [row.case.operator for row in report.rows] == ["bilinear", "carafe", "sapa"]
    assert "20" in sapa.reason
    assert sapa.forward is None
    for row in (bilinear, carafe):
        assert row.reason == ""
        assert row.forward is not None
        assert row.training is not None
        assert row.peak.value is not None or "does not let" in row.peak.method
    assert report.complete
    table = (tmp_path / "new" / "b.md").read_text(encoding="utf-8")
    assert table == to_markdown(report)
    assert table in capsys.readouterr().out
    assert sapa.reason in table


def test_the_printed_command_measures_the_same_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    cases: list[tuple[BenchCase, int, bool]] = []

    def measure(case: BenchCase, *, rounds: int, backward: bool) -> BenchRow:
        cases.append((case, rounds, backward))
        return replace(ROW, case=case)

    monkeypatch.setattr(bench_command, "measure", measure)
    words = "bench --upsampler fade nearest --size 8x2x3 4x5x6 8x2x3 --scale 3 --threads 2 --dtype bfloat16"
    more = "--layout channels_last --rounds 4 --backward"
    assert cli.main(f"{words} {more}".split()) == 0
    first = list(cases)
    wanted = [(name, size) for size in ((8, 2, 3), (4, 5, 6)) for name in ("nearest", "fade")]
    assert first == [
        (BenchCase(name, *size, 3, "bfloat16", "channels_last", "cpu", 2), 4, True) for name, size in wanted
    ]
    found = capsys.readouterr().out.partition("`")[2].partition("`")[0]
    cases.clear()
    assert cli.main(shlex.split(found)[3:]) == 0
    assert cases == first


def test_all_operators_by_default(monkeypatch: pytest.MonkeyPatch):
    names: list[str] = []

    def measure(case: BenchCase, *, rounds: int, backward: bool) -> BenchRow:
        names.append(case.operator)
        assert (case, rounds, backward) == (BenchCase(case.operator, 256, 120, 120), 9, False)
        return replace(ROW, case=case)

    monkeypatch.setattr(bench_command, "measure", measure)
    assert cli.main(["bench"]) == 0
    assert names == list(OPERATORS)


def test_an_interruption_keeps_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def measure(case: BenchCase, *, rounds: int, backward: bool) -> BenchRow:
        if case.operator == "carafe":
            raise KeyboardInterrupt
        return replace(ROW, case=case)

    monkeypatch.setattr(bench_command, "measure", measure)
    words = ["bench", "--upsampler", "nearest", "bilinear", "carafe", "sapa"]
    assert cli.main([*words, "--json", str(tmp_path / "b.json")]) == 130
    report = from_json((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert not report.complete
    assert [row.case.operator for row in report.rows] == ["nearest", "bilinear"]
    assert "| Bilinear |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--size 20x4", "a size must be channels x rows x columns, such as 256x120x120, got '20x4'"),
        ("--size 0x4x4", "a size must be"),
        ("--size 8x-4x4", "a size must be"),
        ("--rounds 0", "must be an integer of at least 1, got '0'"),
        ("--threads two", "must be an integer of at least 1, got 'two'"),
        ("--scale 2.5", "must be an integer of at least 1, got '2.5'"),
        ("--upsampler bicubic", "invalid choice: 'bicubic'"),
        ("--dtype float64", "invalid choice: 'float64'"),
    ],
)
def test_options_that_are_refused(words: str, message: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["bench", *words.split()])
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_what_cannot_be_done_is_told_before_the_measurement(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(bench_command, "measure", pytest.fail)
    assert cli.main(["bench", "--device", "tpu"]) == 2
    assert "device must be cpu, cuda or such as cuda:1, got 'tpu'" in capsys.readouterr().err
    assert cli.main(["bench", "--out", str(tmp_path)]) == 2
    assert f"dysample: {tmp_path} cannot be written: Is a directory" in capsys.readouterr().err
