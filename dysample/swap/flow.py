"""Track what tensors are made of: the input, weights, enlargements; and resize example inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

# A tensor with shorter sides holds tokens or numbers, not a picture.
LEAST_SIDE = 16
# Halved, which is cheapest, if that leaves a few pixels at stride 32; otherwise doubled.
FACTORS = (0.5, 2.0)
LEAST_HALVED = 128


@dataclass(frozen=True, slots=True)
class Origin:
    """What went into a tensor.

    Attributes:
        of_input: Whether the model's input did.
        learned: Whether a weight did.
        calls: Indices of the enlargements that did.
    """

    of_input: bool = False
    learned: bool = False
    calls: frozenset[int] = frozenset()


@dataclass(slots=True)
class Flow:
    """Origins of all live tensors, followed from operation to operation.

    Attributes:
        followed: Enlargements whose outputs have met a weight.
    """

    followed: set[int] = field(default_factory=set[int])
    _origins: WeakTensorKeyDictionary = field(default_factory=WeakTensorKeyDictionary)

    def origin(self, tensor: Tensor) -> Origin:
        """Return what went into a tensor."""
        if isinstance(tensor, nn.Parameter):
            return Origin(learned=True)
        origin = self._origins.get(tensor)
        return origin if isinstance(origin, Origin) else Origin()

    def mark(self, tensor: Tensor, origin: Origin) -> None:
        """Set what went into a tensor."""
        if not isinstance(tensor, nn.Parameter):
            self._origins[tensor] = origin

    def follow(self, inputs: tuple[Tensor, ...], result: object) -> Origin:
        """Record one operation, and return what went into its inputs."""
        origins = [self.origin(tensor) for tensor in inputs]
        merged = Origin(
            any(origin.of_input for origin in origins),
            any(origin.learned for origin in origins),
            frozenset[int]().union(*(origin.calls for origin in origins)),
        )
        # A weight, or a tensor made of weights alone, such as a transposed or normalised one.
        if any(origin.learned and not origin.of_input for origin in origins):
            self.followed |= merged.calls
        changed = tuple(tensors_in(result)) or inputs[:1] * (result is None)
        for tensor in changed:
            self.mark(tensor, merged)
        return merged


def tensors_in(value: object) -> Iterator[Tensor]:
    """Yield all tensors in nested tuples, lists and mappings, in order."""
    pending = [value]  # a loop, for this runs at every operation of a traced model
    while pending:
        value = pending.pop()
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, Mapping):
            pending.extend(reversed(list(value.values())))
        elif isinstance(value, list | tuple):
            pending.extend(reversed(cast("list[object]", value)))


def arguments(example_inputs: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments from a tuple, a mapping, or the only argument itself."""
    if isinstance(example_inputs, tuple):
        return example_inputs, {}
    if isinstance(example_inputs, Mapping):
        return (), {str(name): value for name, value in example_inputs.items()}
    return (example_inputs,), {}


def picture_size(example_inputs: object) -> tuple[int, int] | None:
    """Return height and width of the first picture among the inputs, or None if there is none."""
    sizes = (
        (tensor.shape[-2], tensor.shape[-1])
        for tensor in tensors_in(example_inputs)
        if tensor.is_floating_point() and tensor.ndim >= 3
    )
    return next((size for size in sizes if min(size) >= LEAST_SIDE), None)


def other_sizes(example_inputs: object) -> Iterator[object]:
    """Yield the inputs with pictures, their masks and other maps resized, cheapest first."""
    size = picture_size(example_inputs)
    if size is None:
        return
    for factor in FACTORS:
        if factor >= 1 or min(size) >= LEAST_HALVED:
            yield _resized(example_inputs, size, factor)


def _resized(value: object, picture: tuple[int, int], factor: float) -> object:
    if isinstance(value, Tensor):
        # Inputs of a bare decoder are maps of several sizes.
        is_map = value.ndim == 4 and value.is_floating_point()
        return _resize(value, factor) if is_map or tuple(value.shape[-2:]) == picture else value
    if isinstance(value, Mapping):
        return {name: _resized(item, picture, factor) for name, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_resized(item, picture, factor) for item in cast("list[object]", value)]
        return items if isinstance(value, list) else tuple(items)
    return value


def _resize(tensor: Tensor, factor: float) -> Tensor:
    size = tuple(round(side * factor) for side in tensor.shape[-2:])
    flat = tensor.reshape(1, -1, *tensor.shape[-2:]).float()
    return F.interpolate(flat, size=size).reshape(*tensor.shape[:-2], *size).to(tensor.dtype)
