"""Deciding where DySample reads by the C library: one pass over the map, where torch takes seven."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.kernels import native, operator
from dysample.kernels.choice import choose, for_other_runtimes
from dysample.kernels.native import BLOCK, LANES, SETS, InstructionSet, Plan, library
from dysample.tracing import is_traced

_LIBRARY = torch.library.Library("dysample", "FRAGMENT")
_LIBRARY.define(
    "decide(Tensor x, Tensor weight, Tensor? bias, Tensor? scope_weight, Tensor? scope_bias, "
    "Tensor initial, float factor, int scale, int groups) -> Tensor"
)
decide = torch.ops.dysample.decide.default


def serves(x: Tensor, initial: Tensor, *linears: nn.Conv2d | None) -> bool:
    """Whether `decide` may stand for the convolutions and what follows them.

    It has no derivatives, is unknown to other runtimes and not seen by hooks or autocast; and the user
    may want PyTorch's own functions.
    """
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or for_other_runtimes():
        return False
    for linear in linears:
        if linear is not None and not _is_plain(linear):
            return False
    return not _has_tangent(x) and choose(x, initial, None) == "native"


def _is_plain(linear: nn.Conv2d) -> bool:
    """Whether a module is the convolution that was built, and nobody listens to it."""
    hooks: Any = linear._forward_hooks or linear._forward_pre_hooks  # pyright: ignore[reportPrivateUsage]
    return type(linear) is nn.Conv2d and not hooks and not _has_tangent(linear.weight)


def _has_tangent(tensor: Tensor) -> bool:
    """Whether somebody differentiates forward; compiled code does not."""
    return not is_traced() and operator.is_tracked(tensor)


def points(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "rows inputs 1 1"],
    bias: Float[Tensor, " rows"] | None,
    scope_weight: Float[Tensor, "rows inputs 1 1"] | None,
    scope_bias: Float[Tensor, " rows"] | None,
    initial: Float[Tensor, "1 1 2 H W"],
    *,
    factor: float,
    scale: int,
    groups: int,
    instructions: InstructionSet | None = None,
) -> Float[Tensor, "b g 2 H W"]:
    """Decide where to read a map (Eqs. 2-5).

    Args:
        x: The low-res map in float32, dense in one of the two memory layouts.
        weight: Of the convolution that predicts offsets; with fewer inputs than the map has channels,
            from the channels of a pixel, dealt out to its places (PL).
        bias: Of the same.
        scope_weight: Of the convolution that predicts scopes; None for static ones.
        scope_bias: Of the same.
        initial: Where the points start.
        factor: Static scope, or the value at which dynamic ones start.
        scale: Enlargement s.
        groups: Groups of channels.
        instructions: One that this processor has; None for what suits the number of rows.
    """
    chosen = instructions or native.suitable(weight.shape[0] // 2)
    lanes = LANES[chosen]
    batch, channels, height, width = x.shape
    subs, rows = channels // weight.shape[1], weight.shape[0]
    padded, last = -(-rows // (2 * lanes)) * 2 * lanes, native.layout(x) == torch.channels_last
    plan = Plan(batch, channels, groups, height, width, scale, last, subs, rows, padded, factor)
    result = torch.empty(batch, groups, 2, *initial.shape[3:])
    threads = min(native.threads(result), max(1, batch * height))
    every = padded if scope_weight is None else 2 * padded
    scratch = torch.empty(
        (1 + weight.shape[1]) * every + threads * BLOCK * (channels + subs * (every + rows))
    )
    arrays = (x, weight, bias, scope_weight, scope_bias, initial, scratch, result)
    addresses = [None if each is None else each.data_ptr() for each in arrays]
    library().dysample_points(plan, SETS.index(chosen), threads, *addresses)
    return result


def _decide(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scope_weight: Tensor | None,
    scope_bias: Tensor | None,
    initial: Tensor,
    factor: float,
    scale: int,
    groups: int,
) -> Tensor:
    return points(
        x.float().contiguous(memory_format=native.layout(x)),
        _dense(weight),
        None if bias is None else _dense(bias),
        None if scope_weight is None else _dense(scope_weight),
        None if scope_bias is None else _dense(scope_bias),
        initial,
        factor=factor,
        scale=scale,
        groups=groups,
    )


def _dense(weights: Tensor) -> Tensor:
    return weights.float().contiguous()


def _shape(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scope_weight: Tensor | None,
    scope_bias: Tensor | None,
    initial: Tensor,
    factor: float,
    scale: int,
    groups: int,
) -> Tensor:
    return torch.empty(x.shape[0], groups, 2, *initial.shape[3:], dtype=torch.float32, device=x.device)


_LIBRARY.impl("decide", _decide, "CompositeExplicitAutograd")
torch.library.register_fake(decide, _shape, lib=_LIBRARY)
