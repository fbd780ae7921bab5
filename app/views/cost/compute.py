"""A visitor's benchmark on this server, the committed benchmarks, and presets of map sizes."""

import contextlib
import os
import shlex
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import torch

from app.pages import APP
from app.records import CostResult
from app.settings import CostChoice
from app.shared import worker
from app.shared.cache import cached
from app.shared.engine import devices
from app.shared.engine.turns import EngineError
from app.shared.literal import plain
from app.shared.worker import Command
from app.views.evidence.compute import Missing, task_sites, tasks
from dysample.cli.bench import command_line
from dysample.measure.bench import BenchProgress, BenchReport, BenchRow, from_json, from_line
from dysample.measure.bench_table import name_of
from dysample.measure.case import PAPER_SIZE, MapSize
from dysample.measure.complexity import SiteSpec, site_parameters
from dysample.measure.machine import this_machine
from dysample.measure.profile import ProfileReport
from dysample.measure.profile import from_json as profile_from_json

RunState = Literal["waiting", "running", "finished", "cancelled", "failed"]
MOST_CHANNELS, MOST_SIDE = 512, 512
MOST_NUMBERS = 2**22  # in a map: the paper's has 3.7 million
LIMIT_S = 300.0  # for the benchmark; as much again for the profile, which needs far less
ROUNDS = 5
_SMALLEST_SIDE = 4
_SMALL_MAP = MapSize(64, 32, 32)
VARIABLE = "DYSAMPLE_BENCHMARK"
COMMAND = f"python -m dysample bench --size {PAPER_SIZE} --json docs/benchmark.json"
# Streamlit apps run from the repository; a wheel does not hold these files.
_DOCS = APP.parent / "docs"


class Measurement:
    """The benchmark and the profile of one choice, queued when it is made."""

    def __init__(self, choice: CostChoice, *, visitor: str = "") -> None:
        """Queue the commands.

        Args:
            choice: What to measure.
            visitor: Who asks.

        Raises:
            BusyError: If too many jobs are waiting.
            ValueError: If the choice is beyond the limits.
        """
        check(choice)
        self.choice = choice
        self.date = datetime.now(UTC).isoformat(timespec="seconds")
        self.machine = this_machine(torch.device(choice.device))
        bench, profile = commands(choice)
        self._bench = _start(bench, "--progress", visitor=visitor)
        self._profile: Command | None = None
        if not profile:
            return
        try:
            self._profile = _start(profile, visitor=visitor)
        except worker.BusyError:
            self._bench.cancel()
            raise

    @property
    def state(self) -> RunState:
        """State of the measurement; the profile may fail without the benchmark."""
        jobs = self._jobs
        if any(job.state == "cancelled" for job in jobs):
            return "cancelled"
        if self._bench.state == "waiting":
            return "waiting"
        if any(job.going for job in jobs):
            return "running"
        return "failed" if self._bench.state == "failed" else "finished"

    @property
    def _jobs(self) -> tuple[Command, ...]:
        return (self._bench,) if self._profile is None else (self._bench, self._profile)

    @property
    def going(self) -> bool:
        """Whether the measurement waits or runs."""
        return self.state in ("waiting", "running")

    @property
    def outcome(self) -> str:
        """A sentence or two on why the measurement is incomplete."""
        total, done = len(self.choice.asked.cases()), len(_rows(self._bench))
        kept = f" {done} of {total} steps had been measured and are kept." if 0 < done < total else ""
        if self.state == "cancelled":
            return f"Cancelled.{kept}"
        return f"The measurement failed. {self._bench.error}{kept}"

    def poll(self) -> worker.Progress:
        """Return the progress; a measurement that is not polled is cancelled."""
        first, *others = (job.poll() for job in self._jobs)
        if self._bench.state == "waiting":
            return worker.Progress(first.words, 0.0)
        if not self._bench.going:
            second = next(iter(others), worker.Progress("Done", 1.0))
            return worker.Progress(f"Taking calls apart. {second.words}", 0.8 + 0.2 * second.share)
        reports = _reports(self._bench)
        if not reports:
            return worker.Progress("Starting, and measuring how fast this machine copies", 0.0)
        now = reports[-1]
        number = min(now.done + (now.row is None), now.total)
        size = MapSize(now.case.channels, now.case.height, now.case.width)
        words = f"{number} of {now.total}: {name_of(now.case)}, {str(size).replace('x', '×')}"
        return worker.Progress(words, 0.8 * now.done / now.total)

    def cancel(self) -> None:
        """Cancel the measurement; what has been measured is kept."""
        for job in reversed(self._jobs):
            job.cancel()

    def result(self) -> CostResult | None:
        """Return what has been measured so far; None if nothing has."""
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
            json=self._bench.result,
            load=self._bench.load,
        )

    def _report(self) -> BenchReport | None:
        return from_json(self._bench.result) if self._bench.state == "done" else None

    def _profiled(self) -> ProfileReport | None:
        if self._profile is None or self._profile.state != "done":
            return None
        return profile_from_json(self._profile.result)


