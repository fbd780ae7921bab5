"""Sweeps: train every upsampler with every seed, and carry on if some of the runs fail."""

import math
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from dysample.models.weights import new_encoder
from dysample.training.recipe import Recipe
from dysample.training.runs import ENCODER_SEED, epochs_done, head_folder, whole_folder
from dysample.training.stages import has_shared_encoder, make_head

MENDABLE = 2  # exit status of the command line after an error that the user can fix
_PATIENCE = 10  # seconds that a process has to stop by itself
State = Literal["done", "skipped", "failed", "interrupted"]
RunKey = tuple[str, int]  # upsampler and seed


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Runs that one process trains: the encoder, several heads of a seed, or one network end to end.

    Attributes:
        recipe: Name of a recipe, or the absolute path of its file.
        data: Absolute folder of the data sets.
        runs: Absolute folder of the runs.
        stage: Stage, as in `python -m dysample train`.
        upsamplers: Names of the upsamplers.
        seed: Seed of all runs.
        bfloat16: Compute in bfloat16 on the CPU too.
    """

    recipe: str
    data: Path
    runs: Path
    stage: Literal["encoder", "heads", "whole"]
    upsamplers: tuple[str, ...]
    seed: int
    bfloat16: bool = False

    def command(self, device: str, threads: int) -> list[str]:
        """Return the command line of the job."""
        words = [sys.executable, "-m", "dysample", "train", self.recipe, "--stage", self.stage]
        words += ["--upsampler", *self.upsamplers, "--seed", str(self.seed)]
        words += ["--data", str(self.data), "--runs", str(self.runs)]
        words += ["--device", device, "--threads", str(threads)]
        return [*words, *["--bfloat16"] * self.bfloat16]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended.

    Attributes:
        status: 0 if all is done, `MENDABLE` after an error that the user can fix; anything else is a crash.
        reason: Its error message, else the last line of its output.
    """

    status: int
    reason: str


@runtime_checkable
class Workers(Protocol):
    """A pool of workers that carries out jobs."""

    @property
    def count(self) -> int:
        """Number of jobs that run at a time."""
        ...

    def run(self, jobs: Sequence[TrainingJob]) -> Generator[tuple[TrainingJob, Ending], None, None]:
        """Carry out jobs, yielding each as it ends; closing the generator stops the rest."""
        ...


class Process:
    """A command whose output is passed on line by line, and that can be stopped."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start the command in its own session, so that Ctrl-C reaches the sweep alone."""
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def watch(self, report: Callable[[str], None]) -> Ending:
        """Pass every line on until the command ends; stop the command if interrupted."""
        last = message = ""
        with self._process:
            try:
                for line in self._process.stdout or ():
                    last = line.strip() or last
                    message = line.strip() if line.startswith("dysample: ") else message
                    report(line.rstrip())
            finally:
                self.stop()
        status = self._process.returncode
        if status < 0:
            return Ending(status, f"ended by the signal {signal.Signals(-status).name}")
        return Ending(status, message.removeprefix("dysample: ") or last)

    def stop(self) -> None:
        """Stop the command if it still runs; a run loses at most its current epoch."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@dataclass(frozen=True, slots=True)
class Sweep:
    """The runs of a sweep and their settings.

    Attributes:
        recipe: The recipe.
        source: Name of the recipe, or the absolute path of its file.
        data: Absolute folder of the data sets.
        runs: Absolute folder of the runs.
        stage: Heads on the shared encoder, or networks end to end.
        upsamplers: Canonical names.
        seeds: Seeds to train every upsampler with.
        bfloat16: Compute in bfloat16 on the CPU too.
        scored: Runs whose scores are kept, and which need not be trained again.
    """

    recipe: Recipe
    source: str
    data: Path
    runs: Path
    stage: Literal["heads", "whole"]
    upsamplers: tuple[str, ...]
    seeds: tuple[int, ...]
    bfloat16: bool = False
    scored: frozenset[RunKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one run; `reason` explains any state but "done"."""

    upsampler: str
    seed: int
    state: State
    reason: str = ""


