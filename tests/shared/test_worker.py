"""The queue of commands: order, progress, cancelling, limits, and all that a process may do to it."""

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.shared import worker
from app.shared.worker import Command
from dysample.measure.profile import from_json

pytestmark = pytest.mark.slow

PATIENCE_S = 120


# What a program begins with: `result` is the file that its result goes to.
BEGINNING = "import os, pathlib, subprocess, sys, time\nresult = pathlib.Path(sys.argv[-1])\n"
GOOD = "result.write_text('the result', encoding='utf-8')\n"
HANG = "time.sleep(100)\n"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a program in the place of `python -m dysample`."""

    def write(text: str) -> None:
        path = tmp_path / "program.py"
        path.write_text(BEGINNING + text, encoding="utf-8")
        shell = tmp_path / "python"
        shell.write_text(f'#!/bin/sh\nexec {worker_python} {path} "$@"\n', encoding="utf-8")
        shell.chmod(0o755)
        monkeypatch.setattr(worker.sys, "executable", str(shell))

    worker_python = worker.sys.executable
    return write


@pytest.fixture(autouse=True)
def no_jobs_left() -> Iterator[None]:
    """Cancel what a test leaves in the queue."""
    yield
    worker._QUEUE.stop()


def wait(job: Command, until: Callable[[Command], bool] = lambda job: not job.going) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until(job):
        assert time.monotonic() < deadline, job.state
        job.poll()
        time.sleep(0.02)


def test_the_result_is_what_the_command_writes() -> None:
    command = ("profile", "--upsampler", "nearest", "--size", "4x4x4")
    job = worker.start(command, limit_s=PATIENCE_S)
    wait(job)
    assert (job.state, job.error, job.arguments) == ("done", "", command)
    assert [call.case.operator for call in from_json(job.result).calls] == ["nearest"]


def test_an_error_message_of_the_command_is_the_error() -> None:
    job = worker.start(["trial", "--model", "torch.nn:Nothing"], limit_s=PATIENCE_S)
    wait(job)
    assert (job.state, job.error) == ("failed", "torch.nn has no function 'Nothing'")


def test_progress_and_cancelling(script: Callable[[str], None]) -> None:
    script("print('2/4 Half way', file=sys.stderr, flush=True)\n" + HANG)
    job = worker.start([], limit_s=PATIENCE_S)
    wait(job, lambda job: job.poll().words == "Half way")
    assert job.poll().share == 0.25
    behind = worker.start([], limit_s=PATIENCE_S)
    time.sleep(0.1)
    assert behind.poll().words.startswith("Waiting")
    job.cancel()
    wait(behind, lambda job: job.state == "running")
    behind.cancel()
    wait(behind)
    assert (job.state, behind.state) == ("cancelled", "cancelled")


def test_a_job_past_its_limit_is_killed(script: Callable[[str], None]) -> None:
    script(HANG)
    job = worker.start([], limit_s=0.3)
    wait(job)
    assert (job.state, job.error) == ("failed", "It was ended: it took more than 0 s.")


def test_a_job_that_nobody_polls_is_cancelled(
    script: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    script(HANG)
    monkeypatch.setattr(worker, "ABANDONED_S", 0.3)
    job = worker.start([], limit_s=PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while job.going and time.monotonic() < deadline:
        time.sleep(0.02)
    assert job.state == "cancelled"


def test_a_crash_is_explained(script: Callable[[str], None]) -> None:
    script("os.abort()")
    job = worker.start([], limit_s=PATIENCE_S)
    wait(job)
    assert job.state == "failed"
    assert job.error.startswith("Its process ended with status -6.")


# --- Places ---


def start_many(count: int, visitor: str = "") -> list[Command]:
    return [worker.start([], limit_s=PATIENCE_S, visitor=visitor) for _ in range(count)]


def test_too_many_jobs_are_refused_and_the_cancelled_free_their_places(script: Callable[[str], None]) -> None:
    script(HANG)
    jobs = start_many(1)
    wait(jobs[0], lambda job: job.state == "running")
    jobs += start_many(worker.MOST_WAITING)
    with pytest.raises(worker.BusyError, match="32 measurements wait already"):
        start_many(1)
    jobs[5].cancel()
    last = start_many(1)[0]
    with pytest.raises(worker.BusyError, match="wait already"):
        start_many(1)
    assert last.poll().words == "Waiting for 32 measurements before this one"
    for job in jobs[6:]:
        job.cancel()
    assert last.poll().words == "Waiting for 5 measurements before this one"


def test_a_waiting_job_that_nobody_polls_frees_its_place(
    script: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    script(HANG)
    (first,) = start_many(1)
    wait(first, lambda job: job.state == "running")
    waiting = start_many(worker.MOST_WAITING)
    monkeypatch.setattr(worker, "ABANDONED_S", 0.5)
    deadline = time.monotonic() + 0.7
    while time.monotonic() < deadline:
        first.poll()
        waiting[3].poll()
        time.sleep(0.02)
    start_many(worker.MOST_WAITING - 1)
    states = [job.state for job in waiting]
    assert states == ["cancelled"] * 3 + ["waiting"] + ["cancelled"] * (worker.MOST_WAITING - 4)


def test_a_visitor_has_a_few_places_and_others_have_theirs(script: Callable[[str], None]) -> None:
    script(HANG)
    jobs = start_many(worker.MOST_OF_ONE, "one")
    with pytest.raises(
        worker.BusyError, match=f"{worker.MOST_OF_ONE} measurements of yours wait or run already"
    ):
        start_many(1, "one")
    start_many(2, "two")
    jobs[2].cancel()
    start_many(1, "one")
    with pytest.raises(worker.BusyError, match="of yours"):
        start_many(1, "one")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_replaced(
    script: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    script(GOOD)

    def die(job: Command) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Command, "run", die)
        (first,) = start_many(1)
        wait(first)
        assert (first.state, first.error) == ("failed", "It broke off.")
    (second,) = start_many(1)
    wait(second)
    assert second.result == "the result"


def test_an_error_in_the_thread_is_the_job_s_alone(
    script: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    script(GOOD)

    def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(Command, "_process_to_its_end", fail)
        (first,) = start_many(1)
        wait(first)
        assert (first.state, first.error) == ("failed", "It broke off: can't start new thread.")
    (second,) = start_many(1)
    wait(second)
    assert second.state == "done"


def test_what_cannot_be_started_is_a_sentence_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.sys, "executable", "/nowhere/python")
    (job,) = start_many(1)
    wait(job)
    assert (job.state, job.error) == ("failed", "It cannot be started: No such file or directory.")


# --- All that a process may do ---


NOISES = {
    "bytes that are no text": "os.write(1, b'\\xff'); os.write(2, b'\\xff\\xc3\\n{\\xff\\n\\x80')\n",
    "print within its result": "print('{\"forged\": 1}'); print('Loading weights')\n",
    "lines like reports": "os.write(2, b'9/0 x\\n7/3 y\\n99999999999/1 z\\n{\\n' + b'{\"a\":' * 9999)\n",
    "closed streams": "os.close(1); os.close(2)\n",
    "a long line": "os.write(2, b'x' * 5_000_000 + b'\\n2/4 Half way\\n')\n",
}


@pytest.mark.parametrize("name", NOISES)
def test_what_it_prints_does_not_spoil_its_result(script: Callable[[str], None], name: str) -> None:
    script(NOISES[name] + GOOD)
    (job,) = start_many(1)
    wait(job)
    assert (job.state, job.result) == ("done", "the result")
    assert 0 <= job.poll().share <= 1


@pytest.mark.parametrize("line", ["b'x' * 65536", "b'x\\n' * 32768", "b'{1}\\n' * 16384"])
@pytest.mark.parametrize("stream", [1, 2])
def test_endless_output_takes_neither_memory_nor_the_processor(
    script: Callable[[str], None], stream: int, line: str
) -> None:
    script(f"line = {line}\nwhile True: os.write({stream}, line)")
    (job,) = start_many(1)
    wait(job, lambda job: job.state == "running")
    time.sleep(0.5)
    before, computed, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time(), 0.0
    began = time.monotonic()
    while time.monotonic() - began < 2:
        job.poll()
        time.sleep(0.1)
    assert (time.process_time() - computed) / 2 < 0.4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB
    assert len(job.json_lines) <= 5_000
    job.cancel()
    (after,) = start_many(1)
    wait(after, lambda job: job.state == "running")
    after.cancel()


LEFT_BEHIND = {
    "in its session": "subprocess.Popen(['sleep', '100'])\n",
    "in a session of its own": "subprocess.Popen(['sleep', '100'], start_new_session=True)\n",
    "without a parent": (
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: os.execvp('sleep', ['sleep', '100'])\n"
        "    os._exit(0)\nos.wait()\n"
    ),
}


@pytest.mark.parametrize("ending", ["end", "crash", "hang"])
@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_processes_left_behind_block_nobody_and_are_ended(
    script: Callable[[str], None], name: str, ending: str
) -> None:
    """Each holds the pipe that the server reads from."""
    endings = {"end": GOOD, "crash": "os.abort()", "hang": HANG}
    script(LEFT_BEHIND[name] + endings[ending])
    (job,) = start_many(1)
    job.limit_s = 2.0
    began = time.monotonic()
    wait(job)
    assert job.state == ("done" if ending == "end" else "failed")
    script(GOOD)
    (after,) = start_many(1)
    wait(after)
    assert after.state == "done"
    assert time.monotonic() - began < 20
    assert not [process for process in psutil.process_iter() if worker._mark_of(process) == job._mark]


def test_a_process_that_hides_keeps_the_pipe_but_not_the_line(
    script: Callable[[str], None], tmp_path: Path
) -> None:
    """Without the mark it is not found."""
    script(
        "hidden = subprocess.Popen(['sleep', '100'], start_new_session=True, env={})\n"
        f"pathlib.Path({str(tmp_path / 'hidden')!r}).write_text(str(hidden.pid))\n" + GOOD
    )
    (job,) = start_many(1)
    wait(job)
    hidden = int((tmp_path / "hidden").read_text(encoding="ascii"))
    try:
        assert job.state == "done"
        assert psutil.pid_exists(hidden)
    finally:
        os.kill(hidden, 9)
    deadline = time.monotonic() + 10
    while any(thread.name == "listener" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "its listener ends with it"
        time.sleep(0.02)


RESULTS = {
    "nothing": ("", "it wrote none"),
    "a folder": ("result.mkdir()", "it wrote none"),
    "a pipe": ("os.mkfifo(result)", "it wrote none"),
    "an endless device": ("result.symlink_to('/dev/zero')", "it wrote none"),
    "no text": ("result.write_bytes(b'\\xff\\xfe')", "what it wrote is not text"),
    "too much": ("result.write_bytes(b'x' * 70_000_000)", "what it wrote has more than 67,108,864 bytes"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_that_is_none_is_a_sentence(script: Callable[[str], None], name: str) -> None:
    text, reason = RESULTS[name]
    script(text)
    (job,) = start_many(1)
    wait(job)
    assert (job.state, job.error) == ("failed", f"It ended without a result: {reason}.")


def test_a_folder_that_cannot_be_removed_is_left(script: Callable[[str], None], tmp_path: Path) -> None:
    script("(result.parent / 'x').mkdir(); os.chmod(result.parent / 'x', 0)\n" + GOOD)
    (job,) = start_many(1)
    wait(job)
    assert job.state == "done"


def test_a_process_that_ignores_signals_is_ended(script: Callable[[str], None]) -> None:
    script(
        "import signal\nfor number in (1, 2, 3, 13, 15): signal.signal(number, signal.SIG_IGN)\n"
        "print('1/1 Deaf', file=sys.stderr, flush=True)\n" + HANG
    )
    (job,) = start_many(1)
    wait(job, lambda job: job.poll().words == "Deaf")
    job.cancel()
    (after,) = start_many(1)
    wait(after, lambda job: job.state == "running")


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="it is Linux that chooses so")
def test_where_memory_runs_out_the_process_goes_before_the_server(
    script: Callable[[str], None], tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    script(
        f"time.sleep(0.5)\nscore = pathlib.Path('/proc/self/oom_score_adj').read_text()\n"
        f"pathlib.Path({str(seen)!r}).write_text(score)\n" + GOOD
    )
    (job,) = start_many(1)
    wait(job)
    assert int(seen.read_text(encoding="ascii")) == 1000


# --- Load ---


def test_the_load_is_what_the_server_computed_meanwhile(script: Callable[[str], None]) -> None:
    script("time.sleep(1.5)\n" + GOOD)
    (job,) = start_many(1)
    assert job.load == 0
    wait(job)
    quiet = job.load
    (job,) = start_many(1)
    while job.going:
        job.poll()  # and nothing else: one core is busy
    assert quiet < 0.4
    assert job.load > quiet + 0.3
    assert worker.load_words(0.2) == ""
    assert worker.load_words(1.26).startswith("Meanwhile pages of this server kept 1.3 of its ")
