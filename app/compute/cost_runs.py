"""A visitor's benchmark on this server: two commands in line, and what is known of them so far."""

import contextlib
import shlex
import shutil
import tempfile
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import torch

from app.compute import worker
from app.compute.worker import Job
from app.records import CostResult
from app.settings import CostChoice
from dysample.analysis.bench.asked import PAPER_SIZE, MapSize
from dysample.analysis.bench.machine import this_machine
from dysample.analysis.bench.measuring import BenchRow
from dysample.analysis.bench.report import BenchReport, from_json
from dysample.analysis.bench.running import Progress, from_line
from dysample.analysis.bench.table import name_of
from dysample.analysis.profiling.command import command_line
from dysample.analysis.profiling.report import ProfileReport
from dysample.analysis.profiling.report import from_json as profile_from_json

State = Literal["waiting", "running", "finished", "cancelled", "failed"]
MOST_CHANNELS, MOST_SIDE = 512, 512
MOST_NUMBERS = 2**22  # in a map: the paper's has 3.7 million
LIMIT_S = 300.0  # for the benchmark; as much again for the profile, which needs far less
ROUNDS = 5
_SMALLEST_SIDE = 4


class Measurement:
    """What one choice asks for. It is in line from the beginning."""

    def __init__(self, choice: CostChoice) -> None:
        """Put it in line.

        Raises:
            BusyError: Too many wait already.
            ValueError: The choice is beyond the limits.
        """
        check(choice)
        self.choice = choice
        self.date = datetime.now(UTC).isoformat(timespec="seconds")
        self.machine = this_machine(torch.device("cpu"))
        self._folder = Path(tempfile.mkdtemp(prefix="dysample-cost-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        bench, profile = commands(choice)
        self._bench = self._start(bench, "--progress", "--json", str(self._file("bench")))
        try:
            self._profile = self._start(profile, "--json", str(self._file("profile")))
        except worker.BusyError:
            self._bench.cancel()
            raise

    @property
    def state(self) -> State:
        """Where it stands; the profile may fail without the benchmark."""
        jobs = (self._bench, self._profile)
        if any(job.state == "cancelled" for job in jobs):
            return "cancelled"
        if self._bench.state == "waiting":
            return "waiting"
        if any(job.going for job in jobs):
            return "running"
        return "failed" if self._bench.state == "failed" else "finished"

    @property
    def going(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")

    @property
    def outcome(self) -> str:
        """How it ended before its time, in a sentence or two."""
        total, done = len(self.choice.asked.cases()), len(_rows(self._bench))
        kept = f" {done} of {total} steps had been measured and are kept." if 0 < done < total else ""
        if self.state == "cancelled":
            return f"Cancelled.{kept}"
        return f"The measurement failed. {self._bench.error}{kept}"

    def look(self) -> worker.Progress:
        """How far it is; to be asked again and again while somebody waits for it."""
        first, second = self._bench.look(), self._profile.look()
        if self._bench.state == "waiting":
            return worker.Progress(first.words, 0.0)
        if not self._bench.going:
            return worker.Progress(f"Taking calls apart. {second.words}", 0.8 + 0.2 * second.share)
        told = _told(self._bench)
        if not told:
            return worker.Progress("Starting, and measuring how fast this machine copies", 0.0)
        now = told[-1]
        number = min(now.done + (now.row is None), now.total)
        size = MapSize(now.case.channels, now.case.height, now.case.width)
        words = f"{number} of {now.total}: {name_of(now.case)}, {str(size).replace('x', '×')}"
        return worker.Progress(words, 0.8 * now.done / now.total)

    def cancel(self) -> None:
        """End it now; what has been measured is kept."""
        for job in (self._profile, self._bench):
            job.cancel()

    def result(self) -> CostResult | None:
        """What has been measured so far; None if that is nothing."""
        report = self._report()
        rows = _rows(self._bench) if report is None else report.rows
        if not rows:
            return None
        return CostResult(
            title="Measured by you" if self.state == "finished" else "Measured by you, not complete",
            rows=rows,
            machine=self.machine,
            date=self.date,
            command=commands(self.choice)[0],
            copy=None if report is None else report.copy,
            profile=self._profiled(),
            json="" if report is None else self._text("bench"),
        )

    def _start(self, command: str, *options: str) -> Job:
        """Put a command line that begins with `python -m dysample` in line."""
        return worker.start([*shlex.split(command)[3:], *options], limit_s=LIMIT_S)

    def _report(self) -> BenchReport | None:
        return from_json(self._text("bench")) if self._bench.state == "done" else None

    def _profiled(self) -> ProfileReport | None:
        return profile_from_json(self._text("profile")) if self._profile.state == "done" else None

    def _text(self, name: str) -> str:
        return self._file(name).read_text(encoding="utf-8")

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def check(choice: CostChoice) -> None:
    """Refuse what would take this server too much memory or time.

    Raises:
        ValueError: With the limit and the value.
    """
    size = choice.sizes[0]
    numbers = size.channels * size.height * size.width
    if not choice.upsamplers:
        raise ValueError("Choose at least one upsampler to measure.")
    if size.channels > MOST_CHANNELS or max(size.height, size.width) > MOST_SIDE:
        raise ValueError(
            f"A map may have at most {MOST_CHANNELS} channels and sides of {MOST_SIDE}, got {size}."
        )
    if numbers > MOST_NUMBERS:
        raise ValueError(
            f"A map may hold at most {MOST_NUMBERS:,} numbers here, and {size} are {numbers:,}: choose fewer "
            f"channels, rows or columns. The paper’s {PAPER_SIZE} fits."
        )


def limits() -> str:
    """What a visitor may ask for, and why, in sentences."""
    return (
        f"At most {MOST_NUMBERS:,} numbers in a map, one processor core, and {LIMIT_S / 60:.0f} minutes: "
        "then it ends, and what it has is kept; so it does when you leave this page for more than "
        f"{worker.ABANDONED_S:.0f} seconds. It runs in a process of its own, one at a time for all "
        "visitors, so that pages stay quick and measurements do not disturb each other."
    )


def smaller(size: MapSize) -> tuple[MapSize, ...]:
    """The same with sides of a half, a quarter and an eighth, as far as those have `_SMALLEST_SIDE`."""
    parts = (MapSize(size.channels, size.height // part, size.width // part) for part in (2, 4, 8))
    return tuple(each for each in parts if min(each.height, each.width) >= _SMALLEST_SIDE)


def commands(choice: CostChoice) -> tuple[str, str]:
    """The command lines of benchmark and profile that measure the same."""
    bench = choice.asked.command(rounds=ROUNDS, backward=choice.backward, memory=choice.memory)
    return bench, command_line(choice.asked)


def _rows(job: Job) -> tuple[BenchRow, ...]:
    return tuple(progress.row for progress in _told(job) if progress.row is not None)


def _told(job: Job) -> list[Progress]:
    """What a benchmark told; a process that is ended may leave half a line."""
    found: list[Progress] = []
    for line in job.told:
        with contextlib.suppress(ValueError):
            found.append(from_line(line))
    return found
