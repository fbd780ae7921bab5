"""The example inputs of a model: the tensors in them, and inputs of other sizes and with other values."""

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import FunctionType, MethodType, ModuleType
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# A tensor with shorter sides holds tokens or numbers, not a picture.
LEAST_SIDE = 16
# Halved, which is cheapest, if that leaves a few pixels at stride 32; otherwise doubled.
FACTORS = (0.5, 2.0)
LEAST_HALVED = 128
# Objects whose attributes are nobody's input.
_CLOSED = (
    *(str, bytes, int, float, complex, type(None), type, ModuleType, FunctionType, MethodType),
    *(nn.Module, torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Generator),
)
_Array = np.ndarray[Any, Any]
_Leaf = Tensor | _Array


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


def all_tensors(value: object) -> Iterator[Tensor]:
    """Yield all tensors in nested containers and in the attributes of objects, in order."""
    return (leaf for leaf in _leaves(value) if isinstance(leaf, Tensor))


def arguments(example_inputs: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments from a tuple, a mapping, or the only argument itself.

    A named tuple is an object of the model's own, and so the only argument.
    """
    if isinstance(example_inputs, tuple) and not hasattr(example_inputs, "_fields"):
        return cast("tuple[Any, ...]", example_inputs), {}
    if isinstance(example_inputs, Mapping):
        return (), {str(name): value for name, value in example_inputs.items()}
    return (example_inputs,), {}


def picture_size(example_inputs: object) -> tuple[int, int] | None:
    """Return height and width of the first picture among the inputs, or None if there is none."""
    sizes = (
        (tensor.shape[-2], tensor.shape[-1])
        for tensor in all_tensors(example_inputs)
        if tensor.is_floating_point() and tensor.ndim >= 3
    )
    return next((size for size in sizes if min(size) >= LEAST_SIDE), None)


def own_copy(example_inputs: object) -> object:
    """Copy the inputs, which a model may change in place, with whatever holds the tensors.

    Inputs that hold objects that cannot be copied are returned as they are.
    """
    try:
        return _rebuilt(example_inputs, _cloned, {})
    except Exception:  # whatever the objects raise
        return example_inputs


def other_sizes(example_inputs: object) -> Iterator[object]:
    """Yield the inputs with pictures, their masks and other maps resized, cheapest first."""
    size = picture_size(example_inputs)
    if size is None:
        return
    for factor in FACTORS:
        if factor >= 1 or min(size) >= LEAST_HALVED:
            yield _rebuilt(example_inputs, lambda leaf, factor=factor: _resized(leaf, size, factor), {})


def other_values(example_inputs: object) -> object | None:
    """Return the inputs with other values in all maps, or None if there is no map with values.

    Values are random within the range of the old ones. Tokens, boxes and the like stay, since a model may
    accept few of them.
    """
    changed = list[bool]()

    def change(leaf: _Leaf) -> _Leaf:
        if not _has_values(leaf):
            return leaf
        changed.append(True)
        return (
            _random_tensor(leaf) if isinstance(leaf, Tensor) else _random_tensor(torch.tensor(leaf)).numpy()
        )

    result = _rebuilt(example_inputs, change, {})
    return result if changed else None


def _cloned(leaf: _Leaf) -> _Leaf:
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf.copy()


def _resized(leaf: _Leaf, picture: tuple[int, int], factor: float) -> _Leaf:
    if not isinstance(leaf, Tensor):
        return leaf
    # Inputs of a bare decoder are maps of several sizes.
    is_map = leaf.ndim == 4 and leaf.is_floating_point()
    return _resize(leaf, factor) if is_map or tuple(leaf.shape[-2:]) == picture else leaf


def _resize(tensor: Tensor, factor: float) -> Tensor:
    size = tuple(round(side * factor) for side in tensor.shape[-2:])
    flat = tensor.reshape(1, -1, *tensor.shape[-2:]).float()
    return F.interpolate(flat, size=size).reshape(*tensor.shape[:-2], *size).to(tensor.dtype)


def _has_values(leaf: _Leaf) -> bool:
    if isinstance(leaf, Tensor):
        numbers = leaf.is_floating_point() or leaf.dtype == torch.uint8
        return numbers and leaf.ndim >= 2 and leaf.numel() > 0 and not leaf.is_meta
    return leaf.dtype in (np.float32, np.float64, np.uint8) and leaf.ndim >= 2 and leaf.size > 0


def _random_tensor(old: Tensor) -> Tensor:
    least, most = old.min().item(), old.max().item()
    random = torch.rand(old.shape, generator=torch.Generator().manual_seed(0))
    scaled = random * ((most - least) or 1) + least
    return scaled.to(dtype=old.dtype, device=old.device)


# --- Containers and objects ---


def objects_in(value: object) -> Iterator[object]:
    """Yield all objects in nested containers and in the attributes of objects, in order.

    Tensors and arrays come as often as they are held, other objects once. Modules are not looked into.
    """
    pending, visited = [value], dict[int, object]()
    while pending:
        value = pending.pop()
        if isinstance(value, Tensor | np.ndarray):
            yield cast("_Leaf", value)
        elif id(value) not in visited and not isinstance(value, _CLOSED):
            visited[id(value)] = value
            yield value
            pending.extend(reversed(_contents(value)))


def _leaves(value: object) -> Iterator[_Leaf]:
    return (cast("_Leaf", item) for item in objects_in(value) if isinstance(item, Tensor | np.ndarray))


def _contents(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(cast("Mapping[object, object]", value).values())
    if isinstance(value, list | tuple | set | frozenset | deque):
        return list(cast("list[object]", value))
    return list(_attributes(value).values())


def _attributes(value: object) -> dict[str, object]:
    """Return the attributes that an object holds itself, in its dictionary or in slots."""
    held: dict[str, object] = {}
    for base in reversed(type(value).__mro__):
        slots = vars(base).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else tuple(slots):
            private = slot.startswith("__") and not slot.endswith("__")
            name = f"_{base.__name__.lstrip('_')}{slot}" if private else slot
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                held[name] = getattr(value, name)
    return {**held, **getattr(value, "__dict__", {})}


def _rebuilt(value: Any, change: Callable[[_Leaf], _Leaf], done: dict[int, tuple[object, object]]) -> Any:
    """Return a structure with changed tensors and arrays in new containers; what holds none is the same.

    Args:
        value: Any object.
        change: Function of a tensor or an array.
        done: By identity, objects and what became of them; starts empty.
    """
    if isinstance(value, _CLOSED):
        return value
    if id(value) in done:
        return done[id(value)][1]
    if isinstance(value, Tensor | np.ndarray):
        result: Any = change(cast("_Leaf", value))
    elif next(_leaves(value), None) is None:
        result = value
    elif isinstance(value, tuple | set | frozenset | deque):
        items = [_rebuilt(item, change, done) for item in cast("tuple[Any, ...]", value)]
        result = (
            cast(Any, type(value))(*items) if hasattr(value, "_fields") else cast(Any, type(value))(items)
        )
    else:
        return _rebuilt_object(value, change, done)
    done[id(value)] = (value, result)
    return result


def _rebuilt_object(
    value: Any, change: Callable[[_Leaf], _Leaf], done: dict[int, tuple[object, object]]
) -> Any:
    """Rebuild a list, a mapping or an object, which may hold itself."""
    result: Any = copy.copy(value)
    done[id(value)] = (value, result)
    if isinstance(value, list):
        result[:] = [_rebuilt(item, change, done) for item in cast("list[Any]", value)]
    elif isinstance(value, MutableMapping):
        for key, item in cast("MutableMapping[Any, Any]", value).items():
            result[key] = _rebuilt(item, change, done)
    else:
        for name, item in _attributes(value).items():
            new = _rebuilt(item, change, done)
            if new is not item:
                object.__setattr__(result, name, new)  # as frozen dataclasses set theirs
    return result
