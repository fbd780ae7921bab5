"""DySample stage by stage: every tensor between the low-res map and the enlarged one (Eqs. 1-5, Figure 6).

Offsets, grid and points are (x, y) in low-res pixels, pixel centres at one half. Channels of offsets are
ordered (axis, group, sub-row, sub-column) before they are shuffled, (axis, group) after.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.explain.footprint import Footprint, footprint_of
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


# The arithmetic of one output value: from the low-res pixel that decides to the four that are read.


Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sums:
    """The two weighted sums of a linear layer, for x and for y.

    Attributes:
        inputs: The n values that the layer sees.
        weights: What they are multiplied by.
        bias: What is added; zero where the layer has none.
    """

    inputs: tuple[float, ...]
    weights: tuple[tuple[float, ...], tuple[float, ...]]
    bias: Pair


@dataclass(frozen=True, slots=True)
class Tap:
    """One low-res pixel that is read: its row, its column, its weight and its value."""

    row: int
    column: int
    weight: float
    value: float


@dataclass(frozen=True, slots=True)
class Trace:
    """How one value of the output came about. Pairs are (x, y), in low-res pixels unless said otherwise.

    Attributes:
        at: Row and column of the output pixel.
        cell: Row and column of the low-res pixel that it lies in.
        channel: The channel.
        group: The group that the channel belongs to.
        linear: The sums that give the raw offset.
        raw: The raw offset, without unit.
        factor: The sums behind the dynamic scope; None where it is static.
        scope: What the raw offset is multiplied by.
        offset: The offset.
        initial: Where the point starts.
        point: Where it samples; outside the map its border pixels' centres are read.
        taps: The pixels that are read there, one to four.
        before: The value at the initial position.
        value: The value of the output.
    """

    at: tuple[int, int]
    cell: tuple[int, int]
    channel: int
    group: int
    linear: Sums
    raw: Pair
    factor: Sums | None
    scope: Pair
    offset: Pair
    initial: Pair
    point: Pair
    taps: tuple[Tap, ...]
    before: float
    value: float


def trace(anatomy: Anatomy, *, at: tuple[int, int], channel: int) -> Trace:
    """Follow one value of the output through the stages.

    Args:
        anatomy: Of one map.
        at: Row and column of the output pixel.
        channel: Channel of the output.

    Raises:
        ValueError: The output has no such pixel or channel.
    """
    op, x = anatomy.op, anatomy.stage("input").values
    if not 0 <= channel < x.shape[1]:
        raise ValueError(f"channel must be from 0 to {x.shape[1] - 1}, got {channel}")
    group = channel // (x.shape[1] // op.groups)
    found = footprint_of(anatomy.record, x, at=at)
    fixed = (op.scope_factor, op.scope_factor)
    initial = anatomy.record.initial.cpu()
    return Trace(
        at=at,
        cell=(at[0] // op.scale, at[1] // op.scale),
        channel=channel,
        group=group,
        linear=_sums(anatomy, op.offset, at, group),
        raw=_pair(anatomy, "linear", at, group),
        factor=None if op.scope is None else _sums(anatomy, op.scope, at, group),
        scope=fixed if op.scope is None else _pair(anatomy, "factor", at, group),
        offset=_pair(anatomy, "scope", at, group),
        initial=(float(initial[0, 0, 0, at[0], at[1]]), float(initial[0, 0, 1, at[0], at[1]])),
        point=_pair(anatomy, "grid", at, group),
        taps=_taps(found, x[0, channel], group),
        before=float(without_offsets(anatomy, channel)[at]),
        value=float(anatomy.stage("sample").values[0, channel, at[0], at[1]]),
    )


def without_offsets(anatomy: Anatomy, channel: int) -> Float[Tensor, "H W"]:
    """What a channel becomes if every point stays where it starts."""
    x = anatomy.stage("input").values[:, channel : channel + 1]
    return sample(x, anatomy.record.initial.cpu())[0, 0]


def place(anatomy: Anatomy, name: StageName, at: tuple[int, int]) -> tuple[int, int, int]:
    """Where a stage holds what concerns an output pixel: sub-position, row and column.

    Before the shuffle that is one of s x s sub-positions of the low-res pixel, counted row by row;
    after it, it is the output pixel itself, and the sub-position is zero.
    """
    if name in anatomy.shuffled:
        return 0, *at
    scale = anatomy.op.scale
    return at[0] % scale * scale + at[1] % scale, at[0] // scale, at[1] // scale


def _pair(anatomy: Anatomy, name: StageName, at: tuple[int, int], group: int) -> Pair:
    sub, row, column = place(anatomy, name, at)
    maps = group_maps(anatomy.stage(name), groups=anatomy.op.groups, group=group)
    x, y = maps[:, sub, row, column].tolist()
    return x, y


def _sums(anatomy: Anatomy, linear: nn.Conv2d, at: tuple[int, int], group: int) -> Sums:
    op = anatomy.op
    sub, row, column = place(anatomy, "linear", at)
    seen = anatomy.stage("shuffle" if op.style == "pl" else "input").values[0, :, row, column]
    weight = linear.weight.detach().cpu()[:, :, 0, 0].unflatten(0, (2, op.groups, -1))[:, group, sub]
    bias = weight.new_zeros(1) if linear.bias is None else linear.bias.detach().cpu()
    added = bias.expand(linear.out_channels).unflatten(0, (2, op.groups, -1))[:, group, sub]
    (x, y), (bias_x, bias_y) = weight.tolist(), added.tolist()
    return Sums(inputs=tuple(seen.tolist()), weights=(tuple(x), tuple(y)), bias=(bias_x, bias_y))


def _taps(found: Footprint, x: Float[Tensor, "h w"], group: int) -> tuple[Tap, ...]:
    columns = (each[group].tolist() for each in (found.rows, found.columns, found.weights))
    return tuple(
        Tap(row, column, weight, float(x[row, column]))
        for row, column, weight in zip(*columns, strict=True)
        if weight
    )


# A map of 4 x 4 pixels and 4 channels, and operators for it whose numbers one can follow by hand.
#
# Map and weights are multiples of 0.2 and biases of 0.04, so that with the static scope of a quarter all
# offsets and points are multiples of 0.01: two decimals show them exactly.


# An object at the lower right; on which side of its border a pixel lies, along x and along y; a texture.
_MAP = (
    ((0.0, 0.0, 0.6, 1.0), (0.0, 0.2, 1.0, 0.8), (0.2, 0.8, 1.0, 1.0), (0.8, 1.0, 0.8, 1.0)),
    ((-0.2, -0.8, 0.6, 0.2), (-0.4, -0.8, 0.8, 0.2), (-0.8, 0.6, 0.4, 0.0), (0.6, 0.2, 0.0, 0.0)),
    ((0.0, -0.4, 0.2, 0.4), (-0.4, -0.6, 0.6, 0.2), (-0.8, 0.4, 0.4, 0.0), (0.8, 0.4, 0.0, -0.2)),
    ((0.4, 0.6, 0.2, 0.4), (0.6, 0.4, 0.4, 0.2), (0.2, 0.4, 0.6, 0.4), (0.4, 0.2, 0.4, 0.6)),
)
# One row for each offset, (axis, sub-row, sub-column), one number for each channel.
_LP_OFFSET = (
    (0.0, 0.8, 0.0, -0.4), (0.0, 1.0, 0.2, 0.2), (0.2, 0.8, 0.0, -0.2), (0.0, 1.2, 0.0, 0.4),
    (0.0, 0.0, 0.8, -0.2), (0.2, 0.0, 1.0, -0.4), (0.0, 0.2, 1.0, 0.2), (0.0, 0.0, 0.8, 0.4),
)  # fmt: skip
_LP_SCOPE = (
    (1.0, 0.0, 0.0, -2.0), (1.0, 0.0, 0.0, -1.0), (2.0, 0.0, 0.0, -2.0), (1.0, 1.0, 0.0, -2.0),
    (1.0, 0.0, 0.0, -2.0), (2.0, 0.0, 0.0, -2.0), (1.0, 0.0, 1.0, -2.0), (1.0, 0.0, 0.0, -1.0),
)  # fmt: skip
_LP_BIAS = (0.0, 0.08, -0.04, 0.0, 0.04, 0.0, 0.0, -0.08)
# After the shuffle there is one channel left, and one offset for each axis.
_PL_OFFSET = ((1.2,), (-0.8,))
_PL_SCOPE = ((2.0,), (-2.0,))
_PL_BIAS = (-0.28, 0.2)


def example(style: Style, *, dynamic: bool) -> tuple[DySample, Float[Tensor, "1 4 4 4"]]:
    """An operator of one group and scale 2 with weights chosen by hand, and the map to apply it to.

    Args:
        style: "lp" or "pl".
        dynamic: Whether the scope is dynamic.
    """
    op = DySample(4, groups=1, style=style, dynamic_scope=dynamic)
    offset, scope, bias = (
        (_PL_OFFSET, _PL_SCOPE, _PL_BIAS) if style == "pl" else (_LP_OFFSET, _LP_SCOPE, _LP_BIAS)
    )
    with torch.no_grad():
        _fill(op.offset, offset)
        if op.offset.bias is not None:
            op.offset.bias.copy_(torch.tensor(bias))
        if op.scope is not None:
            _fill(op.scope, scope)
    return op.eval().requires_grad_(False), torch.tensor(_MAP)[None]


def _fill(linear: nn.Conv2d, weights: tuple[tuple[float, ...], ...]) -> None:
    linear.weight.copy_(torch.tensor(weights)[:, :, None, None])
