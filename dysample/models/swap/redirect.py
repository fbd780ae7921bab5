"""Modules whose own calls of `F.interpolate` are answered by upsamplers that they hold.

A module gets a subclass of its own class, made here, whose `forward` runs in a mode that counts the
calls. All that a call needs is local to that forward, so several threads can run one model.
"""

import functools
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import GraphModule
from torch.overrides import TorchFunctionMode

# Where a module keeps its upsamplers, by the index of the call; also the first part of their keys in
# the state_dict.
HELD = "swapped_upsamplers"


class Redirect(TorchFunctionMode):
    """While active, the n-th call of `F.interpolate` goes to the n-th upsampler, where there is one.

    The other calls are carried out, hidden from modes outside: those belong to modules around this one,
    and count their own calls alone.
    """

    def __init__(self, upsamplers: nn.ModuleDict | dict[str, nn.Module]) -> None:
        """Begin to count.

        Args:
            upsamplers: By index of the call, in decimal; each has `instead_of`.
        """
        super().__init__()
        self.upsamplers = upsamplers
        self.calls = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Answer one call."""
        if func is not F.interpolate:
            return func(*args, **(kwargs or {}))
        key = str(self.calls)
        self.calls += 1
        if key in self.upsamplers:
            return cast(Any, self.upsamplers[key]).instead_of(*args, **(kwargs or {}))
        return interpolate(*args, **(kwargs or {}))


def interpolate(*args: Any, **kwargs: Any) -> torch.Tensor:
    """`F.interpolate`, which no mode around it sees."""
    with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]
        return F.interpolate(*args, **kwargs)


class Redirecting:
    """Marks the classes made here; `redirected_base` is the class of which each was made."""

    redirected_base: type[nn.Module]


def redirectable(module: nn.Module) -> bool:
    """Whether a subclass can take the module's `forward` over.

    It cannot where `forward` is an attribute of the object (set by hand, or by accelerate), nor in a graph
    of torch.fx, whose class is made for it alone.
    """
    return "forward" not in vars(module) and not isinstance(module, GraphModule)


def release(module: nn.Module) -> None:
    """Give a module the class back that it had, in place: its upsamplers stay, unused."""
    if isinstance(module, Redirecting):
        cast(Any, module).__class__ = module.redirected_base


def hold(module: nn.Module) -> nn.ModuleDict:
    """Make a module redirect its calls, in place; gives the dict, empty at first, of its upsamplers."""
    if not isinstance(module, Redirecting):
        module.__class__ = _redirected(type(module))
        module.add_module(HELD, nn.ModuleDict())
    return cast(nn.ModuleDict, module.get_submodule(HELD))


def held(module: nn.Module) -> frozenset[int]:
    """Which calls of a module's own `forward` upsamplers answer."""
    return frozenset(map(int, hold(module))) if isinstance(module, Redirecting) else frozenset()


@functools.cache
def _redirected(base: type[nn.Module]) -> type[nn.Module]:
    # Whatever the base takes is passed on: its signature is not ours to know.
    @functools.wraps(base.forward)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with Redirect(getattr(self, HELD)):
            return base.forward(self, *args, **kwargs)

    def reduce_ex(self: Any, protocol: Any) -> tuple[Any, ...]:
        # A class made while running cannot be imported, so pickles name the one that it was made of.
        return _rebuild, (base,), self.__getstate__()

    # Named as the base: some libraries look settings up by the name of a class.
    names = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    members = {"redirected_base": base, "forward": forward, "__reduce_ex__": reduce_ex}
    return type(base.__name__, (Redirecting, base), {**names, **members})


def _rebuild(base: type[nn.Module]) -> nn.Module:
    redirected = _redirected(base)
    return redirected.__new__(redirected)
