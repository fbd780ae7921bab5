"""What `python -m dysample bench` takes and does."""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from dysample.analysis.bench.case import BenchCase, DTypeName, Layout
from dysample.analysis.bench.machine import this_machine
from dysample.analysis.bench.measuring import BenchRow, check_device, measure
from dysample.analysis.bench.report import BenchReport, to_json
from dysample.analysis.bench.table import to_markdown
from dysample.ops.registry import OPERATORS

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class MapSize:
    """Size of a map.

    Attributes:
        channels: How many there are.
        height: Rows.
        width: Columns.
    """

    channels: int
    height: int
    width: int

    @classmethod
    def parse(cls, text: str) -> "MapSize":
        """Read channels x rows x columns, such as ``256x120x120``.

        Raises:
            ArgumentTypeError: It is not three positive integers.
        """
        parts = text.lower().split("x")
        if len(parts) != 3 or not all(part.isdecimal() and int(part) for part in parts):
            raise argparse.ArgumentTypeError(
                f"a size must be channels x rows x columns, such as 256x120x120, got {text!r}"
            )
        return cls(*map(int, parts))

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


def add_options(bench: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    add, sizes = bench.add_argument, [MapSize(256, 120, 120)]
    names = list(OPERATORS)
    add("--upsampler", nargs="+", choices=names, default=names, metavar="NAME", help="default: all")
    add("--size", nargs="+", type=MapSize.parse, default=sizes, metavar="CxHxW", help="default: 256x120x120")
    add("--scale", type=_positive, default=2, help="enlargement (default: 2)")
    add("--threads", type=_positive, default=1, help="CPU threads (default: 1)")
    add("--dtype", choices=get_args(DTypeName), default="float32", help="default: float32")
    add("--layout", choices=get_args(Layout), default="nchw", help="of maps in memory (default: nchw)")
    add("--device", default="cpu", help="cpu, cuda or such as cuda:1 (default: cpu)")
    add("--rounds", type=_positive, default=9, help="samples of each operator (default: 9)")
    add("--backward", action="store_true", help="time forward and backward together, too")
    add("--json", type=Path, metavar="FILE", help="write the figures there")
    add("--out", type=Path, metavar="FILE.md", help="write the table there")


def run(options: argparse.Namespace) -> int:
    """Measure, print the table, write the files; gives the exit status.

    Raises:
        ValueError: There is no such device, or a file cannot be written.
    """
    for path in (options.json, options.out):
        _check_file(path)
    machine = this_machine(check_device(options.device))
    date = datetime.now(UTC).isoformat(timespec="seconds")
    cases, rows = _cases(options), list[BenchRow]()
    try:
        for case in cases:
            print(f"{len(rows) + 1}/{len(cases)} {OPERATORS[case.operator].label} ...", file=sys.stderr)
            rows.append(measure(case, rounds=options.rounds, backward=options.backward))
    except KeyboardInterrupt:
        print("Interrupted: this is what had been measured.", file=sys.stderr)
    report = BenchReport(
        command=_command(options),
        date=date,
        machine=machine,
        rounds=options.rounds,
        backward=options.backward,
        complete=len(rows) == len(cases),
        rows=tuple(rows),
    )
    print(to_markdown(report))
    for path, write in ((options.json, to_json), (options.out, to_markdown)):
        _write(path, write, report)
    return 0 if report.complete else INTERRUPTED


def _cases(options: argparse.Namespace) -> list[BenchCase]:
    """Size by size, each in the order of the table."""
    return [
        BenchCase(
            operator=name,
            channels=size.channels,
            height=size.height,
            width=size.width,
            scale=options.scale,
            dtype=options.dtype,
            layout=options.layout,
            device=options.device,
            threads=options.threads,
        )
        for size in dict.fromkeys(options.size)
        for name in OPERATORS
        if name in options.upsampler
    ]


def _command(options: argparse.Namespace) -> str:
    """The command line that measures the same again, with every option that changes a figure."""
    chosen: Sequence[str] = [name for name in OPERATORS if name in options.upsampler]
    words = ["python", "-m", "dysample", "bench"]
    words += ["--upsampler", *chosen] if len(chosen) < len(OPERATORS) else []
    words += ["--size", *map(str, dict.fromkeys(options.size))]
    for name in ("scale", "threads", "dtype", "layout", "device", "rounds"):
        words += [f"--{name}", str(getattr(options, name))]
    return shlex.join([*words, *(["--backward"] if options.backward else [])])


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


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)
