"""Copies of models, also of those that hold computed tensors, or functions that hold parts of the model."""

import copy
import functools
from collections.abc import Callable, Iterator, MutableMapping
from types import CellType, FunctionType, MethodType
from typing import Any, TypeVar, cast

from torch import Tensor, nn
from torch.jit import ScriptFunction
from torch.nn.parameter import UninitializedBuffer, is_lazy
from torch.overrides import TorchFunctionMode

from dysample.swap.inputs import objects_in

_Module = TypeVar("_Module", bound=nn.Module)
_Memo = dict[int, Any]
_CONTAINERS = (list, dict, set)


def copied(model: _Module) -> _Module:
    """Copy a model as `copy.deepcopy` does, and detach the computed tensors in the copy.

    Functions among its hooks and attributes that refer to the model's parts refer to those of the copy.

    Raises:
        ValueError: The model holds something that cannot be copied.
    """
    return _copied(model, {}, private=False)


def private_copy(model: nn.Module) -> nn.Module:
    """Copy a model except for its weights, which are shared; those that have no shape yet are copied.

    Its hooks write to lists and dictionaries of their own, also where the model's hooks write elsewhere.

    Raises:
        ValueError: The model holds something that cannot be copied.
    """
    shared = {id(weight): weight for weight in model.parameters() if not is_lazy(weight)}
    return _copied(model, shared, private=True)


def lazy_parts(model: nn.Module) -> tuple[str, ...]:
    """Return the paths of the modules that have weights without a shape."""
    return tuple(
        path
        for path, module in model.named_modules()
        if any(map(is_lazy, (*module.parameters(recurse=False), *module.buffers(recurse=False))))
    )


def _copied(model: _Module, memo: _Memo, *, private: bool) -> _Module:
    memo.update((id(function), function) for function in _scripted_functions(model))
    known = dict(memo)
    try:
        with _Detached():
            copy_of_model = copy.deepcopy(model, memo)
            for module in copy_of_model.modules():
                for functions in _places_of_functions(module):
                    _rebind(functions, memo, private=private)
    except Exception as error:  # whatever the objects in the model raise
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{_obstacle(model, known)} cannot be copied, and a swap works on a copy: {reason}"
        ) from error
    return copy_of_model


def _scripted_functions(model: nn.Module) -> Iterator[object]:
    """Yield the scripted functions among the attributes of a model, which nothing can change or copy."""
    for module in model.modules():
        for value in objects_in(list(vars(module).values())):
            if isinstance(value, ScriptFunction):
                yield value


class _Detached(TorchFunctionMode):
    """While active, `copy.deepcopy` copies computed tensors too, detached from their history."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Execute one operation, or copy a tensor that torch does not copy."""
        if func is not Tensor.__deepcopy__:
            return func(*args, **(kwargs or {}))
        tensor, memo = cast("tuple[Tensor, _Memo]", args)
        if id(tensor) in memo:
            return memo[id(tensor)]
        if isinstance(tensor, UninitializedBuffer):
            data, make = tensor.data, cast(Any, UninitializedBuffer)
            lazy = make(tensor.requires_grad, data.device, data.dtype)
            vars(lazy).update(vars(tensor))
            memo[id(tensor)] = lazy
            return lazy
        if is_without_values(tensor):  # the exporter keeps some to remember shapes
            memo[id(tensor)] = tensor
            return tensor
        with self:  # for tensors that are attributes of this one
            attributes = copy.deepcopy(vars(tensor), memo)
        if tensor.is_leaf and (tensor.grad is None or tensor.grad.is_leaf):
            return func(tensor, memo)
        detached = copy.deepcopy(tensor.detach(), memo)
        vars(detached).update(attributes)
        memo[id(tensor)] = detached
        return detached


def is_without_values(tensor: Tensor) -> bool:
    """Return whether a tensor is one that torch traces with, a mere description of another."""
    return type(tensor).__module__.startswith("torch._subclasses")


def _obstacle(model: nn.Module, memo: _Memo) -> str:
    """Return which attribute of which module cannot be copied, in words."""
    for path, module in model.named_modules():
        which = f"the model's part {path!r}" if path else "the model"
        for name, value in vars(module).items():
            if name == "_modules":
                continue
            try:
                with _Detached():
                    copy.deepcopy(value, dict(memo))
            except Exception:  # whatever the object raises
                return f"{which} has an attribute {name!r} of the type {type(value).__name__}, which"
    return "the model"


# --- Functions ---


def _places_of_functions(module: nn.Module) -> Iterator[MutableMapping[Any, Any]]:
    """Yield the dictionaries of a module that may hold functions: its attributes, and its hooks."""
    attributes = vars(module)
    yield attributes
    for name, value in attributes.items():
        if name.endswith("_hooks") and isinstance(value, MutableMapping):
            yield cast("MutableMapping[Any, Any]", value)


def _rebind(functions: MutableMapping[Any, Any], memo: _Memo, *, private: bool) -> None:
    """Make functions refer to what was copied in the place of its original, in place."""
    for key, value in list(functions.items()):
        if isinstance(value, FunctionType):
            functions[key] = _counterpart(value, memo, private=private)


def _counterpart(value: Any, memo: _Memo, *, private: bool) -> Any:
    """Return the copy of an object that a function refers to, or the object where none was copied."""
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, MethodType):
        owner = memo.get(id(value.__self__))
        return value if owner is None else MethodType(value.__func__, owner)
    if isinstance(value, functools.partial) or (private and isinstance(value, _CONTAINERS)):
        try:
            return copy.deepcopy(value, memo)
        except Exception:  # it holds something that is not the model's, and that cannot be copied
            return value
    if isinstance(value, FunctionType):
        memo[id(value)] = value  # a function may refer to itself
        memo[id(value)] = _with_copies(value, memo, private=private)
    return memo.get(id(value), value)


def _with_copies(function: FunctionType, memo: _Memo, *, private: bool) -> FunctionType:
    """Return a function with the copies of what it refers to, or itself if nothing was copied."""
    cells = function.__closure__ or ()
    closure = tuple(_cell(cell, memo, private=private) for cell in cells)
    held = function.__defaults__ or ()
    defaults = tuple(_counterpart(value, memo, private=private) for value in held)
    used = {name: value for name, value in function.__globals__.items() if name in function.__code__.co_names}
    variables = {
        name: _counterpart(value, memo, private=private)
        for name, value in used.items()
        if id(value) in memo or isinstance(value, (*_CONTAINERS, MethodType))
    }
    old, new_ones = (*cells, *held, *used.values()), (*closure, *defaults, *(used | variables).values())
    if all(a is b for a, b in zip(old, new_ones, strict=True)):
        return function
    scope = {**function.__globals__, **variables} if variables else function.__globals__
    new = FunctionType(function.__code__, scope, function.__name__, defaults or None, closure or None)
    new.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(new, function, updated=("__dict__",))
    return new


def _cell(cell: CellType, memo: _Memo, *, private: bool) -> CellType:
    try:
        content = cell.cell_contents
    except ValueError:  # the variable has no value yet
        return cell
    replaced = _counterpart(content, memo, private=private)
    return cell if replaced is content else CellType(replaced)
