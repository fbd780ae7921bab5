"""DySample stage by stage: every tensor between the low-res map and the enlarged one (Eqs. 1-5, Figure 6).

`dissect` keeps all tensors of an operator, `trace` follows the arithmetic of one output value, and `example`
builds operators whose numbers are easy to follow by hand.

Offsets, grid and points are (x, y) in low-res pixels, pixel centres at one half. Channels of offsets are
ordered (axis, group, sub-row, sub-column) before the pixel shuffle, (axis, group) after it.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.explain.footprint import Footprint, Pair, footprint_of
from dysample.geometry import sample
from dysample.ops.dysample import DySample, Style
from dysample.types import SamplingRecord

StageName = Literal["input", "linear", "factor", "scope", "shuffle", "grid", "sample"]
StageKind = Literal["features", "offsets"]
# The example map has 4 channels of 4 x 4 pixels: an object at the lower right; on which side of its border a
# pixel lies, along x and along y; a texture. Map and weights are multiples of 0.2 and biases of 0.04, so that
# with a static scope of 0.25 all offsets and points are multiples of 0.01, which two decimals show exactly.
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
# The shuffle leaves one channel, and one offset for each axis.
_PL_OFFSET = ((1.2,), (-0.8,))
_PL_SCOPE = ((2.0,), (-2.0,))
_PL_BIAS = (-0.28, 0.2)


@dataclass(frozen=True, slots=True)
class AnatomyStage:
    """One tensor of an operator, detached, on the CPU.

    Attributes:
        name: Operation that made it: ``"input"`` is the low-res map itself, ``"linear"`` the raw offsets,
            ``"factor"`` the dynamic scope, ``"scope"`` the offsets multiplied by their scope,
            ``"shuffle"`` the pixel shuffle, ``"grid"`` the sampling points, ``"sample"`` the enlarged map.
        symbol: Its symbol in the paper's equations, in LaTeX.
        kind: ``"features"`` are split into contiguous groups of channels; ``"offsets"``, which include
            positions, have the channel order of the module docstring.
        values: The tensor. Offsets are in low-res pixels, except raw ones, which have no unit.
    """

    name: StageName
    symbol: str
    kind: StageKind
    values: Float[Tensor, "b k p q"]


@dataclass(frozen=True, slots=True)
class Anatomy:
    """An operator taken apart on one map.

    Attributes:
        op: The operator.
        record: Its plan for the map.
        stages: Its tensors, in the order of computation.
    """

    op: DySample
    record: SamplingRecord
    stages: tuple[AnatomyStage, ...]

    def stage(self, name: StageName) -> AnatomyStage:
        """Return the stage of a name.

        Raises:
            ValueError: The operator has no such stage.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise ValueError(f"this operator's stages are {', '.join(s.name for s in self.stages)}, got {name!r}")

    @property
    def input_size(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the low-res map."""
        channels, rows, columns = self.stage("input").values.shape[1:]
        return channels, rows, columns

    @property
    def output_size(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the enlarged map."""
        channels, rows, columns = self.input_size
        return channels, rows * self.op.scale, columns * self.op.scale

    @property
    def shuffled(self) -> frozenset[StageName]:
        """Names of the stages that have as many pixels as the output."""
        names: list[StageName] = [stage.name for stage in self.stages]
        return frozenset(names[names.index("shuffle") :])


def dissect(op: DySample, x: Float[Tensor, "1 c h w"]) -> Anatomy:
    """Take an operator apart on one map.

    Raises:
        ValueError: `x` is not one non-empty map with the operator's number of channels.
    """
    if x.shape[0] != 1:
        raise ValueError(f"an anatomy is that of one map, got a batch of {x.shape[0]}")
    with torch.no_grad():
        record = op.plan(x)
        return Anatomy(op, record, _stages(op, x, record))


def stages(op: DySample, x: Float[Tensor, "b c h w"]) -> tuple[AnatomyStage, ...]:
    """Return the tensors that an operator computes from a map, in the order of computation.

    Style "lp": input, linear, (factor,) scope, shuffle, grid, sample. Style "pl": input, shuffle, linear,
    (factor,) scope, grid, sample. The factor exists only for a dynamic scope. Points and output are exactly
    `op.plan(x).points`, with axis and group exchanged, and `op(x)`.

    Raises:
        ValueError: `x` is not a batch of non-empty maps with the operator's number of channels.
    """
    with torch.no_grad():
        return _stages(op, x, op.plan(x))


def stage_names(*, style: Style, dynamic: bool) -> tuple[StageName, ...]:
    """Return the names of the stages in order.

    Args:
        style: Style of the operator.
        dynamic: Whether its scope is dynamic.
    """
    predicted: tuple[StageName, ...] = ("linear", "factor", "scope") if dynamic else ("linear", "scope")
    middle: tuple[StageName, ...] = ("shuffle", *predicted) if style == "pl" else (*predicted, "shuffle")
    return ("input", *middle, "grid", "sample")


def group_maps(stage: AnatomyStage, *, groups: int, group: int) -> Float[Tensor, "a n p q"]:
    """Return the maps of one group in the first image of a stage.

    Args:
        stage: Any stage.
        groups: Number of groups of the operator.
        group: Index of the group.

    Returns:
        For offsets two axes, x and y, with s x s sub-positions each before the shuffle, row by row, and
        one after it; for features one axis with the channels of the group. Features shuffled by the "pl"
        style belong to all groups and are returned in full.

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


def _stages(op: DySample, x: Float[Tensor, "b c h w"], record: SamplingRecord) -> tuple[AnatomyStage, ...]:
    predicted = (_shuffled(op, x), *_predicted(op, x)) if op.style == "pl" else _predicted(op, x)
    tensors = (
        AnatomyStage("input", r"\mathcal{X}", "features", x),
        *predicted,
        *_offsets(op, record.offset.transpose(1, 2).flatten(1, 2)),
        AnatomyStage("grid", r"\mathcal{S}", "offsets", record.points.transpose(1, 2).flatten(1, 2)),
        AnatomyStage("sample", r"\mathcal{X}'", "features", sample(x, record.points)),
    )
    return tuple(replace(stage, values=stage.values.detach().cpu()) for stage in tensors)


def _shuffled(op: DySample, x: Float[Tensor, "b c h w"]) -> AnatomyStage:
    return AnatomyStage(
        "shuffle", r"\mathcal{X}_{\mathrm{shuffled}}", "features", F.pixel_shuffle(x, op.scale)
    )


def _predicted(op: DySample, x: Float[Tensor, "b c h w"]) -> tuple[AnatomyStage, ...]:
    """Return the outputs of the linear layers, before the shuffle or, in the "pl" style, after it."""
    seen = F.pixel_shuffle(x, op.scale) if op.style == "pl" else x
    raw = AnatomyStage("linear", r"\mathrm{linear}(\mathcal{X})", "offsets", op.offset(seen))
    if op.scope is None:
        return (raw,)
    limit = 2 * op.scope_factor
    symbol = rf"{limit:g}\,\mathrm{{sigmoid}}(\mathrm{{linear}}_1(\mathcal{{X}}))"
    return raw, AnatomyStage("factor", symbol, "offsets", limit * torch.sigmoid(op.scope(seen)))


def _offsets(op: DySample, offset: Float[Tensor, "b k H W"]) -> tuple[AnatomyStage, ...]:
    """Return the offsets, in the "lp" style before and after the shuffle."""
    shuffled = AnatomyStage("shuffle" if op.style == "lp" else "scope", r"\mathcal{O}", "offsets", offset)
    if op.style == "pl":
        return (shuffled,)
    return AnatomyStage("scope", r"\mathcal{O}", "offsets", F.pixel_unshuffle(offset, op.scale)), shuffled


# --- One output value ---


@dataclass(frozen=True, slots=True)
class Sums:
    """The two weighted sums of a linear layer, for x and for y.

    Attributes:
        inputs: The n inputs of the layer.
        weights: Their weights.
        bias: The bias; zero if the layer has none.
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
    """Computation of one value of the output. Pairs are (x, y), in low-res pixels unless noted otherwise.

    Attributes:
        at: Row and column of the output pixel.
        cell: Row and column of the low-res pixel that it lies in.
        channel: The channel.
        group: The group that the channel belongs to.
        linear: The sums that make the raw offset.
        raw: The raw offset, without unit.
        factor: The sums behind the dynamic scope; None if the scope is static.
        scope: The factor that multiplies the raw offset.
        offset: The offset.
        initial: The initial position.
        point: The sampling position; outside the map, the centres of its border pixels are read.
        taps: The one to four pixels that are read.
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
        anatomy: The operator taken apart on one map.
        at: Row and column of the output pixel.
        channel: Channel of the output.

    Raises:
        ValueError: The output has no such pixel or channel.
    """
    op, x = anatomy.op, anatomy.stage("input").values
    if not 0 <= channel < x.shape[1]:
        raise ValueError(f"channel must be from 0 to {x.shape[1] - 1}, got {channel}")
    group = channel // (x.shape[1] // op.groups)
    footprint = footprint_of(anatomy.record, x, at=at)
    static = (op.scope_factor, op.scope_factor)
    initial = anatomy.record.initial.cpu()
    return Trace(
        at=at,
        cell=(at[0] // op.scale, at[1] // op.scale),
        channel=channel,
        group=group,
        linear=_sums(anatomy, op.offset, at, group),
        raw=_pair(anatomy, "linear", at, group),
        factor=None if op.scope is None else _sums(anatomy, op.scope, at, group),
        scope=static if op.scope is None else _pair(anatomy, "factor", at, group),
        offset=_pair(anatomy, "scope", at, group),
        initial=(float(initial[0, 0, 0, at[0], at[1]]), float(initial[0, 0, 1, at[0], at[1]])),
        point=_pair(anatomy, "grid", at, group),
        taps=_taps(footprint, x[0, channel], group),
        before=float(without_offsets(anatomy, channel)[at]),
        value=float(anatomy.stage("sample").values[0, channel, at[0], at[1]]),
    )


def without_offsets(anatomy: Anatomy, channel: int) -> Float[Tensor, "H W"]:
    """Return a channel enlarged with all points at their initial positions."""
    x = anatomy.stage("input").values[:, channel : channel + 1]
    return sample(x, anatomy.record.initial.cpu())[0, 0]


def place(anatomy: Anatomy, name: StageName, at: tuple[int, int]) -> tuple[int, int, int]:
    """Return the sub-position, row and column at which a stage holds the values of an output pixel.

    Before the shuffle, these are one of s x s sub-positions, counted row by row, and the low-res pixel; after
    it, zero and the output pixel itself.
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


def _taps(footprint: Footprint, x: Float[Tensor, "h w"], group: int) -> tuple[Tap, ...]:
    fields = (footprint.rows, footprint.columns, footprint.weights)
    return tuple(
        Tap(row, column, weight, float(x[row, column]))
        for row, column, weight in zip(*(field[group].tolist() for field in fields), strict=True)
        if weight
    )


# --- Example ---


def example(style: Style, *, dynamic: bool) -> tuple[DySample, Float[Tensor, "1 4 4 4"]]:
    """Build an operator of one group and scale 2 with weights chosen by hand, and a map to apply it to.

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
