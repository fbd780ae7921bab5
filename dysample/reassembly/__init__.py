"""Kernel upsampling: every output pixel is a weighted sum over a low-res neighbourhood.

It takes three products, of a low-res map, a high-res map, and a weight for every high-res pixel and
neighbour: each combines two of these into the third, and its gradients are the other two products.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.kernels.operator import merge_batch, split_batch
from dysample.reassembly import strips, traced
from dysample.tracing import is_traced, needs_elementary

__all__ = ["neighbour_products", "reassemble"]


def reassemble(
    x: Float[Tensor, "b c h w"], weights: Float[Tensor, "b k k H W"], *, scale: int
) -> Float[Tensor, "b c H W"]:
    """Sum the k x k neighbourhood of every output pixel with weights (Wang et al., CARAFE, ICCV 2019, Eq. 2).

    Neighbours outside the map count as zero and the weights are not renormalised, so weights that sum to
    one darken the outermost k // 2 low-res pixels.

    Args:
        x: The low-res map.
        weights: As in `KernelRecord`; k is odd.
        scale: Enlargement s.

    Returns:
        The enlarged map, in the dtype of `x`. Autograd saves only `x` and `weights` for it.

    Raises:
        ValueError: The shape of the weights does not fit `x` and the scale.
    """
    _check_weights(x, weights, scale)
    weights = weights.to(x.dtype)
    if weights.shape[1] == 1:
        return _weigh_own_pixel(x, weights[:, 0], scale)
    if is_traced() or needs_elementary():
        return traced.gather(x, weights, scale)
    return _Reassemble.apply(x, weights, scale)


class _Reassemble(torch.autograd.Function):
    """The product that makes a high-res map; its gradients are the other two."""

    @staticmethod
    def forward(x: Tensor, weights: Tensor, scale: int) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return strips.gather(x, weights, scale)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        x, weights, ctx.scale = inputs
        ctx.save_for_backward(x, weights)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weights = ctx.saved_tensors
        of_x, of_weights = ctx.needs_input_grad[:2]
        return (
            _Spread.apply(slope, weights, ctx.scale) if of_x else None,
            _NeighbourProducts.apply(slope, x, weights.shape[1], ctx.scale) if of_weights else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _mapped(_Reassemble, info.batch_size, in_dims, inputs)


class _Spread(torch.autograd.Function):
    """The product that makes a low-res map."""

    @staticmethod
    def forward(high: Tensor, weights: Tensor, scale: int) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return strips.scatter(high, weights, scale)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        high, weights, ctx.scale = inputs
        ctx.save_for_backward(high, weights)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        high, weights = ctx.saved_tensors
        of_high, of_weights = ctx.needs_input_grad[:2]
        return (
            _Reassemble.apply(slope, weights, ctx.scale) if of_high else None,
            _NeighbourProducts.apply(high, slope, weights.shape[1], ctx.scale) if of_weights else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _mapped(_Spread, info.batch_size, in_dims, inputs)


class _NeighbourProducts(torch.autograd.Function):
    """The product that makes a weight for every high-res pixel and neighbour."""

    @staticmethod
    def forward(query: Tensor, key: Tensor, size: int, scale: int) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return strips.compare(query, key, size, scale)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        query, key, _, ctx.scale = inputs
        ctx.save_for_backward(query, key)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        query, key = ctx.saved_tensors
        of_query, of_key = ctx.needs_input_grad[:2]
        return (
            _Reassemble.apply(key, slope, ctx.scale) if of_query else None,
            _Spread.apply(query, slope, ctx.scale) if of_key else None,
            None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _mapped(_NeighbourProducts, info.batch_size, in_dims, inputs)


def _mapped(
    product: type[torch.autograd.Function], count: int, dims: tuple[int | None, ...], inputs: tuple[Any, ...]
) -> tuple[Tensor, int]:
    """Compute a product of two maps under vmap, as one of a larger batch."""
    merged = merge_batch(count, dims, inputs[:2])
    return split_batch(product.apply(*merged, *inputs[2:]), count), 0  # pyright: ignore[reportArgumentType]


def _weigh_own_pixel(x: Tensor, weights: Tensor, scale: int) -> Tensor:
    """Multiply every output pixel's own low-res pixel by a weight: a neighbourhood of one pixel."""
    by_pixel = weights.unflatten(3, (-1, scale)).unflatten(2, (-1, scale))
    return (x[:, :, :, None, :, None] * by_pixel).flatten(4, 5).flatten(2, 3)


def _check_weights(x: Tensor, weights: Tensor, scale: int) -> None:
    _check_scale(scale)
    if x.ndim != 4 or weights.ndim != 5 or weights.shape[1] != weights.shape[2] or weights.shape[1] % 2 == 0:
        raise ValueError(
            "a map must have shape (batch, channels, height, width) and its weights (batch, k, k, rows, "
            f"columns) with an odd k, got {tuple(x.shape)} and {tuple(weights.shape)}"
        )
    expected = (x.shape[0], x.shape[2] * scale, x.shape[3] * scale)
    if (weights.shape[0], *weights.shape[3:]) != expected:
        raise ValueError(
            f"weights must have (batch, rows, columns) = {expected}, scale={scale} times the map's, "
            f"got {(weights.shape[0], *weights.shape[3:])}"
        )


def neighbour_products(
    query: Float[Tensor, "b d H W"], key: Float[Tensor, "b d h w"], *, size: int, scale: int
) -> Float[Tensor, "b k k H W"]:
    """Return the inner products of every high-res vector with the low-res vectors around it.

    Args:
        query: One vector for every output pixel.
        key: One vector for every low-res pixel; counts as zero outside the map.
        size: Side k of the neighbourhood, odd.
        scale: Enlargement s.

    Returns:
        Products in the order of `KernelRecord.weights`.

    Raises:
        ValueError: The query is not s times as large as the key.
    """
    _check_query(query, key, size, scale)
    key = key.to(query.dtype)
    if is_traced() or needs_elementary():
        return traced.compare(query, key, size, scale)
    return _NeighbourProducts.apply(query, key, size, scale)


def _check_query(query: Tensor, key: Tensor, size: int, scale: int) -> None:
    _check_scale(scale)
    if type(size) is not int or size < 1 or size % 2 == 0:
        raise ValueError(f"size must be an odd integer of at least 1, got {size!r}")
    if key.ndim != 4:
        raise ValueError(f"key must have shape (batch, channels, height, width), got {tuple(key.shape)}")
    expected = (*key.shape[:2], key.shape[2] * scale, key.shape[3] * scale)
    if tuple(query.shape) != expected:
        raise ValueError(
            f"query must have shape {expected}, scale={scale} times the key's, got {tuple(query.shape)}"
        )


def _check_scale(scale: int) -> None:
    if type(scale) is not int or scale < 1:
        raise ValueError(f"scale must be an integer of at least 1, got {scale!r}")
