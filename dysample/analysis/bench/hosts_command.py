"""What `python -m dysample share` takes and does."""

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import torch

from dysample.analysis.bench.asked import positive
from dysample.analysis.bench.case import reads_at_points
from dysample.analysis.bench.hosts import HostReport, HostShare, Picture, host_share, to_markdown
from dysample.analysis.bench.machine import this_machine
from dysample.files import write_text
from dysample.kernels.choice import Implementation, check_implementation
from dysample.ops.registry import OPERATORS


def add_options(share: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    add = share.add_argument
    add("picture", nargs="+", type=Picture.parse, metavar="TASK:HxW", help="network and size of a picture")
    add("--upsampler", nargs="+", choices=OPERATORS, default=["bilinear", "dysample+"], metavar="NAME")
    add("--implementation", nargs="+", choices=get_args(Implementation), default=["plain", "auto"])
    add("--threads", type=positive, default=1, help="CPU threads (default: 1)")
    add("--rounds", type=positive, default=9, help="samples of either (default: 9)")
    add("--json", type=Path, metavar="FILE", help="write the figures there")


def run(options: argparse.Namespace) -> int:
    """Measure, print the table, write the file.

    Raises:
        ValueError: There is no such task, or no such implementation here.
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
        _command(options), date.isoformat(timespec="seconds"), machine, options.rounds, tuple(rows)
    )
    print(to_markdown(report))
    if options.json is not None:
        write_text(options.json, json.dumps(asdict(report), indent=1) + "\n")
    return 0


def _command(options: argparse.Namespace) -> str:
    words = ["python", "-m", "dysample", "share"]
    words += [f"{each.task}:{each.height}x{each.width}" for each in options.picture]
    words += ["--upsampler", *options.upsampler, "--implementation", *options.implementation]
    words += ["--threads", str(options.threads), "--rounds", str(options.rounds)]
    return shlex.join(words)
