"""Sweeps in processes: lines, endings, signals, and the command itself."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from dysample.cli import train
from dysample.cli.parser import sweep_options
from dysample.training.runs import load_checkpoint, read_log
from dysample.training.sweep import Ending, TrainingJob
from dysample.training.workers import LocalWorkers
from tests.training.datasets import make_data, make_recipe, make_start

pytestmark = pytest.mark.slow

NAMES = ("nearest", "bilinear", "dysample@groups=2", "pixelshuffle")


def job(tmp_path: Path, seed: int) -> TrainingJob:
    return TrainingJob("made", tmp_path, tmp_path, "heads", ("nearest",), seed)


def pretend(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let a job run a program, which reads its seed, device and threads from the arguments."""
    monkeypatch.setattr(
        TrainingJob,
        "command",
        lambda self, *given: [sys.executable, "-c", program, str(self.seed), *map(str, given)],
    )


def test_processes_tell_their_lines_and_how_they_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (
        "import sys, os\n"
        "print('runs', *sys.argv[1:], flush=True)\n"
        "print('dysample: no room', file=sys.stderr) if sys.argv[1] == '2' else None\n"
        "os.abort() if sys.argv[1] == '3' else sys.exit(int(sys.argv[1]))"
    )
    pretend(monkeypatch, program)
    workers = LocalWorkers(["cpu", "cpu"], threads=5)
    endings = {each.seed: ending for each, ending in workers.run([job(tmp_path, k) for k in range(4)])}
    assert endings[0] == Ending(0, "runs 0 cpu 5")
    assert endings[1] == Ending(1, "runs 1 cpu 5")
    assert endings[2] == Ending(2, "no room")
    assert endings[3] == Ending(-signal.SIGABRT, "ended by the signal SIGABRT")
    printed = capsys.readouterr().err.splitlines()
    assert sorted(line.split("] ")[1] for line in printed if "runs" in line) == [
        f"runs {k} cpu 5" for k in range(4)
    ]
    assert {line.split("]")[0] for line in printed} <= {"[1 cpu", "[2 cpu"}


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    sweep_options(parser)
    return parser.parse_args(arguments)


def workshop(folder: Path) -> list[str]:
    """Write data, starting weights and a recipe; return the options of the command that name them."""
    make_data(folder)
    make_start(folder)
    found = ["--data", str(folder), "--runs", str(folder / "runs"), "--device", "cpu"]
    return [make_recipe(folder), *found, "--workers", "2", "--threads", "1"]


def test_a_signal_stops_all_workers_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (
        "import os, pathlib, sys, time\n"
        f"pathlib.Path({str(tmp_path)!r}, 'pid' + sys.argv[1]).write_text(str(os.getpid()))\n"
        "time.sleep(100)"
    )
    words = workshop(tmp_path)
    pretend(monkeypatch, program)
    found = [tmp_path / "pid0", tmp_path / "pid1"]

    def end() -> None:
        while not all(path.exists() and path.read_text() for path in found):
            threading.Event().wait(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end, daemon=True).start()
    made = options(*words, "--stage", "whole", "--upsamplers", "nearest", "--seeds", "0", "1", "2")
    assert train.run_sweep(made) == train.INTERRUPTED
    assert "3 interrupted" in capsys.readouterr().out
    for path in found:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


@pytest.mark.slow
def test_the_command_trains_heads_in_processes_and_skips_them_afterwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ("--upsamplers", "nearest", "dysample@groups=2", "sapa", "--seeds", "0", "1")
    words = [*workshop(tmp_path), *chosen, "--bfloat16"]
    assert train.run_sweep(options(*words)) == train.FAILED
    printed = capsys.readouterr()
    assert "4 done, 2 failed" in printed.out
    assert "channels" in next(line for line in printed.out.splitlines() if line.startswith("sapa"))
    assert "[1 cpu] made-task bilinear end to end" in printed.err
    assert "[2 cpu] made-task heads, seed" in printed.err
    for name in ("nearest", "dysample@groups=2"):
        for seed in (0, 1):
            path = tmp_path / "runs" / "made-task" / "heads" / f"{name}-seed{seed}" / "checkpoint.pt"
            assert load_checkpoint(path)["epoch"] == 2
            assert read_log(path.with_name("log.jsonl"))[0]["device"] == "cpu, 1 threads, bfloat16"
    again = [word for word in words if word != "sapa"]
    assert train.run_sweep(options(*again)) == 0
    printed = capsys.readouterr()
    assert "4 skipped" in printed.out
    assert "end to end" not in printed.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("made", "--upsamplers", "no-such"), "no upsampler is called 'no-such'"),
        (("made", "--seeds", "-1"), "must be an integer of at least 0"),
        (("made", "--workers", "0"), "must be an integer of at least 1, got '0'"),
        (("made", "--upsamplers", "nearest", "--ablation", "table1"), "not allowed with"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options(*arguments)
    assert sentence in capsys.readouterr().err


def test_a_sweep_needs_a_recipe_or_an_ablation() -> None:
    with pytest.raises(ValueError, match=r"name a recipe .* or an ablation with --ablation"):
        train.run_sweep(options())
