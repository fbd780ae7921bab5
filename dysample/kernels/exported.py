"""Point sampling in graphs for other runtimes, in one of two forms (`export_options`)."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dysample.kernels import plain

Sampling = Literal["grid_sample", "gather"]
_SAMPLING: ContextVar[Sampling] = ContextVar("sampling", default="grid_sample")


@contextmanager
def export_options(*, sampling: Sampling) -> Generator[None, None, None]:
    """Choose how models read at points in graphs that are exported within this context.

    It applies to `torch.export`, both ONNX exporters and `torch.jit.trace`, for every model that holds a
    DySample or calls `sample`. Results differ only in rounding; models that are called are not affected::

        with dysample.export_options(sampling="gather"):
            torch.onnx.export(model, (picture,), "model.onnx", dynamo=True)

    Args:
        sampling: "grid_sample", the default, for one node that does it all, ONNX's `GridSample` from opset 16
            on; "gather" for `Gather` and arithmetic alone, slower and larger, for runtimes that lack
            `GridSample` or compute it wrongly.

    Raises:
        ValueError: There is no such form.
    """
    if sampling not in get_args(Sampling):
        raise ValueError(f"sampling must be one of {', '.join(get_args(Sampling))}, got {sampling!r}")
    before = _SAMPLING.set(sampling)
    try:
        yield
    finally:
        _SAMPLING.reset(before)


def read(x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"]) -> Float[Tensor, "b c H W"]:
    """Read a map at points, in steps that other runtimes support and run fast.

    Args:
        x: The low-res map.
        points: (x, y) in low-res pixels, float32 or wider.

    Returns:
        The sampled map, in the dtype of `x`.
    """
    if _SAMPLING.get() == "gather":
        return _gathered(x, points)
    # The points are inside the map, so both paddings say the same; "border" is several times slower in ONNX
    # Runtime and has no fast kernel in OpenVINO.
    return plain.read(x, points, padding="zeros")


def _gathered(x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"]) -> Float[Tensor, "b c H W"]:
    """Read a map at points by gathering the four pixels around each."""
    batch, channels, height, width = x.shape
    groups = points.shape[1]
    column, row = (place - 0.5 for place in plain.clamped(points, height, width))
    left, top = column.floor(), row.floor()
    across, down = ((column - left).flatten().unsqueeze(1), (row - top).flatten().unsqueeze(1))
    maps = x.to(points.dtype).reshape(batch * groups, channels // groups, height * width)
    pixels = maps.transpose(1, 2).flatten(0, 1)
    first = torch.arange(batch * groups, device=x.device).view(-1, 1, 1) * (height * width)

    def line(rows: Tensor) -> Tensor:
        start = first + rows.long() * width
        near, far = (_rows(pixels, start + columns.long()) for columns in (left, column.ceil()))
        return near + across * (far - near)

    above = line(top)
    output = above + down * (line(row.ceil()) - above)
    by_map = output.reshape(batch * groups, -1, channels // groups).transpose(1, 2)
    return by_map.reshape(batch, channels, *points.shape[3:]).to(x.dtype)


def _rows(pixels: Float[Tensor, "n d"], index: Int[Tensor, "m H W"]) -> Float[Tensor, "k d"]:
    return pixels.index_select(0, index.flatten())
