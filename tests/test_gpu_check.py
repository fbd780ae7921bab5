"""The script that tells all figures of a GPU: its stages, their limits, and its report, without a GPU."""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dysample.cli.parser import make_parser
from dysample.measure.bench import to_json
from scripts import gpu_check
from scripts.gpu_check import Outcome, Stage, run, stages, timed, to_markdown
from tests.measure.reports import REPORT

pytestmark = pytest.mark.slow
WRITE = "import json, sys; json.dump({'seen': sys.argv[1]}, open(sys.argv[-1], 'w')); print('all well')"
MACHINE = {
    "accelerator": "Some GPU",
    "processor": "Abacus",
    "cores": 2,
    "torch": "2.14",
    "date": "2026-01-02",
}


def options(*words: str) -> argparse.Namespace:
    return gpu_check._options(words)


def test_a_gpu_is_measured_beside_the_cpu() -> None:
    found = {stage.name: stage for stage in stages(options("--device", "cuda:1", "--data", "/data"))}
    assert list(found)[:3] == [
        "comparison on cpu in float32",
        "comparison on cuda:1 in float32",
        "comparison on cuda:1 in bfloat16",
    ]
    assert not any(stage.why_not for stage in found.values())
    half = found["comparison on cuda:1 in bfloat16"]
    assert half.environment == {"DYSAMPLE_DEVICE": "cuda:1", "DYSAMPLE_PRECISION": "bfloat16"}
    assert "1080x1920" in half.command
    assert "gpu" in found["tests"].command
    for stage in found.values():
        if stage.command[:2] == ("-m", "dysample"):
            parsed = make_parser().parse_args(stage.command[2:])
            assert parsed.device == ("cpu" if "on cpu" in stage.name else "cuda:1")
    bench = make_parser().parse_args(found["upsamplers on cuda:1"].command[2:])
    assert (list(map(str, bench.size)), bench.dtype) == (["256x120x120"], ["float32", "float16"])


def test_without_a_gpu_or_data_it_says_what_is_left_out() -> None:
    reasons = {stage.name: stage.why_not for stage in stages(options("--device", "cpu", "--data", ""))}
    assert reasons["tests"] == "they need a CUDA device"
    assert reasons["indoor-depth in bfloat16"].startswith("there are no data")
    assert [name for name, reason in reasons.items() if not reason] == [
        "comparison on cpu in float32",
        "upsamplers on cpu",
    ]


def test_a_stage_leaves_its_figures_and_its_last_line(tmp_path: Path) -> None:
    outcome = run(Stage("a b", ("-c", WRITE, "{seconds}"), 0.5), 100.0, tmp_path)
    assert (outcome.state, outcome.words, outcome.figures) == ("done", "all well", {"seen": "25"})
    failed = run(Stage("c", ("-c", "raise SystemExit('no such thing')"), 0.5), 100.0, tmp_path)
    assert (failed.state, failed.words, failed.figures) == ("failed", "no such thing", None)
    for left, why_not in ((1.0, ""), (100.0, "it rains")):
        outcome = run(Stage("d", ("-c", WRITE), 0.5, why_not=why_not), left, tmp_path)
        assert (outcome.state, outcome.words) == ("left out", why_not or "the time was over")


def test_what_takes_too_long_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_check, "_LEAST_S", 0.1)
    child = f"import time; time.sleep(4); open({str(tmp_path / 'survived')!r}, 'w')"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    began = time.monotonic()
    outcome = run(Stage("long", ("-c", program), 1.0), 1.5, tmp_path)
    assert outcome.state == "cut short"
    assert time.monotonic() - began < 4
    time.sleep(max(0.0, began + 6 - time.monotonic()))
    assert not (tmp_path / "survived").exists()


def test_the_report_is_written_after_every_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = Stage("good", ("-c", WRITE, "x"), 0.5), Stage("bad", ("-c", "1/0"), 0.5)
    seen: list[list[str]] = []

    def remembered(machine: dict, outcomes: list[Outcome]) -> str:
        file = tmp_path / "gpu_check.json"
        seen.append([row["name"] for row in json.loads(file.read_text())["stages"]])
        return to_markdown(machine, outcomes)

    monkeypatch.setattr(gpu_check, "stages", lambda options: [good, bad])
    monkeypatch.setattr(gpu_check, "to_markdown", remembered)
    assert gpu_check.main(["--out", str(tmp_path), "--device", "cpu", "--seconds", "60"]) == 1
    assert seen[:2] == [["good"], ["good", "bad"]]
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert (tmp_path / "gpu_check.md").read_text(encoding="utf-8").startswith("# What a GPU tells\n")


def test_the_report_has_times_differences_and_tables() -> None:
    times = {
        "median_ms": {"encoder": 12.34, "nearest": 5.0},
        "size": [1080, 1920],
        "peak_mib": 99.6,
        "sentence": "Networks run on the Some GPU.",
    }
    scores = [{"scores": {"bilinear": {"miou": value, "per_class": [0.5]}}} for value in (0.6125, 0.6121)]
    bench = json.loads(to_json(REPORT))
    done = Outcome("comparison", "done", 3.0, "a|b", "python", times)
    rows = [
        done,
        replace(done, name="street-segmentation in float32", figures=scores[0]),
        replace(done, name="street-segmentation in bfloat16", figures=scores[1]),
        replace(done, name="indoor-depth in float32", figures=scores[0]),
        replace(done, name="upsamplers", figures=bench),
    ]
    text = to_markdown(MACHINE, rows)
    assert "Some GPU, Abacus, 2 cores" in text
    assert "| comparison | done | 3 | a/b |" in text
    assert "## Four upsamplers at 1920×1080, ms" in text
    assert "| comparison | 12.3 | 5.0 | 100 | Networks run on the Some GPU. |" in text
    assert "| street-segmentation | bilinear | miou | 61.250 | -0.0400 |" in text
    assert "| indoor-depth |" not in text  # there is nothing to compare with
    assert "\n### 256×8×9" in text
    assert text.count("\n# ") == 0


def test_a_comparison_is_timed_as_the_app_runs_it() -> None:
    found = timed("engine", (40, 64), 0.0)
    assert found["sentence"].startswith("Networks run on the CPU")
    assert found["rounds"] == 1  # after three that warm up
    assert list(found["median_ms"]) == ["encoder", *gpu_check.COMPARED, "all"]
    parts = sum(value for name, value in found["median_ms"].items() if name != "all")
    assert 0 < parts <= found["median_ms"]["all"]
    assert (found["peak_mib"], found["graphs"]) == (None, 0)
