"""The command `trial`."""

import argparse
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor, nn

from dysample.cli.swap import REFUSALS, failure, prepared
from dysample.files import write_text
from dysample.measure.machine import this_machine
from dysample.measure.timing import Race, cpu_stopwatch, race
from dysample.trial.deploy import TRIES, attempts
from dysample.trial.plan import planned, start_of, swap_by_plan
from dysample.trial.report import TrialReport, to_json, to_markdown
from dysample.trial.survey import audit_of, for_counting, survey, swap_costs

PRINTED = Path("-")
SEED = 0


def run_trial(options: argparse.Namespace) -> int:
    """Try a swap, print the report and write the file; return the exit status.

    Raises:
        ValueError: The model cannot be made, loaded or run, or the file cannot be written.
    """
    torch.manual_seed(SEED)
    announce = _Steps(options)
    announce("Making the model")
    model, inputs = prepared(options)
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        report = _report(model.eval(), inputs, options, announce)
    except REFUSALS as error:
        raise failure(model, inputs, options, error) from error
    finally:
        torch.set_num_threads(before)
    print(to_json(report) if options.json == PRINTED else to_markdown(report))
    if options.json and options.json != PRINTED:
        write_text(options.json, to_json(report))
    return 0


def _report(
    model: nn.Module,
    inputs: Tensor | list[Tensor],
    options: argparse.Namespace,
    announce: Callable[[str], None],
) -> TrialReport:
    machine = this_machine(torch.device("cpu"))
    date = datetime.now(UTC).isoformat(timespec="seconds")
    announce("Counting")
    shapes, no_numbers = for_counting(model, inputs)
    surveyed = survey(shapes, no_numbers)
    plan = planned(audit_of(surveyed), options.to, options.at)
    costs = swap_costs(shapes, no_numbers, plan)
    swapped = model
    if options.start or options.time or options.deploy:
        swapped, _ = swap_by_plan(model, inputs, plan)
    start, times, tried = None, None, ()
    if options.start:
        announce("Comparing outputs")
        start = start_of(model, swapped, inputs, plan)
    if options.time:
        announce("Timing both models in turns")
        times = _race(model, swapped, inputs, options.rounds)
    if options.deploy:
        tried = attempts(swapped, model, inputs, progress=lambda name: announce(f"Trying: {name}"))
    return TrialReport(
        command=_command(options),
        date=date,
        machine=machine,
        model=options.model,
        plan=plan,
        survey=surveyed,
        costs=costs,
        start=start,
        threads=options.threads,
        rounds=options.rounds,
        race=times,
        attempts=tried,
    )


def _race(model: nn.Module, swapped: nn.Module, inputs: Tensor | list[Tensor], rounds: int) -> Race:
    with torch.inference_mode():
        return race(lambda: swapped(inputs), lambda: model(inputs), rounds=rounds, stopwatch=cpu_stopwatch)


class _Steps:
    """Prints each step on stderr as it begins, such as ``2/4 Counting``."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.total = 2 + options.start + options.time + len(TRIES) * options.deploy
        self.done = 0

    def __call__(self, words: str) -> None:
        self.done += 1
        print(f"{self.done}/{self.total} {words}", file=sys.stderr, flush=True)


def _command(options: argparse.Namespace) -> str:
    """Return the command line that repeats the trial."""
    words = ["python", "-m", "dysample", "trial", "--model", options.model]
    words += ["--weights", str(options.weights)] if options.weights else []
    words += ["--input", "x".join(map(str, options.input))]
    words += ["--list"] if options.list else []
    words += ["--to", options.to]
    words += ["--at", *(f"{site}={operator}" for site, operator in options.at)] if options.at else []
    words += [f"--{name}" for name in ("start", "time", "deploy") if getattr(options, name)]
    words += ["--rounds", str(options.rounds), "--threads", str(options.threads)] if options.time else []
    return shlex.join(words)
