"""A queue of `python -m dysample` commands, run one at a time in processes of their own.

Nothing that such a process does reaches further than its job: it may print without end or in any encoding,
crash, hang, or leave other processes behind. Its result comes through a file, so that what it prints does not
matter.

Networks of visitors run on while a process measures: a benchmark takes minutes, and a class would wait for
it. Its times are CPU times, taken in turns with a baseline, which that disturbs least. A job notes how busy
the server was meanwhile, and pages say so beside the times.
"""

import atexit
import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import psutil

from app.shared.engine.turns import BusyError

JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
MOST_WAITING = 32
MOST_OF_ONE = 6  # of a visitor, waiting or running: the pages together offer no more at once
# A job that no page polls has lost its visitor, and others may be waiting.
ABANDONED_S = 60.0
_QUIET = 0.25  # processor cores that pages may keep busy without a word: watching a measurement takes 0.1
_TICK_S = 0.05
_PATIENCE_S = 2.0  # for a killed process to end, and for what it printed last
_MARK = "DYSAMPLE_JOB"  # variable by which processes that a job has left behind are known
_STEP = re.compile(r"(\d+)/(\d+) (.*)")
_MOST_RESULT = 64 << 20  # bytes of the file
_MOST_LINES = 5_000  # of JSON; a benchmark of all there is reports some hundreds
_LONGEST_LINE = 1 << 14  # bytes; what is longer is no report
_LONGEST_ERROR = 500  # characters
_REST = 9  # times as long as reading took: a process that prints without end waits, and not the server
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a job.

    Attributes:
        words: The present step, for people.
        share: The share that is done, 0 to 1.
    """

    words: str
    share: float


class Command:
    """A command in a process of its own.

    The command writes its result to the file that its option `--json` names, which is added to its
    arguments. It reports on stderr: a line such as ``2/5 Timing both`` is its present step, and a line that
    begins with a brace is JSON, kept in `json_lines`.

    Attributes:
        arguments: Arguments of `python -m dysample`, without that option.
        limit_s: Seconds after which the process is killed.
        visitor: Who asked for it; empty if that is not known.
        state: State of the job.
        result: Content of the file, once the job is done.
        error: A sentence on why the job failed.
    """

    def __init__(self, arguments: Iterable[str], *, limit_s: float, visitor: str = "") -> None:
        """Prepare a job; use `start` to make one and queue it."""
        self.arguments = tuple(arguments)
        self.limit_s = limit_s
        self.visitor = visitor
        self.state: JobState = "waiting"
        self.result = ""
        self.error = ""
        self._mark = uuid.uuid4().hex
        self._step: re.Match[str] | None = None
        self._json_lines: list[str] = []
        self._last_line = ""
        self._polled_at = time.monotonic()
        self._began: _Moment | None = None
        self._took: _Moment | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @property
    def going(self) -> bool:
        """Whether the job waits or runs."""
        return self.state in ("waiting", "running")

    @property
    def json_lines(self) -> tuple[str, ...]:
        """The lines of JSON on stderr so far."""
        return tuple(self._json_lines)

    @property
    def load(self) -> float:
        """Processor cores that this server kept busy on average while the process ran, so far."""
        if self._began is None:
            return 0.0
        took = self._took or _Moment.now() - self._began
        return took.computed / max(took.elapsed, 1e-3)

    def poll(self) -> Progress:
        """Return the progress; a job that is not polled for `ABANDONED_S` is cancelled."""
        self._polled_at = time.monotonic()
        if self.state == "waiting":
            before = _QUEUE.before(self)
            if before > 1:
                return Progress(f"Waiting for {before} measurements before this one", 0.0)
            return Progress("Waiting for the measurement of another visitor", 0.0)
        step = self._step
        if step is None:
            return Progress("Starting", 0.0)
        return Progress(step[3], min(1.0, max(0, int(step[1]) - 1) / max(1, int(step[2]))))

    def cancel(self) -> None:
        """Cancel the job if it waits or runs; its processes are killed."""
        self.end("cancelled")

    def end(self, state: JobState, error: str = "") -> None:
        """End the job in a state, unless it has ended."""
        with self._lock:
            if self.going:
                self.state, self.error = state, error
        self._ended.set()

    def end_if_abandoned(self) -> None:
        """Cancel the job if no page has polled it for long."""
        if time.monotonic() - self._polled_at > ABANDONED_S:
            self.cancel()

    def run(self) -> None:
        """Run the job in this thread, unless it was cancelled or abandoned.

        Raises:
            OSError: The process cannot be started.
        """
        self.end_if_abandoned()
        with self._lock:
            if self.state != "waiting":
                return
            self.state = "running"
        with tempfile.TemporaryDirectory(prefix="dysample-job-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / "result.json"
            self._began = _Moment.now()
            status = self._process_to_its_end([*self.arguments, "--json", str(file)])
            self._took = _Moment.now() - self._began
            if self.going:
                self._finish(status, file)

    def _process_to_its_end(self, arguments: list[str]) -> int | None:
        """Run the process as long as it may, and return its status; None if it does not even die."""
        process = subprocess.Popen(
            [sys.executable, "-m", "dysample", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, _MARK: self._mark},
            start_new_session=True,
        )
        _first_to_go(process)
        listener = threading.Thread(target=self._listen, args=(process.stderr,), daemon=True, name="listener")
        listener.start()
        try:
            self._wait(process)
        finally:
            _kill(process)
            _kill_marked(self._mark)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_S)
        # It ends with the last process that holds the pipe. One that hides so well keeps it, and nobody else.
        listener.join(_PATIENCE_S)
        return process.returncode

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + self.limit_s
        while process.poll() is None and self.going:
            self.end_if_abandoned()
            if time.monotonic() > end:
                self.end("failed", f"It was ended: it took more than {self.limit_s:.0f} s.")
            self._ended.wait(_TICK_S)

    def _listen(self, stream: IO[bytes]) -> None:
        """Read lines as they come; of a line that is too long, its first part."""
        rest, whole = b"", True
        with stream:
            while part := stream.read(1 << 16):
                began = time.perf_counter()
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    if whole:
                        self._hear(line[:_LONGEST_LINE])
                    whole = True
                if len(rest) > _LONGEST_LINE:
                    if whole:
                        self._hear(rest[:_LONGEST_LINE])
                    rest, whole = b"", False
                time.sleep(_REST * (time.perf_counter() - began))
        if whole:
            self._hear(rest)

    def _hear(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        if text.startswith("{"):
            if len(self._json_lines) < _MOST_LINES:
                self._json_lines.append(text)
        elif step := _STEP.fullmatch(text[:_LONGEST_ERROR]):
            self._step = step
        elif text:
            self._last_line = text[:_LONGEST_ERROR]

    def _finish(self, status: int | None, file: Path) -> None:
        if status != 0:
            message = self._last_line.removeprefix("dysample: ")
            if message == self._last_line:
                message = f"Its process ended with status {status}. {message}".rstrip()
            self.end("failed", message)
            return
        try:
            self.result = _read(file)
        except ValueError as error:
            self.end("failed", f"It ended without a result: {error}.")
        self.end("done")


@dataclass(frozen=True, slots=True)
class _Moment:
    """Seconds that have passed, and seconds that all threads of this server have computed."""

    elapsed: float
    computed: float

    @classmethod
    def now(cls) -> "_Moment":
        return cls(time.monotonic(), time.process_time())

    def __sub__(self, other: "_Moment") -> "_Moment":
        return _Moment(self.elapsed - other.elapsed, self.computed - other.computed)


def _read(file: Path) -> str:
    """Read a result.

    Raises:
        ValueError: There is none, or it is too large, or not text.
    """
    if not file.is_file():  # reading another thing, such as a pipe, may never end
        raise ValueError("it wrote none")
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_RESULT + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise ValueError(f"what it wrote cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ValueError("what it wrote is not text") from error
    if len(data) > _MOST_RESULT:
        raise ValueError(f"what it wrote has more than {_MOST_RESULT:,} bytes")
    return text


def load_words(load: float) -> str:
    """Return a sentence on how busy the server was while something was measured; empty if it was quiet."""
    if load < _QUIET:
        return ""
    return (
        f"Meanwhile pages of this server kept {load:.1f} of its {os.cpu_count()} processor cores busy: trust "
        "ratios more than milliseconds."
    )


# --- Queue ---


class _Queue:
    """The waiting jobs, and the thread that runs them one after the other."""

    def __init__(self) -> None:
        self._waiting: list[Command] = []
        self._running: Command | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    def add(self, job: Command) -> None:
        with self._changed:
            self._sweep()
            if len(self._waiting) >= MOST_WAITING:
                raise BusyError(f"{MOST_WAITING} measurements wait already: try again in a minute.")
            if job.visitor and self._count(job.visitor) >= MOST_OF_ONE:
                raise BusyError(
                    f"{MOST_OF_ONE} measurements of yours wait or run already: wait for one, or cancel it."
                )
            self._waiting.append(job)
            self._changed.notify_all()
        self.keep_going()

    def before(self, job: Command) -> int:
        """Return how many jobs end before a waiting one begins; at least 1, which may just have ended."""
        self.keep_going()
        with self._changed:
            self._sweep()
            place = self._waiting.index(job) if job in self._waiting else 0
            return max(1, place + (self._running is not None))

    def keep_going(self) -> None:
        """Start the thread, or another one in the place of one that died."""
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, daemon=True, name="worker")
                self._thread.start()

    def stop(self) -> None:
        """Cancel all jobs, and wait until the running process is killed."""
        with self._changed:
            for job in (*self._waiting, self._running):
                if job is not None:
                    job.cancel()
        end = time.monotonic() + _PATIENCE_S
        while self._running is not None and time.monotonic() < end:
            time.sleep(_TICK_S)

    def _sweep(self) -> None:
        """Free the places of jobs that were cancelled or abandoned."""
        for job in self._waiting:
            job.end_if_abandoned()
        self._waiting = [job for job in self._waiting if job.going]

    def _count(self, visitor: str) -> int:
        jobs = (*self._waiting, self._running)
        return sum(job is not None and job.going and job.visitor == visitor for job in jobs)

    def _work(self) -> None:
        while True:
            job = self._next()
            try:
                job.run()
            except OSError as error:
                job.end("failed", f"It cannot be started: {error.strerror or error}.")
            except Exception as error:
                _LOGGER.exception("A job broke off")
                job.end("failed", f"It broke off: {error}.")
            finally:
                job.end("failed", "It broke off.")
                self._running = None

    def _next(self) -> Command:
        with self._changed:
            self._sweep()
            while not self._waiting:
                self._changed.wait()
                self._sweep()
            self._running = self._waiting.pop(0)
            return self._running


_QUEUE = _Queue()
atexit.register(_QUEUE.stop)


def start(arguments: Iterable[str], *, limit_s: float, visitor: str = "") -> Command:
    """Queue a command.

    Args:
        arguments: Arguments of `python -m dysample`, of a command that has the option `--json`, without it.
        limit_s: Seconds after which its process is killed.
        visitor: Who asks; jobs without a visitor are not counted.

    Raises:
        BusyError: If too many jobs are waiting, or too many of this visitor.
    """
    job = Command(arguments, limit_s=limit_s, visitor=visitor)
    _QUEUE.add(job)
    return job


# --- Processes ---


def _first_to_go(process: "subprocess.Popen[bytes]") -> None:
    """Let Linux end this process, and not the server, where the machine runs out of memory."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{process.pid}/oom_score_adj").write_text("1000", encoding="ascii")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that has not ended, and those of its session."""
    if process.poll() is not None:  # its number may be another's by now
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _kill_marked(mark: str) -> None:
    """Kill the processes that a job has left behind, in whatever session."""
    for _ in range(5):  # one may start another meanwhile
        left = [process for process in psutil.process_iter() if _mark_of(process) == mark]
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not left:
            return


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_MARK)
    except (psutil.Error, OSError):  # another user's, or gone
        return None
