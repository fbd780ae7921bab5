"""The commands that measure: `bench`, `profile`, `share` and `complexity`."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from dysample.files import write_text
from dysample.kernels.choice import Implementation, check_implementation, environment
from dysample.measure.bench import BenchProgress, BenchReport, benchmark, check_device, to_json, to_line
from dysample.measure.bench_table import name_of, to_markdown
from dysample.measure.case import (
    PAPER_SIZE,
    BenchCase,
    BenchRequest,
    reads_at_points,
)
from dysample.measure.complexity import complexity_report
from dysample.measure.complexity import to_json as complexity_to_json
from dysample.measure.complexity_table import to_markdown as complexity_to_markdown
from dysample.measure.machine import this_machine
from dysample.measure.profile import CallParts, ProfileReport, Refused, call_parts
from dysample.measure.profile import to_json as profile_to_json
from dysample.measure.profile import to_markdown as profile_to_markdown
from dysample.measure.share import HostReport, HostShare, host_share
from dysample.measure.share import to_markdown as share_to_markdown
from dysample.ops.registry import OPERATORS

INTERRUPTED = 130


def run_bench(options: argparse.Namespace) -> int:
    """Measure, print the table and write the files; return the exit status.

    Raises:
        ValueError: There is no such device or implementation, or a file cannot be written.
    """
    for path in (options.json, options.out):
        _check_file(path)
    check_device(options.device)
    request, how = _request(options), {"rounds": options.rounds, "backward": options.backward}
    memory = not options.no_memory
    command = request.command(**how, memory=memory)
    progress = _print_json if options.progress else _print_step
    report = benchmark(request.cases(), **how, memory=memory, command=command, progress=progress)
    if not report.complete:
        print("Interrupted: this is what had been measured.", file=sys.stderr)
    print(to_markdown(report))
    for path, write in ((options.json, to_json), (options.out, to_markdown)):
        _write(path, write, report)
    return 0 if report.complete else INTERRUPTED


def _request(options: argparse.Namespace) -> BenchRequest:
    names: Sequence[Any] = options.implementation or [environment()]
    for name in names:
        check_implementation(name, "implementation")
    request = BenchRequest(
        operators=tuple(options.upsampler or OPERATORS),
        implementations=tuple(names),
        compiled=options.compiled,
        device=options.device,
        threads=options.threads,
    )
    if options.paper:
        return request
    return replace(
        request,
        sizes=tuple(options.size or [PAPER_SIZE]),
        layouts=tuple(options.layout),
        scale=options.scale,
        dtypes=tuple(options.dtype),
    )


def _print_step(progress: BenchProgress) -> None:
    if progress.row is None:
        print(f"{progress.done + 1}/{progress.total} {name_of(progress.case)} ...", file=sys.stderr)


def _print_json(progress: BenchProgress) -> None:
    print(to_line(progress), file=sys.stderr, flush=True)


def _check_file(path: Path | None) -> None:
    """Check before the measurement, not after it, that a file can be written."""
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


# --- share ---


def run_share(options: argparse.Namespace) -> int:
    """Measure, print the table and write the file; return the exit status.

    Raises:
        ValueError: There is no such task, or the implementation is not available.
        WeightsError: Weights are missing.
    """
    for name in options.implementation:
        check_implementation(name, "implementation")
    date, machine, rows = datetime.now(UTC), this_machine(torch.device("cpu")), list[HostShare]()
    for picture in options.picture:
        for name in options.upsampler:
            ways: list[Implementation] = options.implementation
            for implementation in ways if reads_at_points(name) else ways[:1]:
                print(f"{picture.task}, {name}, {implementation} ...", file=sys.stderr)
                how = {"threads": options.threads, "rounds": options.rounds}
                rows.append(host_share(picture, name, implementation=implementation, **how))
    report = HostReport(
        _share_command(options), date.isoformat(timespec="seconds"), machine, options.rounds, tuple(rows)
    )
    print(share_to_markdown(report))
    if options.json is not None:
        write_text(options.json, json.dumps(asdict(report), indent=1) + "\n")
    return 0


def _share_command(options: argparse.Namespace) -> str:
    words = ["python", "-m", "dysample", "share"]
    words += [f"{picture.task}:{picture.height}x{picture.width}" for picture in options.picture]
    words += ["--upsampler", *options.upsampler, "--implementation", *options.implementation]
    words += ["--threads", str(options.threads), "--rounds", str(options.rounds)]
    return shlex.join(words)


# --- profile ---


def run_profile(options: argparse.Namespace) -> int:
    """Profile calls, print the table and write the file; return the exit status.

    Raises:
        ValueError: The file cannot be written.
    """
    date, machine = datetime.now(UTC).isoformat(timespec="seconds"), this_machine(torch.device("cpu"))
    names: Sequence[str] = options.upsampler or list(OPERATORS)
    request = BenchRequest(operators=names, sizes=(options.size,), layouts=(options.layout,))
    cases = [case for case in request.cases() if case.operator in names]
    results = list(_profiles([case for case in cases if case.layout == options.layout]))
    report = ProfileReport(
        command=command_line(request),
        date=date,
        machine=machine,
        calls=tuple(result for result in results if isinstance(result, CallParts)),
        refused=tuple(result for result in results if isinstance(result, Refused)),
    )
    print(profile_to_markdown(report))
    if options.json is not None:
        write_text(options.json, profile_to_json(report))
    return 0


def command_line(request: BenchRequest) -> str:
    """Return the command line that profiles the same calls, those of the first size."""
    words = ["python", "-m", "dysample", "profile", "--size", str(request.sizes[0])]
    words += ["--layout", request.layouts[0]]
    some = len(request.operators) < len(OPERATORS)
    return " ".join([*words, *(["--upsampler", *request.operators] if some else [])])


def _profiles(cases: list[BenchCase]) -> Iterable[CallParts | Refused]:
    for number, case in enumerate(cases, start=1):
        label = OPERATORS[case.operator].label
        print(f"{number}/{len(cases)} Watching {label}", file=sys.stderr, flush=True)
        try:
            yield call_parts(case)
        except (ValueError, RuntimeError) as error:
            yield Refused(case.operator, next(iter(str(error).splitlines()), type(error).__name__))


# --- complexity ---


def run_complexity(options: argparse.Namespace) -> int:
    """Count, then print the page or write the files; return the exit status.

    Raises:
        ValueError: A file cannot be written.
    """
    report = complexity_report(_complexity_command(options))
    if options.out is None:
        print(complexity_to_markdown(report), end="")
    for path, write in ((options.out, complexity_to_markdown), (options.json, complexity_to_json)):
        if path is not None:
            write_text(path, write(report))
    return 0


def _complexity_command(options: argparse.Namespace) -> str:
    words = ["python", "-m", "dysample", "complexity"]
    for name in ("out", "json"):
        path = getattr(options, name)
        words += [f"--{name}", path.as_posix()] if path else []
    return shlex.join(words)
