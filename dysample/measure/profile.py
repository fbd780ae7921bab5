"""A forward call taken apart: reading the map, convolving, arithmetic, moving data, and overhead.

PyTorch's profiler times every operation; those that a module calls belong to one part each, with all that
they call in turn.
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
# Beginnings of the names of operations that a module calls; what these call in turn is theirs.
_MARKS: Mapping[Part, tuple[str, ...]] = {
    "reading": ("dysample::sample", "_Reassemble", "aten::grid_sampler", "aten::upsample", "aten::_upsample"),
    "convolution": (
        "_NeighbourProducts",
        "dysample::decide",  # the arithmetic that follows goes with it
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
    """One operator's forward call; the shares are from 0 to 1 and add up to 1.

    Attributes:
        case: What ran.
        milliseconds: Of one call by the clock on the wall, while it was watched: of all parts together.
        reading: Reading the map at its places, weighing, writing the output.
        convolution: Convolutions and products of matrices.
        arithmetic: Arithmetic on single values, normalisation, pooling.
        moving: Copies, shuffles, padding.
        overhead: Python, the calling of operations, asking for memory.
    """

    case: BenchCase
    milliseconds: float
    reading: float
    convolution: float
    arithmetic: float
    moving: float
    overhead: float

    def share(self, part: Part) -> float:
        """The share of a part."""
        shares = (self.reading, self.convolution, self.arithmetic, self.moving, self.overhead)
        return shares[PARTS.index(part)]

    @property
    def largest(self) -> Part:
        """The part that takes the most time."""
        return max(PARTS, key=self.share)


def call_parts(case: BenchCase) -> CallParts:
    """Watch forward calls of an operator on the CPU, after some that are not watched.

    The least time of each part over some rounds counts, which other work on the machine disturbed least.

    Raises:
        ValueError: The operator does not define the case, or the case is not one of the CPU.
    """
    if case.device != "cpu":
        raise ValueError(f"only calls on the CPU are taken apart, got device={case.device!r}")
    with conditions(case), torch.inference_mode():
        prepared = prepare(case)
        calls = _enough(prepared.upsample)
        rounds = [_watch(prepared.upsample, calls) for _ in range(ROUNDS)]
    least = [min(each[part] for each in rounds) for part in PARTS]
    total = sum(least)
    return CallParts(case, total / 1000, *(part / total for part in least))


def _watch(call: Callable[[], object], calls: int) -> dict[Part, float]:
    """Microseconds of each part of a call, averaged over so many in a row."""
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        began = perf_counter()
        for _ in range(calls):
            call()
        seconds = perf_counter() - began
    found = _microseconds(watched.events() or ())
    # What is between the operations; two clocks may differ by microseconds.
    found["overhead"] += max(1e6 * seconds - sum(found.values()), 0.0)
    return {part: time / calls for part, time in found.items()}


def _enough(call: Callable[[], object]) -> int:
    """How many calls fill `WATCHED_SECONDS`; warms up on the way."""
    call()
    began = perf_counter()
    call()
    return min(max(1, round(WATCHED_SECONDS / (perf_counter() - began))), MOST_CALLS)


def _microseconds(events: Iterable[FunctionEvent]) -> dict[Part, float]:
    """The time of the operations of each part."""
    found: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
    for event in events:
        found[_part(event)] += event.self_cpu_time_total
    return found


def _part(event: FunctionEvent) -> Part:
    outermost = event
    while outermost.cpu_parent is not None:
        outermost = outermost.cpu_parent
    for part, marks in _MARKS.items():
        if outermost.name.startswith(marks):
            return part
    return "arithmetic"


# Calls taken apart: as a record, as JSON and back, and as a page of Markdown.


@dataclass(frozen=True, slots=True)
class Refused:
    """An operator that could not be called, and why.

    Attributes:
        operator: Its name in `OPERATORS`.
        reason: A sentence.
    """

    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """One run.

    Attributes:
        command: The command line that makes it again.
        date: When it began, ISO 8601 with time zone.
        machine: Where it ran.
        calls: In the order of `OPERATORS`.
        refused: Operators that do not define the map, or that PyTorch cannot compute.
    """

    command: str
    date: str
    machine: Machine
    calls: tuple[CallParts, ...]
    refused: tuple[Refused, ...]


def to_json(report: ProfileReport) -> str:
    """Write a report as JSON that `from_json` reads."""
    return json.dumps(asdict(report), indent=1) + "\n"


def from_json(text: str) -> ProfileReport:
    """Read a report that `to_json` wrote.

    Raises:
        ValueError: The text is not JSON, or not that of a report.
    """
    return report_from(ProfileReport, text, "a profile")


def to_markdown(report: ProfileReport) -> str:
    """Write a report for people."""
    head = ["operator", "ms", *(f"{part}, %" for part in PARTS)]
    rows = [_line(head), _line([":--", *["--:"] * (len(head) - 1)]), *map(_row, report.calls)]
    refused = [f"- {OPERATORS[each.operator].label}: {each.reason}" for each in report.refused]
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
