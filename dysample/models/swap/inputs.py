"""Example inputs: how a model is called with them, and the same of another size."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor

from dysample.models.swap.flow import tensors_in

# A picture is told from tokens and numbers by its sides.
LEAST_SIDE = 16
# Halved if that leaves networks with a stride of 32 a few pixels, for it costs least; doubled otherwise.
FACTORS = (0.5, 2.0)
LEAST_HALVED = 128


def arguments(example_inputs: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments: of a tuple, of a mapping, or the one argument itself."""
    if isinstance(example_inputs, tuple):
        return example_inputs, {}
    if isinstance(example_inputs, Mapping):
        return (), {str(name): value for name, value in example_inputs.items()}
    return (example_inputs,), {}


def picture_size(example_inputs: object) -> tuple[int, int] | None:
    """Height and width of the first picture among them; None without one."""
    sizes = (
        (tensor.shape[-2], tensor.shape[-1])
        for tensor in tensors_in(example_inputs)
        if tensor.is_floating_point() and tensor.ndim >= 3
    )
    return next((size for size in sizes if min(size) >= LEAST_SIDE), None)


def other_sizes(example_inputs: object) -> Iterator[object]:
    """The same inputs with pictures, masks of their size and other maps of other sizes; cheapest first."""
    size = picture_size(example_inputs)
    if size is None:
        return
    for factor in FACTORS:
        if factor >= 1 or min(size) >= LEAST_HALVED:
            yield _resized(example_inputs, size, factor)


def _resized(value: object, picture: tuple[int, int], factor: float) -> object:
    if isinstance(value, Tensor):
        # A decoder alone takes maps of several sizes.
        is_map = value.ndim == 4 and value.is_floating_point()
        return _resize(value, factor) if is_map or tuple(value.shape[-2:]) == picture else value
    if isinstance(value, Mapping):
        return {name: _resized(each, picture, factor) for name, each in value.items()}
    if isinstance(value, list | tuple):
        items = [_resized(each, picture, factor) for each in cast("list[object]", value)]
        return items if isinstance(value, list) else tuple(items)
    return value


def _resize(tensor: Tensor, factor: float) -> Tensor:
    size = tuple(round(side * factor) for side in tensor.shape[-2:])
    flat = tensor.reshape(1, -1, *tensor.shape[-2:]).float()
    return F.interpolate(flat, size=size).reshape(*tensor.shape[:-2], *size).to(tensor.dtype)
