"""The operator with second derivatives and for `torch.func`, which a registration does not offer."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from dysample.kernels import operator, plain


def read(x: Tensor, points: Tensor, implementation: str) -> Tensor:
    """Read a map (b, c, h, w) at points (b, g, 2, H, W), by an implementation that can."""
    compiling = torch.compiler.is_compiling()  # pyright: ignore[reportPrivateImportUsage]
    if compiling or not (is_tracked(x) or is_tracked(points)):
        return operator.sample(x, points, implementation)
    return _Read.apply(x, points, implementation)  # pyright: ignore[reportReturnType]


def is_tracked(tensor: Tensor) -> bool:
    """Whether somebody wants a derivative. There is none by forward differentiation, as _Read says."""
    backward = tensor.requires_grad and torch.is_grad_enabled()
    return backward or forward_ad.unpack_dual(tensor).tangent is not None


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, points: Tensor, implementation: str) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return operator.sample(x, points, implementation)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        x, points, ctx.implementation = inputs
        ctx.save_for_backward(x, points)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return *_ReadBackward.apply(slope, *ctx.saved_tensors, ctx.implementation), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        merged = operator.merged(info.batch_size, in_dims, inputs[:-1])
        return _Read.apply(*merged, inputs[-1]).unflatten(0, (info.batch_size, -1)), 0


class _ReadBackward(torch.autograd.Function):
    @staticmethod
    def forward(slope: Tensor, x: Tensor, points: Tensor, implementation: str) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return operator.sample_backward(slope, x, points, implementation)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs[:3])

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        """Second derivatives are rare, and left to torch."""

        def gradients(slope: Tensor, x: Tensor, points: Tensor) -> tuple[Tensor, ...]:
            return torch.func.vjp(plain.read, x, points)[1](slope)  # pyright: ignore[reportPrivateImportUsage]

        pull = torch.func.vjp(gradients, *ctx.saved_tensors)[1]  # pyright: ignore[reportPrivateImportUsage]
        return *pull(slopes), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        merged = operator.merged(info.batch_size, in_dims, inputs[:-1])
        outputs = _ReadBackward.apply(*merged, inputs[-1])
        return tuple(each.unflatten(0, (info.batch_size, -1)) for each in outputs), (0, 0)
