"""Swaps that are really run: in a process of its own, by the command line that the page shows."""

import shlex
from collections.abc import Mapping
from typing import Literal

from app.compute.worker import Job, start
from app.settings import ModelChoice, SwapChoice
from dysample.analysis.trial.report import TrialReport, from_json

Stage = Literal["look", "measure", "deploy"]
_OPTIONS: Mapping[Stage, tuple[str, ...]] = {
    "look": (),
    "measure": ("--start", "--time"),
    "deploy": ("--deploy",),
}
_LIMITS_S: Mapping[Stage, float] = {"look": 300, "measure": 600, "deploy": 900}


def command(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> tuple[str, ...]:
    """Arguments of `python -m dysample` that do what a stage does."""
    words = ["trial", "--model", choice.name, "--input", f"1x3x{choice.height}x{choice.width}"]
    words += ["--to", swap.to]
    if swap.exceptions:
        words += ["--at", *(f"{site}={operator}" for site, operator in swap.exceptions)]
    return (*words, *_OPTIONS[stage])


def command_line(choice: ModelChoice, swap: SwapChoice) -> str:
    """The command line that does all that the page does."""
    words = command(choice, swap, "look")
    return shlex.join(["python", "-m", "dysample", *words, *_OPTIONS["measure"], *_OPTIONS["deploy"]])


def begin(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> Job:
    """Put a stage in line.

    Raises:
        BusyError: Too many wait already.
    """
    return start([*command(choice, swap, stage), "--json", "-"], limit_s=_LIMITS_S[stage])


def report(job: Job) -> TrialReport:
    """What a job found that is done."""
    return from_json(job.output)