def check(choice: CostChoice) -> None:
    """Check that a choice takes this server neither too much memory nor too much time.

    Raises:
        ValueError: If it is beyond a limit.
    """
    size = choice.sizes[0]
    numbers = size.channels * size.height * size.width
    if not choice.upsamplers:
        raise ValueError("Choose at least one upsampler to measure.")
    if not choice.dtypes:
        raise ValueError("Choose at least one type of numbers to measure.")
    if size.channels > MOST_CHANNELS or max(size.height, size.width) > MOST_SIDE:
        raise ValueError(
            f"A map may have at most {MOST_CHANNELS} channels and sides of {MOST_SIDE}, got {size}."
        )
    if numbers > MOST_NUMBERS:
        raise ValueError(
            f"A map may hold at most {MOST_NUMBERS:,} numbers here, and {size} are {numbers:,}: choose fewer "
            f"channels, rows or columns. The paper’s {PAPER_SIZE} fits."
        )


def devices_to_measure() -> dict[str, str]:
    """Return the devices of this server by name, with names for people: the CPU, and a GPU where one is."""
    found = {"cpu": "The CPU"}
    if torch.cuda.is_available():
        gpu = torch.device("cuda")
        with contextlib.suppress(EngineError):  # the foot of the page says it
            gpu = devices.device() if devices.device().type == "cuda" else gpu
        found[str(gpu)] = torch.cuda.get_device_name(gpu)
    return found


def limits(device: str) -> str:
    """Return sentences on what a visitor may measure on a device, and why."""
    on = "one processor core" if device == "cpu" else "the GPU, which networks of other visitors use as well"
    return (
        f"At most {MOST_NUMBERS:,} numbers in a map, {on}, and {LIMIT_S / 60:.0f} minutes: "
        "then it ends, and what it has is kept. It also stops if you leave this page for more than a "
        "minute. It runs in a process of its own, one at a time for all "
        "visitors, so that pages stay quick and measurements do not disturb each other."
    )


def smaller(size: MapSize) -> tuple[MapSize, ...]:
    """Return sizes with a half, a quarter and an eighth of the sides, down to `_SMALLEST_SIDE`."""
    parts = (MapSize(size.channels, size.height // part, size.width // part) for part in (2, 4, 8))
    return tuple(part for part in parts if min(part.height, part.width) >= _SMALLEST_SIDE)


def commands(choice: CostChoice) -> tuple[str, str]:
    """Return the command lines that repeat benchmark and profile; the latter is empty for a GPU."""
    bench = choice.asked.command(rounds=ROUNDS, backward=choice.backward, memory=choice.memory)
    return bench, command_line(choice.asked) if choice.device == "cpu" else ""


def _start(command: str, *options: str, visitor: str) -> Command:
    """Queue a command line that begins with `python -m dysample`."""
    return worker.start([*shlex.split(command)[3:], *options], limit_s=LIMIT_S, visitor=visitor)


def _rows(job: Command) -> tuple[BenchRow, ...]:
    return tuple(progress.row for progress in _reports(job) if progress.row is not None)


def _reports(job: Command) -> list[BenchProgress]:
    """Return the progress reports of a benchmark; a killed process may leave half a line."""
    found: list[BenchProgress] = []
    for line in job.json_lines:
        with contextlib.suppress(ValueError):
            found.append(from_line(line))
    return found


def committed() -> CostResult | Missing:
    """Return the benchmark of the repository with its profile."""
    path = Path(os.environ.get(VARIABLE) or _DOCS / "benchmark.json")
    return _read(path, path.with_name("profile.json"))


def committed_sizes() -> CostResult | Missing:
    """Return the benchmark of the repository over several sizes."""
    return _read(_DOCS / "benchmark-sizes.json", None)


def _read(path: Path, profile: Path | None) -> CostResult | Missing:
    if not path.is_file():
        return Missing(f"There is no benchmark: `{path.name}` is not beside the app.", (COMMAND,))
    try:
        return _result(path, profile, os.stat(path).st_mtime_ns)
    except (OSError, ValueError) as error:
        return Missing(
            f"The benchmark `{path.name}` cannot be read: {plain(str(error))}.", (COMMAND,), damaged=True
        )


@cached
def _result(path: Path, profile: Path | None, changed: int) -> CostResult:
    """Read a file once for each of its versions."""
    text = path.read_text(encoding="utf-8")
    report = from_json(text)
    return CostResult(
        title="From the repository",
        rows=report.rows,
        machine=report.machine,
        date=report.date,
        command=report.command,
        copy=report.copy,
        profile=_profile(profile),
        json=text,
    )


def _profile(path: Path | None) -> ProfileReport | None:
    if path is None or not path.is_file():
        return None
    return profile_from_json(path.read_text(encoding="utf-8"))


def presets() -> dict[str, MapSize]:
    """Return sizes by display name: the paper's, a small one, and those that our networks enlarge last."""
    sizes = {"The paper’s map": PAPER_SIZE, "A small map": _SMALL_MAP}
    for name, title in tasks().items():
        last = max(task_sites(name), key=lambda site: site.height * site.width)
        sizes[f"{title}, last step"] = MapSize(last.channels, last.height, last.width)
    return sizes


def weights(size: MapSize, rows: Iterable[BenchRow]) -> Mapping[str, int | None]:
    """Return the weights of all measured operators, without biases and normalisation, as the paper counts."""
    site = SiteSpec(size.channels, size.channels, size.height, size.width)
    made = {row.case.operator for row in rows if row.parameters.value is not None}
    return {name: site_parameters(name, site).weights_only for name in made}
