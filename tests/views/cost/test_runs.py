"""A visitor's benchmark in processes of its own: queue, progress, result, cancelling, crashes."""

import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.settings import CostChoice
from app.shared import worker
from app.views.cost import compute
from app.views.cost.compute import Measurement, check, commands, smaller
from app.views.cost.rows import Way
from app.views.cost.words import machine_line
from dysample.cli import bench as bench_command
from dysample.cli.parser import make_parser
from dysample.measure.case import PAPER_SIZE, MapSize
from tests.views.cost.made import OPERATORS, SMALL, profile, report, result, write_program

PATIENCE_S = 120
CHOICE = CostChoice((SMALL,), OPERATORS, "nchw", backward=False, memory=False)
HANG = "time.sleep(100)"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a made-up benchmark in the place of `python -m dysample`."""

    def write(**options: object) -> None:
        monkeypatch.setattr(worker.sys, "executable", str(write_program(tmp_path, **options)))

    write()
    return write


def wait(run: Measurement, until: Callable[[Measurement], bool] = lambda run: not run.going) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until(run):
        assert time.monotonic() < deadline, run.poll()
        time.sleep(0.02)
        run.poll()


def test_a_measurement_to_its_end(program: Callable[..., None], tmp_path: Path) -> None:
    run = Measurement(CHOICE)
    wait(run)
    found, made = run.result(), report()
    assert run.state == "finished"
    assert found is not None
    assert (found.rows, found.copy, found.profile) == (made.rows, made.copy, profile())
    assert '"complete": true' in found.json
    assert found.command == commands(CHOICE)[0]
    assert (tmp_path / "asked.txt").read_text(encoding="utf-8").startswith("profile --size 64x32x32")


def test_progress_names_the_operator_and_rows_come_one_by_one(program: Callable[..., None]) -> None:
    program(ending=HANG, told=5)  # two are measured, the third is under way
    run = Measurement(CHOICE)
    wait(run, lambda run: run.poll().words.startswith("3 of 6"))
    progress, found = run.poll(), run.result()
    assert progress.words == "3 of 6: Bilinear, channels last, 64×32×32"
    assert progress.share == pytest.approx(0.8 * 2 / 6)
    assert found is not None
    assert [row.case.operator for row in found.rows] == ["nearest", "bilinear"]
    assert (found.copy, found.profile, found.json) == (None, None, "")
    began = time.monotonic()
    run.cancel()
    assert run.state == "cancelled"
    assert time.monotonic() - began < 5
    assert run.outcome == "Cancelled. 2 of 6 steps had been measured and are kept."
    kept = run.result()
    assert kept is not None
    assert kept.rows == found.rows


def test_a_crash_is_a_sentence_and_keeps_what_there_is(program: Callable[..., None]) -> None:
    program(ending="import os; os.abort()", told=4)
    run = Measurement(CHOICE)
    wait(run)
    assert run.state == "failed"
    assert run.outcome.startswith("The measurement failed. Its process ended with status -6.")
    assert "2 of 6 steps had been measured and are kept." in run.outcome
    found = run.result()
    assert found is not None
    assert len(found.rows) == 2
    assert found.title == "Measured by you, not complete"


def test_what_takes_too_long_is_ended(program: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "LIMIT_S", 1.0)
    program(ending=HANG, told=0)
    run = Measurement(CHOICE)
    wait(run)
    assert run.state == "failed"
    assert "It was ended: it took more than 1 s." in run.outcome
    assert run.result() is None


def test_half_a_line_is_left_out(program: Callable[..., None], tmp_path: Path) -> None:
    program(ending="import os; os.abort()", told=4)
    lines = tmp_path / "bench.lines"
    lines.write_text(lines.read_text(encoding="utf-8") + '\n{"done": 3, "tot', encoding="utf-8")
    run = Measurement(CHOICE)
    wait(run)
    found = run.result()
    assert found is not None
    assert len(found.rows) == 2


def test_a_failed_profile_costs_nothing_but_itself(program: Callable[..., None]) -> None:
    program(ending="if what == 'profile': sys.exit(3)")
    run = Measurement(CHOICE)
    wait(run)
    found = run.result()
    assert run.state == "finished"
    assert found is not None
    assert len(found.rows) == 6
    assert found.profile is None


def test_a_second_visitor_waits_in_line(program: Callable[..., None]) -> None:
    program(ending=HANG, told=1)
    first = Measurement(CHOICE)
    wait(first, lambda run: run.state == "running")
    second = Measurement(CHOICE)
    assert second.poll().words == "Waiting for 2 measurements before this one"  # benchmark and profile
    assert (second.state, second.result()) == ("waiting", None)
    first.cancel()
    wait(second, lambda run: run.state == "running")
    second.cancel()
    assert (first.state, second.state) == ("cancelled", "cancelled")


def test_the_commands_ask_for_what_is_measured() -> None:
    choice = CostChoice(
        (PAPER_SIZE, *smaller(PAPER_SIZE)), ("carafe", "dysample"), "channels_last", True, True
    )
    bench, taken_apart = (make_parser().parse_args(shlex.split(line)[3:]) for line in commands(choice))
    assert bench_command._request(bench).cases() == choice.asked.cases()
    assert (bench.backward, bench.no_memory, bench.rounds) == (True, False, compute.ROUNDS)
    assert (taken_apart.size, taken_apart.layout) == (PAPER_SIZE, "channels_last")
    assert taken_apart.upsampler == ["carafe", "dysample"]


def test_a_gpu_is_measured_in_a_process_of_its_own(
    program: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is taken apart there: the profiler of calls is that of the CPU."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    program(device="cuda")
    choice = replace(CHOICE, device="cuda", dtypes=("float32", "float16"))
    run = Measurement(choice)
    wait(run)
    found, made = run.result(), report(device="cuda", dtypes=("float32", "float16"))
    assert (run.state, run.machine.accelerator) == ("finished", "Some GPU")
    assert found is not None
    assert (found.rows, found.profile) == (made.rows, None)
    asked = (tmp_path / "asked.txt").read_text(encoding="utf-8")
    assert asked.startswith("bench ")
    assert "--dtype float32 float16" in asked
    assert "--device cuda" in asked
    assert commands(choice)[1] == ""


def test_a_gpu_is_offered_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
        names = {"cpu": "The CPU"} | ({"cuda": "Some GPU"} if there else {})
        assert compute.devices_to_measure() == names
    assert "one processor core" in compute.limits("cpu")
    assert "networks of other visitors use as well" in compute.limits("cuda")


@pytest.mark.parametrize(("load", "words"), [(0.1, ""), (1.5, "kept 1.5 of its")])
def test_what_the_server_did_meanwhile_is_said_beside_the_times(load: float, words: str) -> None:
    line = machine_line(replace(result(), load=load), Way("nchw", ""))
    assert ("Meanwhile" in line) == bool(words)
    assert words in line


def test_smaller_maps_have_four_rows_at_least() -> None:
    assert smaller(PAPER_SIZE) == (MapSize(256, 60, 60), MapSize(256, 30, 30), MapSize(256, 15, 15))
    assert smaller(MapSize(8, 12, 9)) == (MapSize(8, 6, 4),)


@pytest.mark.parametrize(
    ("size", "upsamplers", "message"),
    [
        (
            MapSize(256, 200, 200),
            ("dysample",),
            "4,194,304 numbers here, and 256x200x200 are 10,240,000",
        ),
        (MapSize(1024, 8, 8), ("dysample",), "at most 512 channels and sides of 512, got 1024x8x8"),
        (MapSize(4, 600, 8), ("dysample",), "sides of 512"),
        (SMALL, (), "Choose at least one upsampler"),
    ],
)
def test_limits(size: MapSize, upsamplers: tuple[str, ...], message: str) -> None:
    choice = CostChoice((size,), upsamplers, "nchw", backward=False, memory=False)
    with pytest.raises(ValueError, match=message):
        check(choice)
    with pytest.raises(ValueError, match=message):
        Measurement(choice)
    check(CostChoice((PAPER_SIZE,), OPERATORS, "nchw", backward=True, memory=True))
    with pytest.raises(ValueError, match="Choose at least one type of numbers"):
        check(replace(choice, upsamplers=OPERATORS, sizes=(SMALL,), dtypes=()))
