"""The share of upsampling in the forward pass of a trained network."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dysample.kernels.choice import Implementation
from dysample.measure.case import SEED, BenchCase, conditions, reads_at_points
from dysample.measure.machine import Machine
from dysample.measure.timing import Clock, Race, cpu_stopwatch, race
from dysample.models.weights import load_host
from dysample.ops.registry import OPERATORS, operator_spec


@dataclass(frozen=True, slots=True)
class Picture:
    """A trained network and the size of a picture for it.

    Attributes:
        task: Name of a task, as for `load_host`.
        height: Rows.
        width: Columns.
    """

    task: str
    height: int
    width: int

    @classmethod
    def parse(cls, text: str) -> "Picture":
        """Read task:rows x columns, such as ``everyday-segmentation:375x500``.

        Raises:
            ArgumentTypeError: The text is something else.
        """
        task, _, size = text.partition(":")
        parts = size.lower().split("x")
        if len(parts) != 2 or not all(part.isdecimal() and int(part) >= 32 for part in parts):
            raise argparse.ArgumentTypeError(
                "must be task:rowsxcolumns, 32 or more of either, such as everyday-segmentation:375x500, "
                f"got {text!r}"
            )
        return cls(task, *map(int, parts))


@dataclass(frozen=True, slots=True)
class HostShare:
    """Times of a network's upsampling and of its whole forward pass.

    Attributes:
        picture: Network and size.
        upsampler: Name in `OPERATORS`.
        implementation: Requested implementation of reading at points.
        threads: CPU threads.
        times: Race of all the network's enlargements against the whole forward pass as the baseline: the
            ratio is the share.
    """

    picture: Picture
    upsampler: str
    implementation: Implementation
    threads: int
    times: Race

    @property
    def clock(self) -> Clock:
        """As of `BenchCase`."""
        return "wall" if self.threads > 1 else "busy"


@dataclass(frozen=True, slots=True)
class HostReport:
    """Shares measured in one run.

    Attributes:
        command: Command line that repeats it.
        date: Start of the run, ISO 8601 with time zone.
        machine: Machine that it ran on.
        rounds: Samples of each.
        rows: Shares, in order of measurement.
    """

    command: str
    date: str
    machine: Machine
    rounds: int
    rows: tuple[HostShare, ...]


def host_share(
    picture: Picture, upsampler: str, *, implementation: Implementation, threads: int = 1, rounds: int = 9
) -> HostShare:
    """Time a network's enlargements beside its whole forward pass, on noise.

    Raises:
        ValueError: There is no such task or upsampler, or no weights for them.
        WeightsError: A file of weights is missing or damaged.
    """
    host, spec = load_host(picture.task, upsampler=upsampler), operator_spec(upsampler)
    image = torch.rand(1, 3, picture.height, picture.width, generator=torch.Generator().manual_seed(SEED))
    size = (picture.height, picture.width)
    case = BenchCase(upsampler, 3, *size, threads=threads, implementation=implementation)
    with conditions(case), torch.inference_mode():
        steps = host.intermediates(image).steps
        calls = [(host.operator(step.name), spec.inputs(step.input, step.guide)) for step in steps]

        def enlarge() -> None:
            for operator, inputs in calls:
                operator(*inputs)

        times = race(enlarge, lambda: host(image), rounds=rounds, stopwatch=cpu_stopwatch)
    return HostShare(picture, upsampler, implementation, threads, times)


def to_markdown(report: HostReport) -> str:
    """Return a report as Markdown."""
    machine = report.machine
    load = "unknown" if machine.load is None else f"{machine.load:.2f}"
    lines = [
        f"Made on {report.date} by `{report.command}`: {machine.processor}, {machine.cores} cores, "
        f"{machine.system}, load before: {load}, PyTorch {machine.torch}. Medians of {report.rounds} rounds.",
        "",
        "| network | picture | upsampler | reads by | threads | forward pass, ms | upsampling, ms | share |",
        "| :-- | --: | :-- | :-- | --: | --: | --: | --: |",
        *map(_line, report.rows),
    ]
    return "\n".join(lines) + "\n"


def _line(row: HostShare) -> str:
    share, times = row.times.ratio(row.clock), row.times
    cells: Sequence[object] = (
        row.picture.task,
        f"{row.picture.height}×{row.picture.width}",
        OPERATORS[row.upsampler].label,
        row.implementation if reads_at_points(row.upsampler) else "–",
        row.threads,
        f"{times.baseline.by(row.clock).median:.0f}",
        f"{times.candidate.by(row.clock).median:.1f}",
        f"{100 * share.median:.1f} % ({100 * share.lower:.1f}–{100 * share.upper:.1f})",
    )
    return f"| {' | '.join(map(str, cells))} |"
