"""Commands of `python -m dysample` in processes of their own, one at a time, so that pages need not wait."""

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

State = Literal["waiting", "running", "done", "failed", "cancelled"]
MOST_WAITING = 8
# A job whose page asks no more has lost its visitor, and others may be waiting.
ABANDONED_S = 60.0
_TICK_S = 0.2
_STEP = re.compile(r"(\d+)/(\d+) (.*)")


class BusyError(Exception):
    """Too many jobs wait already."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        words: What it does, for people.
        share: How much is done, 0 to 1.
    """

    words: str
    share: float


class Job:
    """One command. Its steps are lines such as ``2/5 Timing both`` that it writes to stderr.

    Lines of JSON that it writes there are kept for whoever can read them.

    Attributes:
        arguments: Of `python -m dysample`.
        limit_s: Seconds after which it is ended.
        state: Where it stands.
        output: What it printed, once it is done.
        error: A sentence that says why it failed.
    """

    def __init__(self, arguments: Iterable[str], *, limit_s: float) -> None:
        """Prepare; `start` makes jobs and puts them in line."""
        self.arguments = tuple(arguments)
        self.limit_s = limit_s
        self.state: State = "waiting"
        self.output = ""
        self.error = ""
        self._steps: list[str] = []
        self._told: list[str] = []
        self._said: list[str] = []
        self._looked = time.monotonic()
        self._process: subprocess.Popen[str] | None = None

    @property
    def going(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")

    @property
    def told(self) -> tuple[str, ...]:
        """The lines of JSON so far."""
        return tuple(self._told)

    def look(self) -> Progress:
        """How far it is; to be asked at least every `ABANDONED_S` while somebody waits for it."""
        self._looked = time.monotonic()
        if self.state == "waiting":
            return Progress("Waiting for the measurement of another visitor", 0.0)
        found = _STEP.fullmatch(self._steps[-1]) if self._steps else None
        if found is None:
            return Progress("Starting", 0.0)
        return Progress(found[3], (int(found[1]) - 1) / int(found[2]))

    def cancel(self) -> None:
        """End it, if it has not ended; it leaves nothing behind."""
        if self.going:
            self.state = "cancelled"
        if self._process is not None:
            _end(self._process)

    def run(self) -> None:
        """Do it in this thread, unless it was cancelled."""
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
                _end(process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_TICK_S)

    def _listen(self, stream: IO[str] | None) -> None:
        for line in map(str.strip, stream or ()):
            lines = self._told if line.startswith("{") else self._said
            (self._steps if _STEP.fullmatch(line) else lines).append(line)

    def _finish(self, status: int, printed: str) -> None:
        if self.state != "running":
            return
        if status == 0:
            self.output, self.state = printed, "done"
            return
        last = next((line for line in reversed(self._said) if line), "")
        told = last.startswith("dysample: ")
        self.error = (
            last.removeprefix("dysample: ") if told else f"Its process ended with status {status}. {last}"
        )
        self.state = "failed"

    def _abandoned(self) -> bool:
        return time.monotonic() - self._looked > ABANDONED_S


class _Line:
    """The jobs that wait, and the thread that does them one after the other."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[Job] = queue.Queue(MOST_WAITING)
        self.running: Job | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def join(self, job: Job) -> None:
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


_LINE = _Line()
atexit.register(_LINE.stop)


def start(arguments: Iterable[str], *, limit_s: float) -> Job:
    """Put a command in line.

    Args:
        arguments: Of `python -m dysample`.
        limit_s: Seconds that it may take.

    Raises:
        BusyError: Too many wait already.
    """
    job = Job(arguments, limit_s=limit_s)
    _LINE.join(job)
    return job


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and those that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
