"""What `python -m dysample bench` takes and does."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from dysample.analysis.bench.asked import PAPER_SIZE, Asked, MapSize, positive
from dysample.analysis.bench.case import DTypeName, Layout
from dysample.analysis.bench.measuring import check_device
from dysample.analysis.bench.report import BenchReport, to_json
from dysample.analysis.bench.running import Progress, benchmark, to_line
from dysample.analysis.bench.table import name_of, to_markdown
from dysample.kernels.choice import Implementation, check_implementation, environment
from dysample.ops.registry import OPERATORS

INTERRUPTED = 130


def add_options(bench: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    add, names = bench.add_argument, list(OPERATORS)
    add("--upsampler", nargs="+", choices=names, default=names, metavar="NAME", help="default: all")
    sizes = bench.add_mutually_exclusive_group()
    size_help = f"or BxCxHxW; default: {PAPER_SIZE}"
    sizes.add_argument(
        "--size", nargs="+", type=MapSize.parse, default=[PAPER_SIZE], metavar="CxHxW", help=size_help
    )
    sizes.add_argument(
        "--paper", action="store_true", help=f"as in Figure 8: {PAPER_SIZE}, scale 2, float32, nchw"
    )
    add("--scale", type=positive, default=2, help="enlargement (default: 2)")
    add("--threads", type=positive, default=1, help="CPU threads (default: 1)")
    add("--dtype", choices=get_args(DTypeName), default="float32", help="default: float32")
    add("--layout", nargs="+", choices=get_args(Layout), default=["nchw"], help="default: nchw")
    add(
        "--implementation",
        nargs="+",
        choices=get_args(Implementation),
        help="what reads at points, for DySample (default: what DYSAMPLE_KERNEL says, or auto)",
    )
    add("--compiled", action="store_true", help="measure every operator through torch.compile, too")
    add("--device", default="cpu", help="cpu, cuda or such as cuda:1 (default: cpu)")
    add("--rounds", type=positive, default=9, help="samples of each operator (default: 9)")
    add("--backward", action="store_true", help="time forward and backward together, too")
    add("--no-memory", action="store_true", help="leave memory out: it takes a process for each operator")
    add("--progress", action="store_true", help="tell progress on stderr as JSON, one line a step")
    add("--json", type=Path, metavar="FILE", help="write the figures there")
    add("--out", type=Path, metavar="FILE.md", help="write the table there")


def run(options: argparse.Namespace) -> int:
    """Measure, print the table, write the files; gives the exit status.

    Raises:
        ValueError: There is no such device or implementation, or a file cannot be written.
    """
    for path in (options.json, options.out):
        _check_file(path)
    check_device(options.device)
    asked, how = _asked(options), {"rounds": options.rounds, "backward": options.backward}
    memory = not options.no_memory
    command = asked.command(**how, memory=memory)
    tell = _tell_programs if options.progress else _tell_people
    report = benchmark(asked.cases(), **how, memory=memory, command=command, progress=tell)
    if not report.complete:
        print("Interrupted: this is what had been measured.", file=sys.stderr)
    print(to_markdown(report))
    for path, write in ((options.json, to_json), (options.out, to_markdown)):
        _write(path, write, report)
    return 0 if report.complete else INTERRUPTED


def _asked(options: argparse.Namespace) -> Asked:
    names: Sequence[Any] = options.implementation or [environment()]
    for name in names:
        check_implementation(name, "implementation")
    chosen = Asked(
        operators=tuple(options.upsampler),
        implementations=tuple(names),
        compiled=options.compiled,
        device=options.device,
        threads=options.threads,
    )
    if options.paper:
        return chosen
    return replace(
        chosen,
        sizes=tuple(options.size),
        layouts=tuple(options.layout),
        scale=options.scale,
        dtype=options.dtype,
    )


def _tell_people(progress: Progress) -> None:
    if progress.row is None:
        print(f"{progress.done + 1}/{progress.total} {name_of(progress.case)} ...", file=sys.stderr)


def _tell_programs(progress: Progress) -> None:
    print(to_line(progress), file=sys.stderr, flush=True)


def _check_file(path: Path | None) -> None:
    """Find out before the measurement, not after it, that a file cannot be written."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}") from error


def _write(path: Path | None, write: Callable[[BenchReport], str], report: BenchReport) -> None:
    if path is not None:
        path.write_text(write(report), encoding="utf-8")