def sweep(plan: Sweep, workers: Workers) -> tuple[Outcome, ...]:
    """Train all runs that are not complete yet; a run that fails does not stop the others.

    Heads of a seed share a process and the work of the frozen encoder; with more workers than seeds, the
    heads of a seed are split evenly. If a process crashes (out of memory, for example), its runs are tried
    again in two halves until the run to blame is alone. An interruption stops all runs cleanly.

    Returns:
        One outcome for each upsampler and seed, seed by seed.
    """
    runs = [(name, seed) for seed in plan.seeds for name in plan.upsamplers]
    before = {run for run in runs if is_complete(plan, *run)}
    todo = [run for run in runs if run not in before]
    reasons = _impossible(plan, todo)
    interrupted = False
    try:
        _train(plan, [run for run in todo if run not in reasons], workers, reasons)
    except KeyboardInterrupt:
        interrupted = True
    outcomes = {run: Outcome(*run, "skipped", _why_skipped(plan, run)) for run in before}
    for run in todo:
        if run in reasons:
            outcomes[run] = Outcome(*run, "failed", reasons[run])
        elif interrupted and not is_complete(plan, *run):
            outcomes[run] = Outcome(*run, "interrupted", "the same command goes on with it")
        else:
            outcomes[run] = Outcome(*run, "done")
    return tuple(outcomes[run] for run in runs)


def is_complete(plan: Sweep, upsampler: str, seed: int) -> bool:
    """Return whether a run is complete or already scored."""
    if (upsampler, seed) in plan.scored:
        return True
    recipe, runs = plan.recipe, plan.runs
    if plan.stage == "heads":
        return epochs_done(head_folder(recipe, runs, upsampler, seed)) >= recipe.head_stage.epochs
    return epochs_done(whole_folder(recipe, runs, upsampler, seed)) >= recipe.encoder_stage.epochs


def _why_skipped(plan: Sweep, run: RunKey) -> str:
    return "its scores are kept" if run in plan.scored else "was complete"


def _impossible(plan: Sweep, todo: Sequence[RunKey]) -> dict[RunKey, str]:
    """Return the runs whose upsamplers cannot be built with the recipe's widths, with the reason."""
    if not todo:
        return {}
    encoder = new_encoder(plan.recipe.task)
    reasons: dict[str, str] = {}
    for name in {name for name, _ in todo}:
        try:
            make_head(plan.recipe, encoder, name, seed=0)
        except ValueError as error:
            reasons[name] = str(error)
    return {(name, seed): reasons[name] for name, seed in todo if name in reasons}


def _train(plan: Sweep, todo: Sequence[RunKey], workers: Workers, reasons: dict[RunKey, str]) -> None:
    """Train runs, adding the reason of each failure to `reasons` as soon as it is known."""
    if plan.stage == "heads" and todo:
        failed = _train_encoder(plan, workers)
        if failed:
            reasons |= dict.fromkeys(todo, failed)
            return
    jobs = _jobs(plan, todo, workers.count)
    while jobs:
        again: list[TrainingJob] = []
        with closing(workers.run(jobs)) as endings:
            for job, ending in endings:
                left = [name for name in job.upsamplers if not is_complete(plan, name, job.seed)]
                if ending.status not in (0, MENDABLE) and len(left) > 1:
                    half = len(left) // 2
                    again += [replace(job, upsamplers=tuple(part)) for part in (left[:half], left[half:])]
                else:
                    reasons |= {(name, job.seed): ending.reason for name in left}
        jobs = again


def _train_encoder(plan: Sweep, workers: Workers) -> str:
    """Train the shared encoder if there is none; return why that failed, or an empty string."""
    if has_shared_encoder(plan.recipe, plan.runs):
        return ""
    reference = (plan.recipe.task.reference,)
    job = TrainingJob(plan.source, plan.data, plan.runs, "encoder", reference, ENCODER_SEED, plan.bfloat16)
    with closing(workers.run([job])) as endings:
        ((_, ending),) = endings
    return "" if has_shared_encoder(plan.recipe, plan.runs) else f"the encoder failed: {ending.reason}"


def _jobs(plan: Sweep, todo: Sequence[RunKey], workers: int) -> list[TrainingJob]:
    """Split the runs into jobs, seed by seed."""
    jobs: list[TrainingJob] = []
    seeds = list(dict.fromkeys(seed for _, seed in todo))
    for seed in seeds:
        names = [name for name, own in todo if own == seed]
        parts = min(len(names), math.ceil(workers / len(seeds))) if plan.stage == "heads" else len(names)
        # Deal out round-robin: neighbours in the table cost about the same.
        for part in (tuple(names[k::parts]) for k in range(parts)):
            jobs.append(TrainingJob(plan.source, plan.data, plan.runs, plan.stage, part, seed, plan.bfloat16))
    return jobs
