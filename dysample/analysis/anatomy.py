"""DySample stage by stage: every tensor between the low-res map and the enlarged one (Eqs. 1-5, Figure 6).

Offsets, grid and points are (x, y) in low-res pixels, pixel centres at one half. Channels of offsets are
ordered (axis, group, sub-row, sub-column) before they are shuffled, (axis, group) after.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from dysample.geometry import sample
from dysample.ops.dysample import DySample, Style
from dysample.types import SamplingRecord

StageName = Literal["input", "linear", "factor", "scope", "shuffle", "grid", "sample"]
Kind = Literal["features", "offsets"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One tensor on the way, detached, on the CPU.

    Attributes:
        name: What was done to get it: ``"input"`` is the low-res map itself, ``"linear"`` the raw
            offsets, ``"factor"`` the dynamic scope, ``"scope"`` the offsets that were multiplied by
            their scope, ``"shuffle"`` the pixel shuffle, ``"grid"`` the sampling points, ``"sample"``
            the enlarged map.
        symbol: Its name in the paper's equations, in LaTeX.
        kind: ``"features"`` are split into contiguous groups of channels; ``"offsets"`` have the order
            of this module's first lines, and stand for positions as well.
        values: The tensor. Of offsets the unit is one low-res pixel, but for the raw ones, which get it
            from their scope.
    """

    name: StageName
    symbol: str
    kind: Kind
    values: Float[Tensor, "b k p q"]


@dataclass(frozen=True, slots=True)
class Anatomy:
    """An operator and what it makes of one map.

    Attributes:
        op: The operator.
        record: What it plans.
        stages: Its tensors, in its own order.
    """

    op: DySample
    record: SamplingRecord
    stages: tuple[Stage, ...]

    def stage(self, name: StageName) -> Stage:
        """One of the stages.

        Raises:
            ValueError: The operator has no such stage.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise ValueError(f"this operator's stages are {', '.join(s.name for s in self.stages)}, got {name!r}")

    @property
    def input_size(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the map."""
        channels, rows, columns = self.stage("input").values.shape[1:]
        return channels, rows, columns

    @property
    def output_size(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the enlarged map."""
        channels, rows, columns = self.input_size
        return channels, rows * self.op.scale, columns * self.op.scale

    @property
    def shuffled(self) -> frozenset[StageName]:
        """The stages that have as many pixels as the output."""
        names: list[StageName] = [stage.name for stage in self.stages]
        return frozenset(names[names.index("shuffle") :])


def dissect(op: DySample, x: Float[Tensor, "1 c h w"]) -> Anatomy:
    """Take an operator apart on one map.

    Raises:
        ValueError: `x` is not one non-empty map with the right number of channels.
    """
    if x.shape[0] != 1:
        raise ValueError(f"an anatomy is that of one map, got a batch of {x.shape[0]}")
    with torch.no_grad():
        record = op.plan(x)
        return Anatomy(op, record, _stages(op, x, record))


def stages(op: DySample, x: Float[Tensor, "b c h w"]) -> tuple[Stage, ...]:
    """Take an operator apart: the tensors that it computes from a map, in its own order.

    Style "lp": input, linear, (factor,) scope, shuffle, grid, sample. Style "pl": input, shuffle, linear,
    (factor,) scope, grid, sample. The factor is there where the scope is dynamic. Points and output are
    exactly `op.plan(x).points`, with axis and group exchanged, and `op(x)`.

    Raises:
        ValueError: `x` is not a batch of non-empty maps with the right number of channels.
    """
    with torch.no_grad():
        return _stages(op, x, op.plan(x))


def stage_names(*, style: Style, dynamic: bool) -> tuple[StageName, ...]:
    """The names of the stages in their order.

    Args:
        style: The operator's.
        dynamic: Whether its scope is dynamic.
    """
    predicted: tuple[StageName, ...] = ("linear", "factor", "scope") if dynamic else ("linear", "scope")
    middle: tuple[StageName, ...] = ("shuffle", *predicted) if style == "pl" else (*predicted, "shuffle")
    return ("input", *middle, "grid", "sample")


def group_maps(stage: Stage, *, groups: int, group: int) -> Float[Tensor, "a n p q"]:
    """The maps of one group in the first image of a stage.

    Args:
        stage: Any.
        groups: The operator's.
        group: Index of the group.

    Returns:
        Of offsets two axes, x and y, with s x s sub-positions each before the shuffle, row by row, and
        one after; of features one axis with the group's channels. Features that the "pl" style has
        shuffled belong to all groups alike, and are all returned.

    Raises:
        ValueError: There is no such group.
    """
    if not 0 <= group < groups:
        raise ValueError(f"group must be from 0 to {groups - 1}, got {group}")
    values = stage.values[0]
    if stage.kind == "offsets":
        return values.unflatten(0, (2, groups, -1))[:, group]
    if stage.name == "shuffle":
        return values[None]
    return values.unflatten(0, (groups, -1))[group][None]


def _stages(op: DySample, x: Float[Tensor, "b c h w"], record: SamplingRecord) -> tuple[Stage, ...]:
    predicted = (_shuffled(op, x), *_predicted(op, x)) if op.style == "pl" else _predicted(op, x)
    found = (
        Stage("input", r"\mathcal{X}", "features", x),
        *predicted,
        *_offsets(op, record.offset.transpose(1, 2).flatten(1, 2)),
        Stage("grid", r"\mathcal{S}", "offsets", record.points.transpose(1, 2).flatten(1, 2)),
        Stage("sample", r"\mathcal{X}'", "features", sample(x, record.points)),
    )
    return tuple(Stage(each.name, each.symbol, each.kind, each.values.detach().cpu()) for each in found)


def _shuffled(op: DySample, x: Float[Tensor, "b c h w"]) -> Stage:
    return Stage("shuffle", r"\mathcal{X}_{\mathrm{shuffled}}", "features", F.pixel_shuffle(x, op.scale))


def _predicted(op: DySample, x: Float[Tensor, "b c h w"]) -> tuple[Stage, ...]:
    """What the linear layers say, before the shuffle or, in the "pl" style, after it."""
    seen = F.pixel_shuffle(x, op.scale) if op.style == "pl" else x
    raw = Stage("linear", r"\mathrm{linear}(\mathcal{X})", "offsets", op.offset(seen))
    if op.scope is None:
        return (raw,)
    limit = 2 * op.scope_factor
    symbol = rf"{limit:g}\,\mathrm{{sigmoid}}(\mathrm{{linear}}_1(\mathcal{{X}}))"
    return raw, Stage("factor", symbol, "offsets", limit * torch.sigmoid(op.scope(seen)))


def _offsets(op: DySample, offset: Float[Tensor, "b k H W"]) -> tuple[Stage, ...]:
    """The offsets, in "lp" also as they were before the shuffle."""
    shuffled = Stage("shuffle" if op.style == "lp" else "scope", r"\mathcal{O}", "offsets", offset)
    if op.style == "pl":
        return (shuffled,)
    return Stage("scope", r"\mathcal{O}", "offsets", F.pixel_unshuffle(offset, op.scale)), shuffled
