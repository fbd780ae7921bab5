"""Boundary disorder (Figure 4): the effect of displaced sampling points on a map, and points fitted to one.

Positions and offsets are (x, y) in low-res pixels, pixel centres at one half.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from dysample.explain.features import edge_pixels
from dysample.explain.offsets import (
    PairCounts,
    as_array,
    beyond_scope,
    count_pairs,
    count_swaps,
    record_scale,
)
from dysample.explain.scope import SQUASHES, Disturbance, random_record
from dysample.geometry import check_map, initial_positions, sample
from dysample.types import SamplingRecord

TINY = 1e-5  # share of a map's range; smaller steps between values are rounding
RATE = 0.1  # low-res pixels per unit of the gradient; far from overshooting on values in [0, 1]


@dataclass(frozen=True, slots=True)
class Disorder:
    """A map read at displaced points, compared with the same map enlarged bilinearly.

    Errors are absolute differences from the bilinear map in the map's own unit, averaged over the
    channels; "the edge" is every output pixel of the cells that `edge_pixels` marks.

    Attributes:
        record: The points.
        output: The map read at them.
        bilinear: The map enlarged without offsets.
        at_edge: The output pixels at the map's edges.
        swaps: Neighbouring points in swapped order.
        reversals: Neighbouring values of `output`, over all channels, that fall where `bilinear` rises or
            rise where it falls.
        beyond_scope: Share of points whose offset exceeds the scope along x or y.
        edge_error: Mean error at the edge; None for a constant map, which has no edge.
        other_error: Mean error elsewhere; None if the edge is everywhere.
        max_error: Largest error of a single value.
    """

    record: SamplingRecord
    output: Float32[np.ndarray, "c H W"]
    bilinear: Float32[np.ndarray, "c H W"]
    at_edge: Bool[np.ndarray, "H W"]
    swaps: PairCounts
    reversals: PairCounts
    beyond_scope: float
    edge_error: float | None
    other_error: float | None
    max_error: float


def disorder(x: Float[Tensor, "1 c h w"], record: SamplingRecord) -> Disorder:
    """Read the map of one image at displaced points, and measure the effect.

    Args:
        x: The map, from `edge_map` or a network.
        record: The points, from `random_record` or a network, perhaps `amplified`.

    Raises:
        ValueError: `x` is not one map, or the record does not belong to it.
    """
    check_map(x)
    if x.shape[0] != 1:
        raise ValueError(f"the map must be that of one image, got a batch of {x.shape[0]}")
    x, record = x.detach().to("cpu", torch.float32), _on_cpu(record)
    scale = record_scale(record, height=x.shape[2], width=x.shape[3])
    output = sample(x, record.points)[0]
    unmoved = initial_positions(x.shape[2], x.shape[3], scale=scale, like=x)
    bilinear = sample(x, unmoved)[0]
    cells = edge_pixels(x)[0]
    at_edge = cells.repeat_interleave(scale, dim=0).repeat_interleave(scale, dim=1)
    error = (output - bilinear).abs_()
    by_pixel = error.mean(dim=0)
    return Disorder(
        record=record,
        output=as_array(output),
        bilinear=as_array(bilinear),
        at_edge=at_edge.numpy(),
        swaps=count_swaps(record.points),
        reversals=_reversals(output, bilinear, TINY * float(x.max() - x.min())),
        beyond_scope=float(beyond_scope(record).double().mean()),
        edge_error=_mean(by_pixel[at_edge]),
        other_error=_mean(by_pixel[~at_edge]),
        max_error=float(error.max()),
    )


def compare_squashes(x: Float[Tensor, "1 c h w"], disturbance: Disturbance) -> tuple[Disorder, ...]:
    """Measure the effect of the same raw offsets under every squash, in the order of `SQUASHES`.

    Raises:
        ValueError: `x` is not one map, or a parameter of the disturbance is out of range.
    """
    check_map(x)
    height, width = x.shape[2:]
    variants = (replace(disturbance, squash=squash) for squash in SQUASHES)
    return tuple(disorder(x, random_record(variant, height=height, width=width)) for variant in variants)


def _reversals(output: Float[Tensor, "c H W"], reference: Float[Tensor, "c H W"], least: float) -> PairCounts:
    def opposite(dim: int) -> Bool[Tensor, "..."]:
        step, expected = output.diff(dim=dim), reference.diff(dim=dim)
        return ((step > least) & (expected < -least)) | ((step < -least) & (expected > least))

    return count_pairs(opposite(2), opposite(1))


def _mean(values: Tensor) -> float | None:
    return float(values.double().mean()) if values.numel() else None


def _on_cpu(record: SamplingRecord) -> SamplingRecord:
    scope = record.scope.detach().cpu() if isinstance(record.scope, Tensor) else record.scope
    return SamplingRecord(initial=record.initial.cpu(), offset=record.offset.detach().cpu(), scope=scope)


def fit_points(
    x: Float[Tensor, "1 c h w"], target: Float[Tensor, "1 c H W"], *, scale: int = 2, steps: int = 50
) -> SamplingRecord:
    """Fit the offsets of a bilinear grid to a target by gradient descent, each point on its own.

    All offsets start at zero and follow the gradient of their own squared error, summed over the channels.
    In DySample, a layer predicts the offsets from the map, and the same gradient trains that layer.

    Args:
        x: The low-res map, with values of about [0, 1].
        target: The values to read.
        scale: Enlargement s.
        steps: Number of updates.

    Raises:
        ValueError: `x` is not one map, the target is not s times its size, or `steps` is negative.
    """
    check_map(x)
    initial = initial_positions(x.shape[2], x.shape[3], scale=scale, like=x)
    if tuple(target.shape) != (1, x.shape[1], *initial.shape[3:]):
        raise ValueError(
            f"target must be one map of {scale} times the size of {tuple(x.shape)}, got {tuple(target.shape)}"
        )
    if steps < 0:
        raise ValueError(f"steps must be at least 0, got {steps}")
    record = SamplingRecord(initial=initial, offset=torch.zeros_like(initial), scope=1.0)
    for _ in range(steps):
        record = replace(record, offset=record.offset - RATE * _gradient(x, target, record))
    return record


@torch.enable_grad()
def _gradient(
    x: Float[Tensor, "1 c h w"], target: Float[Tensor, "1 c H W"], record: SamplingRecord
) -> Float[Tensor, "1 1 2 H W"]:
    offset = record.offset.clone().requires_grad_()
    error = (sample(x.detach(), record.initial + offset) - target).square().sum()
    return torch.autograd.grad(error, offset)[0]
