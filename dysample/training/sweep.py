"""A sweep: upsamplers times seeds, each trained once, whatever happens to the others."""

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
from dysample.training.runs import BASELINE, ENCODER_SEED, epochs_done, head_folder, whole_folder
from dysample.training.stages import has_shared_encoder, make_head

# What one process of a sweep trains, and how it ended.


MENDABLE = 2  # exit status of the command line when it ends with a sentence for people
_PATIENCE = 10  # seconds that a process gets to end by itself


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Runs that one process trains: the encoder, several heads of a seed, or one network end to end.

    Attributes:
        recipe: Name or absolute path.
        data: Absolute folder of the data sets.
        runs: Absolute folder of the runs.
        stage: As `python -m dysample train` calls it.
        upsamplers: Their names.
        seed: Of all of them.
        bfloat16: Compute in it on the CPU too.
    """

    recipe: str
    data: Path
    runs: Path
    stage: Literal["encoder", "heads", "whole"]
    upsamplers: tuple[str, ...]
    seed: int
    bfloat16: bool = False

    def command(self, device: str, threads: int) -> list[str]:
        """The command line that trains them."""
        words = [sys.executable, "-m", "dysample", "train", self.recipe, "--stage", self.stage]
        words += ["--upsampler", *self.upsamplers, "--seed", str(self.seed)]
        words += ["--data", str(self.data), "--runs", str(self.runs)]
        words += ["--device", device, "--threads", str(threads)]
        return [*words, *["--bfloat16"] * self.bfloat16]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended.

    Attributes:
        status: 0 if all is done, `MENDABLE` after a sentence for people, else it broke.
        reason: Its last words.
    """

    status: int
    reason: str


@runtime_checkable
class Workers(Protocol):
    """What carries jobs out."""

    @property
    def count(self) -> int:
        """How many jobs run at a time."""
        ...

    def run(self, jobs: Sequence[TrainingJob]) -> Generator[tuple[TrainingJob, Ending], None, None]:
        """Carry jobs out, giving each as it ends; closing the generator stops the rest."""
        ...


class Process:
    """A command that tells what it prints, line by line, and can be stopped."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it, out of reach of the terminal's Ctrl-C, which is for whoever started it."""
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

    def watch(self, tell: Callable[[str], None]) -> Ending:
        """Pass every line on until the command ends; stops it if that is interrupted."""
        last = said = ""
        with self._process:
            try:
                for line in self._process.stdout or ():
                    last = line.strip() or last
                    said = line.strip() if line.startswith("dysample: ") else said
                    tell(line.rstrip())
            finally:
                self.stop()
        status = self._process.returncode
        if status < 0:
            return Ending(status, f"ended by the signal {signal.Signals(-status).name}")
        return Ending(status, said.removeprefix("dysample: ") or last)

    def stop(self) -> None:
        """End it, if it has not ended yet; a run loses no more than its last epoch."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


State = Literal["done", "skipped", "failed", "interrupted"]
RunKey = tuple[str, int]  # upsampler and seed


@dataclass(frozen=True, slots=True)
class Sweep:
    """What to train.

    Attributes:
        recipe: The task and how its weights are made.
        source: Name of the recipe, or the absolute path of its file.
        data: Absolute folder of the data sets.
        runs: Absolute folder of the runs.
        stage: Heads on the shared encoder, or networks end to end.
        upsamplers: Names, canonical.
        seeds: Every upsampler is trained with each.
        bfloat16: Compute in it on the CPU too.
        scored: Upsamplers and seeds whose scores are kept; they need not be trained again.
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
    """What became of one run; `reason` says why it failed."""

    upsampler: str
    seed: int
    state: State
    reason: str = ""


