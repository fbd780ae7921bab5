"""The queue of commands: order, progress, cancelling, time limit, failures."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.shared import worker
from app.shared.worker import Job

pytestmark = pytest.mark.slow

PATIENCE_S = 120


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a program in the place of `python -m dysample`."""

    def write(text: str) -> None:
        path = tmp_path / "program.py"
        path.write_text(text, encoding="utf-8")
        shell = tmp_path / "python"
        shell.write_text(f'#!/bin/sh\nexec {worker_python} {path} "$@"\n', encoding="utf-8")
        shell.chmod(0o755)
        monkeypatch.setattr(worker.sys, "executable", str(shell))

    worker_python = worker.sys.executable
    return write


def wait(job: Job, until: Callable[[Job], bool] = lambda job: not job.going) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until(job):
        assert time.monotonic() < deadline, job.state
        job.poll()
        time.sleep(0.02)


def test_output_is_kept() -> None:
    job = worker.start(["audit", "--help"], limit_s=PATIENCE_S)
    wait(job)
    assert job.state == "done"
    assert "usage: dysample audit" in job.output


def test_an_error_message_of_the_command_is_the_error() -> None:
    job = worker.start(["audit", "--model", "torch.nn:Nothing"], limit_s=PATIENCE_S)
    wait(job)
    assert (job.state, job.error) == ("failed", "torch.nn has no function 'Nothing'")


def test_progress_and_cancelling(script: Callable[[str], None]) -> None:
    script("import sys, time\nprint('2/4 Half way', file=sys.stderr, flush=True)\ntime.sleep(100)")
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
    script("import time\ntime.sleep(100)")
    job = worker.start([], limit_s=0.3)
    wait(job)
    assert (job.state, job.error) == ("failed", "It was ended: it took more than 0 s.")


def test_a_job_that_nobody_polls_is_cancelled(
    script: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    script("import time\ntime.sleep(100)")
    monkeypatch.setattr(worker, "ABANDONED_S", 0.3)
    job = worker.start([], limit_s=PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while job.going and time.monotonic() < deadline:
        time.sleep(0.02)
    assert job.state == "cancelled"


def test_a_crash_is_explained(script: Callable[[str], None]) -> None:
    script("import os\nos.abort()")
    job = worker.start([], limit_s=PATIENCE_S)
    wait(job)
    assert job.state == "failed"
    assert job.error.startswith("Its process ended with status -6.")


def test_too_many_jobs_are_refused(script: Callable[[str], None]) -> None:
    script("import time\ntime.sleep(100)")
    jobs = [worker.start([], limit_s=PATIENCE_S)]
    wait(jobs[0], lambda job: job.state == "running")
    jobs += [worker.start([], limit_s=PATIENCE_S) for _ in range(worker.MOST_WAITING)]
    with pytest.raises(worker.BusyError, match="wait already"):
        worker.start([], limit_s=PATIENCE_S)
    for job in reversed(jobs):
        job.cancel()
    wait(jobs[0])
