"""The torch operators `dysample::sample` and `dysample::decide`: shapes, derivatives and vmap."""

from typing import Any, Protocol

import torch
from torch import Tensor
from torch._C._autograd import _profiler_enabled  # pyright: ignore[reportPrivateUsage]
from torch._C._profiler import _RecordFunctionFast  # pyright: ignore[reportPrivateUsage]

from dysample.kernels import native, plain, triton
from dysample.tracing import is_transformed


class Kernel(Protocol):
    """Interface of the modules that implement point sampling.

    Attributes:
        FOLLOWS_LAYOUT: Whether results have the memory layout of the map.
    """

    FOLLOWS_LAYOUT: bool

    def why_not(self) -> str | None:
        """Return why it cannot be used in this process, or None."""
        ...

    def why_not_for(self, x: Tensor, points: Tensor) -> str | None:
        """Return why it cannot read this map at these points, or None."""
        ...

    def read(self, x: Tensor, points: Tensor) -> Tensor:
        """Read the map."""
        ...

    def gradients(self, slope: Tensor, x: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of the map and of the points."""
        ...


# Fastest first: the first that can read a map is used; the last always can.
KERNELS: dict[str, Kernel] = {"native": native, "triton": triton, "plain": plain}


# Defined by hand: on small maps the overhead of `torch.library.custom_op` exceeds the reading itself.
_LIBRARY = torch.library.Library("dysample", "FRAGMENT")
_LIBRARY.define(
    "decide(Tensor x, Tensor weight, Tensor? bias, Tensor? scope_weight, Tensor? scope_bias, "
    "Tensor initial, float factor, int scale, int groups) -> Tensor"
)
_LIBRARY.define("sample(Tensor x, Tensor points, str implementation) -> Tensor")
_LIBRARY.define(
    "sample_backward(Tensor slope, Tensor x, Tensor points, str implementation) -> (Tensor, Tensor)"
)
decide = torch.ops.dysample.decide.default
sample = torch.ops.dysample.sample.default
sample_backward = torch.ops.dysample.sample_backward.default


def _sample(x: Tensor, points: Tensor, implementation: str) -> Tensor:
    return KERNELS[implementation].read(x, points)


def _sample_backward(slope: Tensor, x: Tensor, points: Tensor, implementation: str) -> tuple[Tensor, Tensor]:
    return KERNELS[implementation].gradients(slope, x, points)


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
    points = native.decide(x, weight, bias, scope_weight, scope_bias, initial, factor, scale, groups)
    if _profiler_enabled():
        _report_operations(x, (weight, scope_weight), initial, points)
    return points


def _report_operations(
    x: Tensor, weights: tuple[Tensor, Tensor | None], initial: Tensor, points: Tensor
) -> None:
    """Enter in a running profile what `decide` computes.

    The profiler counts floating-point operations from the names and the shapes of PyTorch's own operations.
    """
    inputs = weights[0].shape[1]
    shuffled = torch.empty((x.shape[0], inputs, x[0].numel() // inputs, 1), device="meta")
    for weight in weights:
        if weight is not None:
            with _RecordFunctionFast("aten::conv2d", [shuffled, weight, None, [1, 1], [0, 0], [1, 1], 1]):
                pass
            with _RecordFunctionFast("aten::mul", [points, points]):
                pass
    with _RecordFunctionFast("aten::add", [initial, points]):
        pass


_LIBRARY.impl("decide", _decide, "CompositeExplicitAutograd")
_LIBRARY.impl("sample", _sample, "CompositeExplicitAutograd")
_LIBRARY.impl("sample_backward", _sample_backward, "CompositeExplicitAutograd")


def _like(x: Tensor, shape: tuple[int, ...], implementation: str) -> Tensor:
    follows = KERNELS[implementation].FOLLOWS_LAYOUT
    layout = native.layout(x) if follows else torch.contiguous_format
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)


def _shape(x: Tensor, points: Tensor, implementation: str) -> Tensor:
    return _like(x, (*x.shape[:2], *points.shape[3:]), implementation)


def _shapes(slope: Tensor, x: Tensor, points: Tensor, implementation: str) -> tuple[Tensor, Tensor]:
    return _like(x, tuple(x.shape), implementation), torch.empty(
        points.shape, dtype=points.dtype, device=points.device
    )


def _decided(
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


torch.library.register_fake(decide, _decided, lib=_LIBRARY)
torch.library.register_fake(sample, _shape, lib=_LIBRARY)
torch.library.register_fake(sample_backward, _shapes, lib=_LIBRARY)


def _remember(ctx: Any, inputs: tuple[Tensor, Tensor, str], output: Tensor) -> None:
    x, points, ctx.implementation = inputs
    ctx.save_for_backward(x, points)


def _backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, None]:
    of_x, of_points = sample_backward(slope, *ctx.saved_tensors, ctx.implementation)
    return of_x, of_points, None


torch.library.register_autograd(sample, _backward, setup_context=_remember, lib=_LIBRARY)


def _mapped(info: Any, dims: tuple[int | None, ...], x: Tensor, points: Tensor, implementation: str) -> Any:
    x, points = merge_batch(info.batch_size, dims, (x, points))
    return split_batch(sample(x, points, implementation), info.batch_size), 0


torch.library.register_vmap(sample, _mapped, lib=_LIBRARY)


def merge_batch(count: int, dims: tuple[int | None, ...], tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """Return the tensors with the dimension that vmap maps over merged into the batch."""
    fronts = [
        tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
        for tensor, dim in zip(tensors, dims, strict=False)
    ]
    return [front.flatten(0, 1) for front in fronts]


def split_batch(merged: Tensor, count: int) -> Tensor:
    """Return a result of merged tensors with the dimension that vmap maps over in front."""
    return merged.unflatten(0, (count, merged.shape[0] // count))


# --- Second derivatives and `torch.func`, which registration does not support ---


def read(x: Tensor, points: Tensor, implementation: str) -> Tensor:
    """Read a map (b, c, h, w) at points (b, g, 2, H, W) with an implementation that supports them."""
    differentiable = torch.is_grad_enabled() and (x.requires_grad or points.requires_grad)
    # An inner transform hides from a tensor that an outer one needs its gradient.
    if differentiable or is_transformed():
        return _Read.apply(x, points, implementation)  # pyright: ignore[reportReturnType]
    return sample(x, points, implementation)


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, points: Tensor, implementation: str) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return sample(x, points, implementation)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        x, points, ctx.implementation = inputs
        ctx.save_for_backward(x, points)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return *_ReadBackward.apply(slope, *ctx.saved_tensors, ctx.implementation), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        merged = merge_batch(info.batch_size, in_dims, inputs[:-1])
        return split_batch(_Read.apply(*merged, inputs[-1]), info.batch_size), 0


class _ReadBackward(torch.autograd.Function):
    @staticmethod
    def forward(slope: Tensor, x: Tensor, points: Tensor, implementation: str) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return sample_backward(slope, x, points, implementation)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs[:3])

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        """Leave second derivatives, which are rare, to torch."""

        def gradients(slope: Tensor, x: Tensor, points: Tensor) -> tuple[Tensor, ...]:
            return torch.func.vjp(plain.read, x, points)[1](slope)  # pyright: ignore[reportPrivateImportUsage]

        pullback = torch.func.vjp(gradients, *ctx.saved_tensors)[1]  # pyright: ignore[reportPrivateImportUsage]
        return *pullback(slopes), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        merged = merge_batch(info.batch_size, in_dims, inputs[:-1])
        outputs = _ReadBackward.apply(*merged, inputs[-1])
        return tuple(split_batch(output, info.batch_size) for output in outputs), (0, 0)