def sweep(made: Sweep, workers: Workers) -> tuple[Outcome, ...]:
    """Train what is not complete yet; a run that fails does not stop the others.

    Heads of a seed share a process, and so the frozen encoder's work, split evenly where there are
    more workers than seeds. Where a process breaks (no memory is left, say), its runs are tried again
    in two halves, until the one to blame is alone. An interruption stops all of them cleanly.

    Returns:
        One outcome for every upsampler and seed, seed by seed.
    """
    runs = [(name, seed) for seed in made.seeds for name in made.upsamplers]
    before = {run for run in runs if is_complete(made, *run)}
    todo = [run for run in runs if run not in before]
    reasons = _impossible(made, todo)
    interrupted = False
    try:
        _train(made, [run for run in todo if run not in reasons], workers, reasons)
    except KeyboardInterrupt:
        interrupted = True
    outcomes = {run: Outcome(*run, "skipped", _why_skipped(made, run)) for run in before}
    for run in todo:
        if run in reasons:
            outcomes[run] = Outcome(*run, "failed", reasons[run])
        elif interrupted and not is_complete(made, *run):
            outcomes[run] = Outcome(*run, "interrupted", "the same command goes on with it")
        else:
            outcomes[run] = Outcome(*run, "done")
    return tuple(outcomes[run] for run in runs)


def is_complete(made: Sweep, upsampler: str, seed: int) -> bool:
    """Whether a run has been trained to its end, here or where its scores come from."""
    if (upsampler, seed) in made.scored:
        return True
    recipe, runs = made.recipe, made.runs
    if made.stage == "heads":
        return epochs_done(head_folder(recipe, runs, upsampler, seed)) >= recipe.head_stage.epochs
    return epochs_done(whole_folder(recipe, runs, upsampler, seed)) >= recipe.encoder_stage.epochs


def _why_skipped(made: Sweep, run: RunKey) -> str:
    return "its scores are kept" if run in made.scored else "was complete"


def _impossible(made: Sweep, todo: Sequence[RunKey]) -> dict[RunKey, str]:
    """Runs of upsamplers that cannot have the recipe's widths, with the reason."""
    if not todo:
        return {}
    encoder = new_encoder(made.recipe.task)
    reasons: dict[str, str] = {}
    for name in {name for name, _ in todo}:
        try:
            make_head(made.recipe, encoder, name, seed=0)
        except ValueError as error:
            reasons[name] = str(error)
    return {(name, seed): reasons[name] for name, seed in todo if name in reasons}


def _train(made: Sweep, todo: Sequence[RunKey], workers: Workers, reasons: dict[RunKey, str]) -> None:
    """Train runs, entering why one failed as soon as that is known."""
    if made.stage == "heads" and todo:
        failed = _train_encoder(made, workers)
        if failed:
            reasons |= dict.fromkeys(todo, failed)
            return
    jobs = _jobs(made, todo, workers.count)
    while jobs:
        again: list[TrainingJob] = []
        with closing(workers.run(jobs)) as endings:
            for job, ending in endings:
                left = [name for name in job.upsamplers if not is_complete(made, name, job.seed)]
                if ending.status not in (0, MENDABLE) and len(left) > 1:
                    half = len(left) // 2
                    again += [replace(job, upsamplers=tuple(part)) for part in (left[:half], left[half:])]
                else:
                    reasons |= {(name, job.seed): ending.reason for name in left}
        jobs = again


def _train_encoder(made: Sweep, workers: Workers) -> str:
    """Train the encoder that all heads share, if there is none; gives why that failed, or nothing."""
    if has_shared_encoder(made.recipe, made.runs):
        return ""
    job = TrainingJob(made.source, made.data, made.runs, "encoder", (BASELINE,), ENCODER_SEED, made.bfloat16)
    with closing(workers.run([job])) as endings:
        ((_, ending),) = endings
    return "" if has_shared_encoder(made.recipe, made.runs) else f"the encoder failed: {ending.reason}"


def _jobs(made: Sweep, todo: Sequence[RunKey], workers: int) -> list[TrainingJob]:
    """Jobs for all runs, seed by seed."""
    jobs: list[TrainingJob] = []
    seeds = list(dict.fromkeys(seed for _, seed in todo))
    for seed in seeds:
        names = [name for name, own in todo if own == seed]
        parts = min(len(names), math.ceil(workers / len(seeds))) if made.stage == "heads" else len(names)
        # Every so manieth: neighbours in the table cost alike, and so do the parts.
        for part in (tuple(names[k::parts]) for k in range(parts)):
            jobs.append(TrainingJob(made.source, made.data, made.runs, made.stage, part, seed, made.bfloat16))
    return jobs
