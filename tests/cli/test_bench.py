"""`python -m dysample bench`: options, output and files."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from dysample import cli
from dysample.measure import bench
from dysample.measure.bench import BenchRow, from_json
from dysample.measure.bench_table import to_markdown
from dysample.measure.case import BenchCase
from dysample.ops.registry import OPERATORS
from tests.measure.reports import REPORT, ROW

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quick_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "copy_bandwidth", lambda device, **options: REPORT.copy)


@pytest.mark.slow
def test_from_the_command_line_to_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files = ["--json", str(tmp_path / "new" / "b.json"), "--out", str(tmp_path / "new" / "b.md")]
    words = "bench --upsampler sapa carafe bilinear --size 20x4x5 --rounds 1 --backward"
    assert cli.main([*words.split(), *files]) == 0
    report = from_json((tmp_path / "new" / "b.json").read_text(encoding="utf-8"))
    bilinear, beside, carafe, sapa = report.rows
    assert [row.case.operator for row in report.rows] == ["bilinear", "bilinear", "carafe", "sapa"]
    assert [row.case.layout for row in report.rows] == ["nchw", "channels_last", "nchw", "nchw"]
    assert "20" in sapa.reason
    assert sapa.forward is None
    for row in (bilinear, beside, carafe):
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
    cases: list[tuple[BenchCase, int, bool, bool]] = []

    def measure(case: BenchCase, *, rounds: int, backward: bool, memory: bool) -> BenchRow:
        cases.append((case, rounds, backward, memory))
        return replace(ROW, case=case)

    monkeypatch.setattr(bench, "measure", measure)
    words = "bench --upsampler dysample nearest --size 8x2x3 2x4x5x6 8x2x3 --scale 3 --threads 2"
    more = "--dtype bfloat16 float32 --layout channels_last --implementation plain auto"
    flags = "--compiled --rounds 4 --backward --no-memory"
    assert cli.main(f"{words} {more} {flags}".split()) == 0
    first = list(cases)
    ways = [("nearest", "channels_last", "auto"), ("bilinear", "nchw", "auto")]
    ways += [("bilinear", "channels_last", "auto")]
    ways += [("dysample", "channels_last", "plain"), ("dysample", "channels_last", "auto")]
    assert first == [
        (BenchCase(name, *size, 3, dtype, layout, "cpu", 2, how, compiled), 4, True, False)
        for size in ((8, 2, 3, 1), (4, 5, 6, 2))
        for dtype in ("bfloat16", "float32")
        for name, layout, how in ways
        for compiled in (False, True)
    ]
    found = capsys.readouterr().out.partition("`")[2].partition("`")[0]
    cases.clear()
    assert cli.main(shlex.split(found)[3:]) == 0
    assert cases == first


def test_all_operators_by_default(monkeypatch: pytest.MonkeyPatch):
    names: list[str] = []

    def measure(case: BenchCase, *, rounds: int, backward: bool, memory: bool) -> BenchRow:
        names.append(case.operator)
        usual = BenchCase(case.operator, 256, 120, 120, layout=case.layout)
        assert (case, rounds, backward, memory) == (usual, 9, False, True)
        return replace(ROW, case=case)

    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.delenv("DYSAMPLE_KERNEL", raising=False)
    for words in (["bench"], ["bench", "--paper"]):
        names.clear()
        assert cli.main(words) == 0
        assert names == [name for name in OPERATORS for _ in range(1 + (name == "bilinear"))]


def test_an_interruption_keeps_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def measure(case: BenchCase, *, rounds: int, backward: bool, memory: bool) -> BenchRow:
        if case.operator == "carafe":
            raise KeyboardInterrupt
        return replace(ROW, case=case)

    monkeypatch.setattr(bench, "measure", measure)
    words = ["bench", "--upsampler", "nearest", "bilinear", "carafe", "sapa"]
    assert cli.main([*words, "--json", str(tmp_path / "b.json")]) == 130
    report = from_json((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert not report.complete
    assert [row.case.operator for row in report.rows] == ["nearest", "bilinear", "bilinear"]
    assert "| Bilinear |" in capsys.readouterr().out


def test_progress_for_programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """There is a line before and after every case, so that a page can show rows as they come."""
    monkeypatch.setattr(bench, "measure", lambda case, **options: replace(ROW, case=case))
    assert cli.main(["bench", "--upsampler", "bilinear", "carafe", "--progress"]) == 0
    told = [bench.from_line(line) for line in capsys.readouterr().err.splitlines()]
    assert [(each.done, each.total) for each in told] == [(0, 3), (1, 3), (1, 3), (2, 3), (2, 3), (3, 3)]
    assert [each.row is None for each in told] == [True, False] * 3
    assert all(each.row is None or each.row.case == each.case for each in told)
    with pytest.raises(ValueError, match="has no 'total'"):
        bench.from_line('{"done": 1}')


def test_a_benchmark_is_of_one_device():
    case = BenchCase("bilinear", 4, 2, 2)
    for cases in ([], [case, replace(case, threads=2)]):
        with pytest.raises(ValueError, match="needs cases, all on one device with one number of threads"):
            bench.benchmark(cases)


def test_what_the_variable_says_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(bench, "measure", lambda case, **options: replace(ROW, case=case))
    monkeypatch.setenv("DYSAMPLE_KERNEL", "plain")
    assert cli.main(["bench", "--upsampler", "dysample"]) == 0
    out = capsys.readouterr().out
    assert "--implementation plain" in out
    assert "| DySample, plain |" in out
    monkeypatch.setenv("DYSAMPLE_KERNEL", "quick")
    assert cli.main(["bench"]) == 2
    assert "implementation must be one of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--size 20x4", "batch x channels x rows x columns, got '20x4'"),
        ("--size 1x1x20x4x4", "a size must be channels x rows x columns, such as 256x120x120, or"),
        ("--size 0x4x4", "a size must be"),
        ("--size 8x-4x4", "a size must be"),
        ("--rounds 0", "must be an integer of at least 1, got '0'"),
        ("--threads two", "must be an integer of at least 1, got 'two'"),
        ("--scale 2.5", "must be an integer of at least 1, got '2.5'"),
        ("--upsampler bicubic", "invalid choice: 'bicubic'"),
        ("--dtype float64", "invalid choice: 'float64'"),
        ("--implementation quick", "invalid choice: 'quick'"),
        ("--paper --size 8x4x4", "not allowed with argument"),
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
    monkeypatch.setattr(bench, "measure", pytest.fail)
    assert cli.main(["bench", "--device", "tpu"]) == 2
    assert "device must be cpu, cuda or cuda:N, got 'tpu'" in capsys.readouterr().err
    assert cli.main(["bench", "--out", str(tmp_path)]) == 2
    assert f"dysample: {tmp_path} cannot be written: Is a directory" in capsys.readouterr().err
