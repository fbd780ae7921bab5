"""A queue of `python -m dysample` commands, run one at a time in processes of their own."""

import atexit
import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Literal

from app.shared.engine.turns import BusyError

JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
MOST_WAITING = 8
# A job that no page polls has lost its visitor, and others may be waiting.
ABANDONED_S = 60.0
_TICK_S = 0.2
_STEP = re.compile(r"(\d+)/(\d+) (.*)")


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a job.

    Attributes:
        words: The present step, for people.
        share: The share that is done, 0 to 1.
    """

    words: str
    share: float


class Job:
    """A command in a process of its own.

    The command reports on stderr: a line such as ``2/5 Timing both`` is its present step, and a line that
    begins with a brace is JSON, kept in `json_lines`.

    Attributes:
        arguments: Arguments of `python -m dysample`.
        limit_s: Seconds after which the process is killed.
        state: State of the job.
        output: Standard output, once the job is done.
        error: A sentence on why the job failed.
    """

    def __init__(self, arguments: Iterable[str], *, limit_s: float) -> None:
        """Prepare a job; use `start` to make one and queue it."""
        self.arguments = tuple(arguments)
        self.limit_s = limit_s
        self.state: JobState = "waiting"
        self.output = ""
        self.error = ""
        self._steps: list[str] = []
        self._json_lines: list[str] = []
        self._other_lines: list[str] = []
        self._polled_at = time.monotonic()
        self._process: subprocess.Popen[str] | None = None

    @property
    def going(self) -> bool:
        """Whether the job waits or runs."""
        return self.state in ("waiting", "running")

    @property
    def json_lines(self) -> tuple[str, ...]:
        """The lines of JSON on stderr so far."""
        return tuple(self._json_lines)

    def poll(self) -> Progress:
        """Return the progress; a job that is not polled for `ABANDONED_S` is cancelled."""
        self._polled_at = time.monotonic()
        if self.state == "waiting":
            return Progress("Waiting for the measurement of another visitor", 0.0)
        step = _STEP.fullmatch(self._steps[-1]) if self._steps else None
        if step is None:
            return Progress("Starting", 0.0)
        return Progress(step[3], (int(step[1]) - 1) / int(step[2]))

    def cancel(self) -> None:
        """Cancel the job if it waits or runs, and kill its processes."""
        if self.going:
            self.state = "cancelled"
        if self._process is not None:
            _kill(self._process)

    def run(self) -> None:
        """Run the job in this thread, unless it was cancelled or abandoned."""
        if self.state != "waiting" or self._abandoned():
            self.state = "cancelled"
            return
        self.state = "running"
        command = [sys.executable, "-m", "dysample", *self.arguments]
        with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            ) as self._process:
                listener = threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
                listener.start()
                self._wait(self._process)
                listener.join()
            printed.seek(0)
            self._finish(self._process.returncode, printed.read())

    def _wait(self, process: subprocess.Popen[str]) -> None:
        began = time.monotonic()
        while process.poll() is None:
            if self.state == "cancelled" or self._abandoned():
                self.cancel()
            elif time.monotonic() - began > self.limit_s:
                self.error = f"It was ended: it took more than {self.limit_s:.0f} s."
                self.state = "failed"
                _kill(process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_TICK_S)

    def _listen(self, stream: IO[str] | None) -> None:
        for line in map(str.strip, stream or ()):
            lines = self._json_lines if line.startswith("{") else self._other_lines
            (self._steps if _STEP.fullmatch(line) else lines).append(line)

    def _finish(self, status: int, printed: str) -> None:
        if self.state != "running":
            return
        if status == 0:
            self.output, self.state = printed, "done"
            return
        last = next((line for line in reversed(self._other_lines) if line), "")
        message = last.removeprefix("dysample: ")
        self.error = message if message != last else f"Its process ended with status {status}. {last}"
        self.state = "failed"

    def _abandoned(self) -> bool:
        return time.monotonic() - self._polled_at > ABANDONED_S


class _Queue:
    """The waiting jobs, and the thread that runs them one after the other."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[Job] = queue.Queue(MOST_WAITING)
        self.running: Job | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def add(self, job: Job) -> None:
        try:
            self.waiting.put_nowait(job)
        except queue.Full:
            raise BusyError(f"{MOST_WAITING} measurements wait already: try again in a minute.") from None
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="worker")
                self._thread.start()

    def _work(self) -> None:
        while True:
            self.running = self.waiting.get()
            try:
                self.running.run()
            except OSError as error:
                self.running.error, self.running.state = f"It cannot be started: {error}.", "failed"
            self.running = None

    def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()


_QUEUE = _Queue()
atexit.register(_QUEUE.stop)


def start(arguments: Iterable[str], *, limit_s: float) -> Job:
    """Queue a command.

    Args:
        arguments: Arguments of `python -m dysample`.
        limit_s: Seconds after which its process is killed.

    Raises:
        BusyError: If too many jobs are waiting.
    """
    job = Job(arguments, limit_s=limit_s)
    _QUEUE.add(job)
    return job


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and those that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
