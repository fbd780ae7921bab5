"""The parts of a forward call: reading the map, convolving, arithmetic, moving data, and overhead.

PyTorch's profiler times every operation; each operation that a module calls belongs to one part, together
with everything that it calls.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Literal

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from dysample.files import report_from
from dysample.measure.case import BenchCase, conditions, prepare
from dysample.measure.machine import Machine
from dysample.ops.registry import OPERATORS

Part = Literal["reading", "convolution", "arithmetic", "moving", "overhead"]
PARTS: tuple[Part, ...] = ("reading", "convolution", "arithmetic", "moving", "overhead")
WATCHED_SECONDS = 0.05  # at least, in a round; the profiler's clock has microseconds
MOST_CALLS = 100
ROUNDS = 7
# Prefixes of the names of operations that a module calls.
_MARKS: Mapping[Part, tuple[str, ...]] = {
    "reading": ("dysample::sample", "_Reassemble", "aten::grid_sampler", "aten::upsample", "aten::_upsample"),
    "convolution": (
        "_NeighbourProducts",
        "dysample::decide",  # includes the arithmetic that follows
        "aten::conv",
        "aten::linear",
        "aten::matmul",
        "aten::mm",
        "aten::bmm",
        "aten::addmm",
        "aten::baddbmm",
        "aten::einsum",
    ),
    "moving": (
        "aten::pixel_",
        "aten::copy_",
        "aten::clone",
        "aten::contiguous",
        "aten::reshape",
        "aten::to",
        "aten::cat",
        "aten::pad",
        "aten::constant_pad",
    ),
    "overhead": (
        "aten::empty",
        "aten::as_strided",
        "aten::view",
        "aten::expand",
        "aten::transpose",
        "aten::permute",
        "aten::select",
        "aten::slice",
    ),
}


@dataclass(frozen=True, slots=True)
class CallParts:
    """Parts of one operator's forward call, as shares from 0 to 1 that add up to 1.

    Attributes:
        case: The profiled case.
        milliseconds: Wall-clock time of one call under the profiler, all parts together.
        reading: Reading the map at its positions, weighting, writing the output.
        convolution: Convolutions and matrix products.
        arithmetic: Elementwise arithmetic, normalisation, pooling.
        moving: Copies, shuffles, padding.
        overhead: Python, dispatch of operations, allocation of memory.
    """

    case: BenchCase
    milliseconds: float
    reading: float
    convolution: float
    arithmetic: float
    moving: float
    overhead: float

    def share(self, part: Part) -> float:
        """Return the share of a part."""
        shares = (self.reading, self.convolution, self.arithmetic, self.moving, self.overhead)
        return shares[PARTS.index(part)]

    @property
    def largest(self) -> Part:
        """The part that takes the most time."""
        return max(PARTS, key=self.share)


def call_parts(case: BenchCase) -> CallParts:
    """Profile forward calls of an operator on the CPU, after a warm-up.

    Each part counts with its least time over the rounds, which other work on the machine disturbed least.

    Raises:
        ValueError: The operator does not define the case, or the case is not on the CPU.
    """
    if case.device != "cpu":
        raise ValueError(f"only calls on the CPU are taken apart, got device={case.device!r}")
    with conditions(case), torch.inference_mode():
        prepared = prepare(case)
        calls = _call_count(prepared.upsample)
        rounds = [_watch(prepared.upsample, calls) for _ in range(ROUNDS)]
    least = [min(times[part] for times in rounds) for part in PARTS]
    total = sum(least)
    return CallParts(case, total / 1000, *(part / total for part in least))


def _watch(call: Callable[[], object], calls: int) -> dict[Part, float]:
    """Return the microseconds of each part of a call, averaged over several calls in a row."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        began = perf_counter()
        for _ in range(calls):
            call()
        seconds = perf_counter() - began
    times = _microseconds(profiler.events() or ())
    # Time between the operations is overhead; the two clocks may differ by microseconds.
    times["overhead"] += max(1e6 * seconds - sum(times.values()), 0.0)
    return {part: time / calls for part, time in times.items()}


def _call_count(call: Callable[[], object]) -> int:
    """Return how many calls fill `WATCHED_SECONDS`; this also warms up."""
    call()
    began = perf_counter()
    call()
    return min(max(1, round(WATCHED_SECONDS / (perf_counter() - began))), MOST_CALLS)


def _microseconds(events: Iterable[FunctionEvent]) -> dict[Part, float]:
    """Return the time of the operations of each part."""
    times: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
    for event in events:
        times[_part(event)] += event.self_cpu_time_total
    return times


def _part(event: FunctionEvent) -> Part:
    outermost = event
    while outermost.cpu_parent is not None:
        outermost = outermost.cpu_parent
    for part, marks in _MARKS.items():
        if outermost.name.startswith(marks):
            return part
    return "arithmetic"


# --- Reports ---


@dataclass(frozen=True, slots=True)
class Refused:
    """An operator that could not be called.

    Attributes:
        operator: Name in `OPERATORS`.
        reason: The reason, in a sentence.
    """

    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """One run of the profile.

    Attributes:
        command: Command line that repeats it.
        date: Start of the run, ISO 8601 with time zone.
        machine: Machine that it ran on.
        calls: Profiled calls, in the order of `OPERATORS`.
        refused: Operators that do not define the map, or that PyTorch cannot compute.
    """

    command: str
    date: str
    machine: Machine
    calls: tuple[CallParts, ...]
    refused: tuple[Refused, ...]


def to_json(report: ProfileReport) -> str:
    """Return a report as JSON that `from_json` reads."""
    return json.dumps(asdict(report), indent=1) + "\n"


def from_json(text: str) -> ProfileReport:
    """Read a report that `to_json` wrote.

    Raises:
        ValueError: The text is not the JSON of a report.
    """
    return report_from(ProfileReport, text, "a profile")


def to_markdown(report: ProfileReport) -> str:
    """Return a report as Markdown."""
    head = ["operator", "ms", *(f"{part}, %" for part in PARTS)]
    rows = [_line(head), _line([":--", *["--:"] * (len(head) - 1)]), *map(_row, report.calls)]
    refused = [f"- {OPERATORS[row.operator].label}: {row.reason}" for row in report.refused]
    return "\n".join(
        [
            "# Where the time of a forward call goes",
            "",
            f"Made on {report.date} by `{report.command}` on {report.machine.processor}. Milliseconds are by "
            "the clock on the wall, while PyTorch's profiler watched, which costs tiny maps time.",
            "",
            *rows,
            *([""] if refused else []),
            *refused,
        ]
    )


def _row(call: CallParts) -> str:
    shares = (f"{100 * call.share(part):.0f}" for part in PARTS)
    return _line([OPERATORS[call.case.operator].label, f"{call.milliseconds:.3g}", *shares])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
