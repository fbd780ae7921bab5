"""Random offsets of chosen strength, and the ways to keep offsets small (Sec. 3.2, Offset Scope).

Offsets are (x, y) in low-res pixels.
"""

from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.analysis.edges import check_size
from dysample.analysis.overlap import check_scope
from dysample.geometry import InitialGrid, initial_positions
from dysample.types import SamplingRecord

Squash = Literal["static", "dynamic", "tanh"]
Distribution = Literal["uniform", "normal"]
SQUASHES: tuple[Squash, ...] = get_args(Squash)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Random offsets, by the numbers that make them. Equal ones give equal offsets.

    Attributes:
        scale: Enlargement s.
        scope: Scope factor.
        strength: What the raw offsets are multiplied by before the scope.
        distribution: Raw offsets before that: "uniform" in [-1, 1], or "normal" with a standard
            deviation of one half, of which one in twenty lies beyond [-1, 1].
        squash: How a raw offset becomes an offset, see `modulate`.
        initial: Grid that the points start from.
        groups: Groups of channels with offsets of their own.
        seed: Start of the random numbers. The raw offsets do not depend on the squash; the control
            of the dynamic scope is normal with a standard deviation of one.
    """

    scale: int = 2
    scope: float = 0.25
    strength: float = 1.0
    distribution: Distribution = "uniform"
    squash: Squash = "static"
    initial: InitialGrid = "bilinear"
    groups: int = 1
    seed: int = 0


def modulate(
    raw: Float[Tensor, "b g 2 H W"],
    *,
    scope: float,
    squash: Squash,
    control: Float[Tensor, "b g 2 H W"] | None = None,
) -> tuple[Float[Tensor, "b g 2 H W"], float | Float[Tensor, "b g 2 H W"]]:
    """Turn raw offsets into offsets.

    Args:
        raw: What a network predicts, without limits.
        scope: Scope factor.
        squash: "static" multiplies by the scope (Eq. 4); "dynamic" by 2 * scope * sigmoid(control)
            (Eq. 5); "tanh" is scope * tanh(raw), the strict limit of the paper's remark.
        control: What a network predicts for the dynamic scope, which alone needs it.

    Returns:
        The offsets, and the scope that they were multiplied by or cannot exceed.

    Raises:
        ValueError: There is no such squash, the scope is negative or not finite, or the dynamic one
            has no control.
    """
    check_scope(scope)
    if squash not in SQUASHES:
        raise ValueError(f"squash must be one of {', '.join(SQUASHES)}, got {squash!r}")
    if squash == "tanh":
        return scope * torch.tanh(raw), scope
    if squash == "static":
        return scope * raw, scope
    if control is None:
        raise ValueError("the dynamic scope needs a control, the raw value that the sigmoid is taken of")
    factor = 2 * scope * torch.sigmoid(control)
    return factor * raw, factor


def random_record(disturbance: Disturbance, *, height: int, width: int) -> SamplingRecord:
    """Random sampling points for a map of `height` x `width`.

    Raises:
        ValueError: A number of the disturbance, or the map's size, is out of its range.
    """
    check_size(height, width)
    _check_disturbance(disturbance)
    d = disturbance
    initial = initial_positions(height, width, scale=d.scale, like=torch.zeros(()), initial=d.initial)
    shape = (1, d.groups, *initial.shape[2:])
    generator = torch.Generator().manual_seed(d.seed)
    if d.distribution == "uniform":
        raw = torch.rand(shape, generator=generator) * 2 - 1
    else:
        raw = torch.randn(shape, generator=generator) / 2
    control = torch.randn(shape, generator=generator)
    offset, scope = modulate(d.strength * raw, scope=d.scope, squash=d.squash, control=control)
    return SamplingRecord(initial=initial, offset=offset, scope=scope)


def amplified(record: SamplingRecord, factor: float) -> SamplingRecord:
    """The same points with all offsets `factor` times as long: a network's own, stronger or weaker."""
    return replace(record, offset=factor * record.offset)


def _check_disturbance(disturbance: Disturbance) -> None:
    if not isfinite(disturbance.strength) or disturbance.strength < 0:
        raise ValueError(f"strength must be a finite number of at least 0, got {disturbance.strength!r}")
    kinds = get_args(Distribution)
    if disturbance.distribution not in kinds:
        raise ValueError(f"distribution must be one of {', '.join(kinds)}, got {disturbance.distribution!r}")
    if disturbance.groups < 1:
        raise ValueError(f"groups must be at least 1, got {disturbance.groups}")
