"""What `python -m dysample profile` takes and does."""

import argparse
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import torch

from dysample.analysis.bench.asked import PAPER_SIZE, Asked, MapSize
from dysample.analysis.bench.case import BenchCase, Layout
from dysample.analysis.bench.machine import this_machine
from dysample.analysis.profiling.parts import CallParts, call_parts
from dysample.analysis.profiling.report import ProfileReport, Refused, to_json, to_markdown
from dysample.files import write_text
from dysample.ops.registry import OPERATORS


def add_options(profile: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    names = list(OPERATORS)
    add = profile.add_argument
    add("--upsampler", nargs="+", choices=names, default=names, metavar="NAME", help="default: all")
    add("--size", type=MapSize.parse, default=PAPER_SIZE, metavar="CxHxW", help=f"default: {PAPER_SIZE}")
    add("--layout", choices=get_args(Layout), default="nchw", help="of maps in memory (default: nchw)")
    add("--json", type=Path, metavar="FILE", help="write the figures there")


def run(options: argparse.Namespace) -> int:
    """Take calls apart, print the table, write the file; gives the exit status.

    Raises:
        ValueError: The file cannot be written.
    """
    date, machine = datetime.now(UTC).isoformat(timespec="seconds"), this_machine(torch.device("cpu"))
    asked = Asked(operators=options.upsampler, sizes=(options.size,), layouts=(options.layout,))
    cases = [case for case in asked.cases() if case.operator in options.upsampler]
    found = list(_each([case for case in cases if case.layout == options.layout]))
    report = ProfileReport(
        command=command_line(asked),
        date=date,
        machine=machine,
        calls=tuple(each for each in found if isinstance(each, CallParts)),
        refused=tuple(each for each in found if isinstance(each, Refused)),
    )
    print(to_markdown(report))
    if options.json is not None:
        write_text(options.json, to_json(report))
    return 0


def command_line(asked: Asked) -> str:
    """The command line that takes the same calls apart, those of the first size."""
    words = ["python", "-m", "dysample", "profile", "--size", str(asked.sizes[0])]
    words += ["--layout", asked.layouts[0]]
    some = len(asked.operators) < len(OPERATORS)
    return " ".join([*words, *(["--upsampler", *asked.operators] if some else [])])


def _each(cases: list[BenchCase]) -> Iterable[CallParts | Refused]:
    for number, case in enumerate(cases, start=1):
        label = OPERATORS[case.operator].label
        print(f"{number}/{len(cases)} Watching {label}", file=sys.stderr, flush=True)
        try:
            yield call_parts(case)
        except (ValueError, RuntimeError) as error:
            yield Refused(case.operator, next(iter(str(error).splitlines()), type(error).__name__))
