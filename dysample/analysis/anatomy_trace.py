"""The arithmetic of one output value: from the low-res pixel that decides to the four that are read."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from dysample.analysis.anatomy import Anatomy, StageName, group_maps
from dysample.analysis.footprint import Footprint, footprint_of
from dysample.geometry import sample

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
