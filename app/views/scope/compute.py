"""Overlap curves, maps of the scope and disturbed maps for the page "Scope and overlap"."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from app.settings import Subject
from app.shared import networks
from app.shared.cache import cached
from dysample.explain.disorder import Disorder, compare_squashes
from dysample.explain.features import Edge, edge_map, feature_channel, feature_norm
from dysample.explain.offsets import swapped_horizontally, swapped_vertically
from dysample.explain.overlap import Overlap, overlap
from dysample.explain.scope import Axis, Disturbance, ScopeMap, scope_map
from dysample.geometry import InitialGrid
from dysample.ops.dysample import DySample
from dysample.scores.paper import PaperTable
from dysample.types import SamplingRecord

_EDGE_SIDE = 16  # cells: enough for an edge, few enough to see single output pixels
_VIEW_CELLS = 6  # across the part of a map that is shown: the edge is two of them
_STEPS = 400  # of the overlap curves: multiples of 1/400, which include all values of the slider


@dataclass(frozen=True, slots=True)
class Features:
    """A single-channel view of a network's feature map.

    Attributes:
        subject: The network and its picture.
        step: Name of the upsampling step that the map is the input of.
        channel: Index of a channel; None for the length of the feature vectors.
    """

    subject: Subject
    step: str
    channel: int | None


@dataclass(frozen=True, slots=True)
class Swaps:
    """Masks of the neighbouring sampling points in swapped order.

    Attributes:
        horizontal: Pairs side by side.
        vertical: Pairs one above the other.
    """

    horizontal: Bool[np.ndarray, "H W-1"]
    vertical: Bool[np.ndarray, "H-1 W"]


@cached
def overlap_curve(scale: int, initial: InitialGrid) -> tuple[tuple[float, Overlap], ...]:
    """Return pairs of scope and overlap for scopes from 0 to 1."""
    scopes = [index / _STEPS for index in range(_STEPS + 1)]
    return tuple((scope, overlap(scale=scale, scope=scope, initial=initial)) for scope in scopes)


def factor_overlaps(table: PaperTable) -> tuple[Overlap, ...]:
    """Return the overlap for every factor of the paper's Table 2, whose networks enlarge by 2."""
    return tuple(overlap(scale=2, scope=float(factor)) for factor in table.column("scope_factor"))


def dynamic_groups(subject: Subject, step: str) -> int:
    """Return the number of groups with a dynamic scope; 0 where the upsampler predicts no scope."""
    op = networks.operator(subject, step)
    return op.groups if isinstance(op, DySample) and op.scope is not None else 0


@cached
def chosen_scopes(subject: Subject, step: str, group: int | None, axis: Axis | None) -> ScopeMap:
    """Return the dynamic scopes of a step's group and direction; None is the mean of all.

    Raises:
        ValueError: The upsampler has no dynamic scope, or no such group.
    """
    op, record = networks.operator(subject, step), networks.record(subject, step)
    if not isinstance(op, DySample) or not isinstance(record, SamplingRecord):
        raise ValueError(f"{subject.upsampler} has no scope")
    return scope_map(record, limit=2 * op.scope_factor, group=group, axis=axis)


@cached
def disorders(source: Edge | Features, disturbance: Disturbance) -> tuple[Disorder, ...]:
    """Disturb a map by the same random offsets with every squash, in the order of `SQUASHES`."""
    return compare_squashes(low_res_map(source), disturbance)


def low_res_map(source: Edge | Features) -> Float[torch.Tensor, "1 1 h w"]:
    """Return the map to enlarge: a synthetic edge, or a network's features."""
    if not isinstance(source, Features):
        return edge_map(source, height=_EDGE_SIDE, width=_EDGE_SIDE)
    x = networks.step(source.subject, source.step).input
    values = feature_norm(x) if source.channel is None else feature_channel(x, source.channel)
    return torch.from_numpy(values)[None, None]


def swaps(disorder: Disorder) -> Swaps:
    """Return the neighbouring points that changed places, of a record with one group."""
    points = disorder.record.points[0, 0]
    return Swaps(swapped_horizontally(points).numpy(), swapped_vertically(points).numpy())


def at_edge(swapped: Swaps, edge: Bool[np.ndarray, "H W"]) -> Swaps:
    """Return the pairs of which a pixel lies at an edge: elsewhere a swap changes nothing that is seen."""
    return Swaps(swapped.horizontal & (edge[:, :-1] | edge[:, 1:]), swapped.vertical & (edge[:-1] | edge[1:]))


def edge_view(edge: Bool[np.ndarray, "H W"], *, scale: int) -> tuple[int, int, int, int]:
    """Return left, right, top and bottom of a square part of a map, in output pixels, around an edge.

    Args:
        edge: The output pixels at an edge; the one nearest to the middle is in the middle of the part.
        scale: Output pixels across a cell.
    """
    rows, columns = edge.shape
    side = min(_VIEW_CELLS * scale, rows, columns)
    places = np.argwhere(edge) + 0.5
    middle = np.array([rows / 2, columns / 2])
    centre = places[np.hypot(*(places - middle).T).argmin()] if len(places) else middle
    top, left = (
        int(np.clip(round(float(at)) - side // 2, 0, length - side))
        for at, length in zip(centre, (rows, columns), strict=True)
    )
    return left, left + side, top, top + side
