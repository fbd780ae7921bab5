"""Sweeps: what is trained, skipped, tried again, and told."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest
from made_data import make_data, make_recipe, make_start

from dysample.training import sweep_command
from dysample.training.checkpoint import load_checkpoint, save_checkpoint
from dysample.training.jobs import MENDABLE, Ending, Job
from dysample.training.local import LocalWorkers, local_devices
from dysample.training.recipe import load_recipe
from dysample.training.stages import head_folder, whole_folder
from dysample.training.sweep import Outcome, Sweep, sweep

NAMES = ("nearest", "bilinear", "dysample@groups=2", "pixelshuffle")


class PretendedWorkers:
    """Carries jobs out by a function, and remembers them."""

    def __init__(self, count: int, carry_out: Callable[[Job], Ending]) -> None:
        self.count = count
        self.carry_out = carry_out
        self.seen: list[tuple[str, tuple[str, ...], int]] = []

    def run(self, jobs: Sequence[Job]) -> Generator[tuple[Job, Ending], None, None]:
        for job in jobs:
            self.seen.append((job.stage, job.upsamplers, job.seed))
            yield job, self.carry_out(job)


@pytest.fixture
def made(tmp_path: Path) -> Sweep:
    recipe = make_recipe(tmp_path)
    folders = {"data": tmp_path, "runs": tmp_path / "runs"}
    return Sweep(load_recipe(recipe), recipe, **folders, stage="heads", upsamplers=NAMES, seeds=(0, 1))


def complete(job: Job, *names: str, epoch: int = 2) -> Ending:
    """Leave behind what finished runs do."""
    folder = head_folder if job.stage == "heads" else whole_folder
    for name in names or job.upsamplers:
        path = folder(load_recipe(job.recipe), job.runs, name, job.seed) / "checkpoint.pt"
        save_checkpoint({"epoch": epoch}, path)
    return Ending(0, "")


def states(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.state for outcome in outcomes]


def test_heads_of_a_seed_share_a_job_after_the_encoder(made: Sweep) -> None:
    workers = PretendedWorkers(1, complete)
    assert states(sweep(made, workers)) == ["done"] * 8
    assert workers.seen == [("encoder", ("bilinear",), 0), ("heads", NAMES, 0), ("heads", NAMES, 1)]


def test_what_is_complete_is_skipped_and_what_is_not_goes_on(made: Sweep) -> None:
    first = PretendedWorkers(1, lambda job: complete(job, *job.upsamplers[:1]))
    sweep(made, first)
    workers = PretendedWorkers(1, complete)
    outcomes = sweep(made, workers)
    assert states(outcomes) == ["skipped", "done", "done", "done"] * 2
    assert workers.seen == [("heads", NAMES[1:], 0), ("heads", NAMES[1:], 1)]
    again = PretendedWorkers(1, complete)
    assert states(sweep(made, again)) == ["skipped"] * 8
    assert again.seen == []


def test_heads_are_split_evenly_among_more_workers_than_seeds(made: Sweep) -> None:
    workers = PretendedWorkers(4, complete)
    sweep(made, workers)
    parts = [(upsamplers, seed) for stage, upsamplers, seed in workers.seen if stage == "heads"]
    assert [len(upsamplers) for upsamplers, _ in parts] == [2, 2, 2, 2]
    assert {(name, seed) for upsamplers, seed in parts for name in upsamplers} == {
        (name, seed) for name in NAMES for seed in (0, 1)
    }


def test_end_to_end_every_run_is_a_job_of_its_own(made: Sweep) -> None:
    from dataclasses import replace

    workers = PretendedWorkers(1, complete)
    assert states(sweep(replace(made, stage="whole"), workers)) == ["done"] * 8
    assert workers.seen == [("whole", (name,), seed) for seed in (0, 1) for name in NAMES]


def test_a_job_that_breaks_is_halved_until_the_one_to_blame_is_alone(made: Sweep) -> None:
    def carry_out(job: Job) -> Ending:
        return Ending(1, "out of memory") if "pixelshuffle" in job.upsamplers else complete(job)

    workers = PretendedWorkers(1, carry_out)
    outcomes = sweep(made, workers)
    assert states(outcomes) == ["done", "done", "done", "failed"] * 2
    assert {outcome.reason for outcome in outcomes if outcome.state == "failed"} == {"out of memory"}
    assert [upsamplers for _, upsamplers, seed in workers.seen[1:] if seed == 0] == [
        NAMES,
        NAMES[:2],
        NAMES[2:],
        NAMES[2:3],
        NAMES[3:],
    ]


def test_a_sentence_for_people_is_not_tried_again(made: Sweep) -> None:
    """A loss that is not finite fails its head; the others of its job are complete."""

    def carry_out(job: Job) -> Ending:
        complete(job, *(name for name in job.upsamplers if name != "nearest"))
        return Ending(MENDABLE, "the loss of nearest is nan") if job.stage == "heads" else Ending(0, "")

    workers = PretendedWorkers(1, carry_out)
    outcomes = sweep(made, workers)
    assert states(outcomes) == ["failed", "done", "done", "done"] * 2
    assert outcomes[0] == Outcome("nearest", 0, "failed", "the loss of nearest is nan")
    assert len(workers.seen) == 3


def test_what_cannot_be_built_fails_before_anything_is_trained(made: Sweep) -> None:
    from dataclasses import replace

    workers = PretendedWorkers(1, complete)
    outcomes = sweep(replace(made, upsamplers=("dysample@groups=16", "nearest"), seeds=(0,)), workers)
    assert states(outcomes) == ["failed", "done"]
    assert "multiple of groups=16, got 8" in outcomes[0].reason
    assert ("heads", ("nearest",), 0) in workers.seen


def test_without_an_encoder_all_heads_fail_with_its_reason(made: Sweep) -> None:
    outcomes = sweep(made, PretendedWorkers(1, lambda job: Ending(MENDABLE, "no picture")))
    assert {(each.state, each.reason) for each in outcomes} == {("failed", "the encoder failed: no picture")}


def test_an_interruption_is_told_run_by_run(made: Sweep) -> None:
    def carry_out(job: Job) -> Ending:
        if job.seed == 1:
            raise KeyboardInterrupt
        return complete(job)

    assert states(sweep(made, PretendedWorkers(1, carry_out))) == ["done"] * 4 + ["interrupted"] * 4


@pytest.mark.parametrize(
    ("cuda", "device", "wanted"),
    [
        (0, None, ("cpu", "cpu", "cpu")),
        (2, None, ("cuda:0", "cuda:0", "cuda:1", "cuda:1")),
        (2, "cuda:1", ("cuda:1", "cuda:1")),
        (2, "cpu", ("cpu", "cpu", "cpu")),
    ],
)
def test_every_device_gets_its_workers(
    cuda: int, device: str | None, wanted: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    assert local_devices(device, workers=3, per_device=2) == wanted


def job(tmp_path: Path, seed: int) -> Job:
    return Job("made", tmp_path, tmp_path, "heads", ("nearest",), seed)


def pretend(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let a job run a program, which reads its seed, device and threads from the arguments."""
    monkeypatch.setattr(
        Job, "command", lambda self, *given: [sys.executable, "-c", program, str(self.seed), *map(str, given)]
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
    sweep_command.add_options(parser)
    return parser.parse_args(arguments)


def workshop(folder: Path) -> list[str]:
    """Data, starting weights and a recipe; gives what the command needs to find them."""
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
    assert sweep_command.run(made) == sweep_command.INTERRUPTED
    assert "3 interrupted" in capsys.readouterr().out
    for path in found:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


@pytest.mark.slow
def test_the_command_trains_heads_in_processes_and_skips_them_afterwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ("--upsamplers", "nearest", "dysample@groups=2", "sapa", "--seeds", "0", "1")
    words = [*workshop(tmp_path), *chosen]
    assert sweep_command.run(options(*words)) == sweep_command.FAILED
    printed = capsys.readouterr()
    assert "4 done, 2 failed" in printed.out
    assert "channels" in next(line for line in printed.out.splitlines() if line.startswith("sapa"))
    assert "[1 cpu] made-task bilinear end to end" in printed.err
    assert "[2 cpu] made-task heads, seed" in printed.err
    for name in ("nearest", "dysample@groups=2"):
        for seed in (0, 1):
            path = tmp_path / "runs" / "made-task" / "heads" / f"{name}-seed{seed}" / "checkpoint.pt"
            assert load_checkpoint(path)["epoch"] == 2
    again = [word for word in words if word != "sapa"]
    assert sweep_command.run(options(*again)) == 0
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
        sweep_command.run(options())
