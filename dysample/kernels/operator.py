"""The operator `dysample::sample`: what torch knows of implementations that it cannot look into."""

from typing import Any

import torch
from torch import Tensor

from dysample.kernels import native
from dysample.kernels.choice import KERNELS

# Defined by hand: `torch.library.custom_op` would cost small maps more than the reading does.
_LIBRARY = torch.library.Library("dysample", "FRAGMENT")
_LIBRARY.define("sample(Tensor x, Tensor points, str implementation) -> Tensor")
_LIBRARY.define(
    "sample_backward(Tensor slope, Tensor x, Tensor points, str implementation) -> (Tensor, Tensor)"
)
sample = torch.ops.dysample.sample.default
sample_backward = torch.ops.dysample.sample_backward.default


def _sample(x: Tensor, points: Tensor, implementation: str) -> Tensor:
    return KERNELS[implementation].read(x, points)


def _sample_backward(slope: Tensor, x: Tensor, points: Tensor, implementation: str) -> tuple[Tensor, Tensor]:
    return KERNELS[implementation].gradients(slope, x, points)


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
    x, points = merged(info.batch_size, dims, (x, points))
    return sample(x, points, implementation).unflatten(0, (info.batch_size, -1)), 0


torch.library.register_vmap(sample, _mapped, lib=_LIBRARY)


def merged(count: int, dims: tuple[int | None, ...], tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """Tensors whose batch also holds the dimension that vmap runs over."""
    fronts = [
        tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
        for tensor, dim in zip(tensors, dims, strict=False)
    ]
    return [front.flatten(0, 1) for front in fronts]
