"""Tasks with evidence, times in the repository, and costs counted in the networks of the tasks."""

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from app.pages import APP
from app.shared.cache import cached
from app.shared.evidence import Missing
from app.shared.literal import plain
from dysample.measure.bench import BenchReport, BenchRow, from_json
from dysample.measure.case import BenchCase
from dysample.measure.complexity import META, HostSpec, SiteSpec, added_parameters, site_macs
from dysample.measure.macs import UNIT, Cost
from dysample.models.host import encode
from dysample.models.tasks import Kind
from dysample.models.weights import new_encoder, new_head
from dysample.ops.registry import OPERATORS
from dysample.scores.paper import paper_table
from dysample.training.recipe import load_recipe, recipe_names

# Streamlit apps run from the repository; a wheel holds neither this file nor the weights.
_BENCHMARK = APP.parent / "docs" / "benchmark.json"
_BENCHMARK_VARIABLE = "DYSAMPLE_BENCHMARK"
_SMALL = (4, 8)  # sides of the maps that multiplications are counted on


@dataclass(frozen=True, slots=True)
class Latency:
    """The latency of one enlargement.

    Attributes:
        upsampler: Name in `OPERATORS`.
        milliseconds: Time of a forward call.
        ratio: Ratio to bilinear interpolation of the same map, formed in each round.
    """

    upsampler: str
    milliseconds: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Latencies:
    """Measured times, and where and how they were measured.

    Attributes:
        rows: Latencies in the order of the file.
        machine: Processor or accelerator, and versions, for people.
        command: Command line that measured them.
        date: Date of the measurement.
    """

    rows: tuple[Latency, ...]
    machine: str
    command: str
    date: str


def tasks(kind: Kind | None = None) -> dict[str, str]:
    """Return the titles of the tasks that can be trained by name; of one kind, or of all."""
    known = [load_recipe(name).task for name in recipe_names()]
    return {task.name: task.title for task in known if kind in (None, task.kind)}


def encoder_upsampler(task: str) -> str:
    """Return the upsampler that the encoder of a task's heads was trained with."""
    return load_recipe(task).task.reference


def latencies() -> Latencies | Missing:
    """Return times of one enlargement of the paper's map (Figure 1), from the repository's benchmark."""
    path = Path(os.environ.get(_BENCHMARK_VARIABLE) or _BENCHMARK)
    size = paper_table("figure8").column("input")[0]
    command = f"python -m dysample bench --size {size} --scale 2 --json docs/benchmark.json"
    if not path.is_file():
        return Missing(
            "There are no times: `docs/benchmark.json` of the repository is not beside the app.", (command,)
        )
    try:
        report = from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Missing(f"The times cannot be read: {plain(str(error))}.", (command,), damaged=True)
    rows = tuple(_latency(row) for row in report.rows if row.forward and _is_usual(row, size))
    if not rows:
        return Missing(f"The benchmark has no map of {size}.", (command,))
    return Latencies(rows, _machine(report), report.command, report.date[:10])


def _is_usual(row: BenchRow, size: str) -> bool:
    """Return whether a row is of maps of this size with default options and layout."""
    channels, height, width = map(int, size.split("x"))
    usual = BenchCase(row.case.operator, channels, height, width)
    return replace(row.case, dtype=usual.dtype, device=usual.device, threads=usual.threads) == usual


def _latency(row: BenchRow) -> Latency:
    """Return a latency by busy time, disturbed least by other processes; for several threads by the clock."""
    race = row.forward
    if race is None:
        raise ValueError(f"{row.case.operator} was not timed")
    clock = row.case.clock
    return Latency(row.case.operator, race.candidate.by(clock).median, race.ratio(clock).median)


def _machine(report: BenchReport) -> str:
    case, machine = report.rows[0].case, report.machine
    threads = f"{case.threads} thread{'s' if case.threads > 1 else ''}"
    where = machine.accelerator or f"{machine.processor}, {threads}"
    return f"{where}, {case.dtype}, PyTorch {machine.torch}"


@dataclass(frozen=True, slots=True)
class UpsamplerCost:
    """The cost of an upsampler at all its sites in a network.

    Attributes:
        upsampler: Name in `OPERATORS`.
        macs: Multiply-accumulates for one picture.
        parameters: Number of all trained parameters.
    """

    upsampler: str
    macs: Cost
    parameters: int


@cached
def task_costs(task: str) -> tuple[UpsamplerCost, ...]:
    """Return the cost of every upsampler in a task's network, for one picture of its working size."""
    sites = task_sites(task)
    host = HostSpec(task, working_size(task), sites, None, "")
    return tuple(
        UpsamplerCost(name, _macs(name, sites), added_parameters(name, host).all) for name in OPERATORS
    )


def working_size(task: str) -> tuple[int, int]:
    """Return height and width of a 3:4 picture at a task's working size."""
    side = load_recipe(task).task.working_side
    return side * 3 // 4, side


@cached
def task_sites(task: str) -> tuple[SiteSpec, ...]:
    """Return the maps that a task's network enlarges, found on the meta device."""
    made = load_recipe(task).task
    with warnings.catch_warnings(), torch.inference_mode(), META:
        warnings.simplefilter("ignore")  # from the encoder's package, about its own imports
        encoder = new_encoder(made).eval()
        head = new_head(made, encoder.channels, "nearest").eval()
        steps = head.steps(encode(encoder, torch.empty(1, 3, *working_size(task))))
    return tuple(SiteSpec(step.input.shape[1], step.guide.shape[1], *step.input.shape[2:]) for step in steps)


def _macs(operator: str, sites: Iterable[SiteSpec]) -> Cost:
    """Count the multiply-accumulates of an operator at all sites.

    Kernels are applied row by row, which takes the counter seconds on large maps. The count is linear in the
    number of pixels, so two small maps determine it.
    """
    total, method = 0, ""
    for site in sites:
        small, large = (site_macs(operator, replace(site, height=side, width=side)) for side in _SMALL)
        if small.value is None or large.value is None:
            return small
        method = small.method
        slope = (large.value - small.value) // (_SMALL[1] ** 2 - _SMALL[0] ** 2)
        total += int(small.value + slope * (site.height * site.width - _SMALL[0] ** 2))
    return Cost(total, UNIT, method)
