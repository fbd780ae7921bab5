"""Plans of all operators for a step, and the readings of one output pixel."""

import contextlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from app.settings import Subject
from app.shared import networks
from app.shared.cache import cached
from app.shared.networks import record, step, trained
from app.views.offsets.compute import background
from dysample.explain.features import feature_channel, feature_norm
from dysample.explain.footprint import Reading, decision, reading
from dysample.explain.offsets import Arrows, CellWindow, offset_field
from dysample.explain.one_point import (
    OnePoint,
    cell_arrows,
    liveliest_cell,
    most_changed_channel,
    one_point,
    shared_window,
)
from dysample.ops.registry import OPERATORS, build
from dysample.types import KernelRecord, SamplingRecord, Step

_SEED = 0


@dataclass(frozen=True, slots=True)
class OperatorPlan:
    """The plan of one operator for an upsampling step.

    Attributes:
        name: Name in `OPERATORS`.
        trained: Whether the operator is trained and plans in its own network; if not, it plans with its
            initial weights on the chosen network's maps.
        record: The plan.
    """

    name: str
    trained: bool
    record: SamplingRecord | KernelRecord


@dataclass(frozen=True, slots=True)
class PointView:
    """An output pixel and its surroundings.

    Attributes:
        cell: Row and column of the low-res pixel that it lies in.
        point: The output pixel.
        points: All output pixels of the cell, row by row.
        arrows: Arrows of the cell's points by group; none for kernels.
        readings: Readings of the same output pixel and channel by each operator, the chosen one first.
        window: Cells that hold everything drawn.
    """

    cell: tuple[int, int]
    point: OnePoint
    points: tuple[OnePoint, ...]
    arrows: tuple[Arrows, ...]
    readings: tuple[tuple[OperatorPlan, Reading], ...]
    window: CellWindow


@cached
def plans(subject: Subject, name: str) -> tuple[OperatorPlan, ...]:
    """Return the plan of every operator with a footprint for a step, the chosen one first.

    Operators that do not take the network's number of channels are left out.

    Raises:
        ImageError: If the picture cannot be used.
        WeightsError: If weights are damaged.
    """
    own = record(subject, name)
    first = () if own is None else (OperatorPlan(subject.upsampler, True, own),)
    others = [op for op, spec in OPERATORS.items() if spec.has_footprint and op != subject.upsampler]
    with_weights = trained(subject.task)
    other_plans = (
        _in_its_own_network(subject, other, name)
        if other in with_weights
        else _untrained(subject, other, name)
        for other in others
    )
    return (*first, *(plan for plan in other_plans if plan is not None))


def _in_its_own_network(subject: Subject, upsampler: str, name: str) -> OperatorPlan:
    # Only the plan is kept: the maps of all networks together would be large.
    network = replace(subject, upsampler=upsampler)
    (at,) = (step for step in networks.steps_once(network) if step.name == name)
    with torch.inference_mode():
        return OperatorPlan(upsampler, True, _plan(networks.operator(network, name), at))


def _untrained(subject: Subject, upsampler: str, name: str) -> OperatorPlan | None:
    at = step(subject, name)
    with contextlib.suppress(ValueError), torch.inference_mode(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_SEED)  # every visitor sees the same start
        op = build(upsampler, at.input.shape[1], guide_channels=at.guide.shape[1]).eval()
        return OperatorPlan(upsampler, False, _plan(op, at))
    return None


def _plan(op: torch.nn.Module, at: Step) -> SamplingRecord | KernelRecord:
    record = decision(op, at.input, at.guide)
    if record is None:
        raise ValueError(f"{type(op).__name__} has no plan to show")
    return record


def view_point(subject: Subject, name: str, at: tuple[int, int], channel: int) -> PointView:
    """Read one output pixel and its surroundings; the slow part is cached in `plans`.

    Args:
        subject: The network and its picture.
        name: Name of an upsampling step whose operator has a footprint.
        at: Row and column of the output pixel.
        channel: Channel of the map.

    Raises:
        ValueError: If the output has no such pixel, or the map no such channel.
    """
    here, planned = step(subject, name), plans(subject, name)
    own = planned[0].record
    height, width = here.input.shape[2:]
    scale = here.output.shape[2] // height
    cell = at[0] // scale, at[1] // scale
    pixels = [(cell[0] * scale + i, cell[1] * scale + j) for i in range(scale) for j in range(scale)]
    points = tuple(one_point(own, here.input, here.output, at=pixel, channel=channel) for pixel in pixels)
    readings = tuple(reading(plan.record, here.input, at=at, channel=channel) for plan in planned)
    arrows = cell_arrows(own, cell, scale=scale) if isinstance(own, SamplingRecord) else ()
    shown = (*(point.reading for point in points), *readings)
    window = shared_window(shown, arrows, cell, height=height, width=width)
    return PointView(
        cell, points[pixels.index(at)], points, arrows, tuple(zip(planned, readings, strict=True)), window
    )


def output_pixel(subject: Subject, name: str, cell: tuple[int, int], corner: int) -> tuple[int, int]:
    """Return row and column of an output pixel; `corner` counts those of the cell row by row."""
    here = step(subject, name)
    scale = here.output.shape[2] // here.input.shape[2]
    i, j = divmod(corner, scale)
    return cell[0] * scale + i, cell[1] * scale + j


def most_changed(subject: Subject, name: str, at: tuple[int, int], group: int) -> int:
    """Return the channel of a group that the operator changed most at an output pixel."""
    here, own = step(subject, name), plans(subject, name)[0].record
    return most_changed_channel(own, here.input, here.output, at=at, group=group)


@cached
def usual_cell(subject: Subject, name: str) -> tuple[int, int]:
    """Return row and column of the default cell."""
    height, width = step(subject, name).input.shape[2:]
    return liveliest_cell(record(subject, name), height=height, width=width)


@cached
def mean_offsets(subject: Subject, name: str) -> Float32[np.ndarray, "h w 2"]:
    """Return the mean offset (x, y) of each cell's points in low-res pixels; zero for kernels."""
    height, width = step(subject, name).input.shape[2:]
    planned = record(subject, name)
    if not isinstance(planned, SamplingRecord):
        return np.zeros((height, width, 2), np.float32)
    return offset_field(planned, height=height, width=width).by_cell.mean((0, 3, 4))


@cached
def norms(subject: Subject, name: str) -> Float32[np.ndarray, "h w"]:
    """Return the Euclidean lengths of the feature vectors of a step's low-res map."""
    return feature_norm(step(subject, name).input)


def values(
    subject: Subject, name: str, channel: int | None, window: CellWindow
) -> Float32[np.ndarray, "r c"]:
    """Return a channel of a step's low-res map in a window; for None, the lengths of its feature vectors."""
    here = step(subject, name).input
    whole = norms(subject, name) if channel is None else feature_channel(here, channel)
    return whole[window.row : window.row + window.rows, window.column : window.column + window.columns]


def photo(subject: Subject, name: str, window: CellWindow) -> UInt8[np.ndarray, "h w 3"]:
    """Return the part of the picture, as the network sees it, that a window covers."""
    image = background(subject, name, "photo", 0)
    stride = image.shape[1] // step(subject, name).input.shape[3]
    rows = slice(stride * window.row, stride * (window.row + window.rows))
    return image[rows, stride * window.column : stride * (window.column + window.columns)]
