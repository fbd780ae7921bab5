"""Whether torch is executing operations, recording them, or transforming them."""

import torch
from torch._C import (
    _are_functorch_transforms_active,  # pyright: ignore[reportPrivateUsage]
    _len_torch_dispatch_stack,  # pyright: ignore[reportPrivateUsage]
)
from torch._C._functorch import TransformType, get_interpreter_stack
from torch.autograd import forward_ad


def is_traced() -> bool:
    """Return whether torch is recording operations, to compile or export them."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]


def is_for_elsewhere() -> bool:
    """Whether operations are recorded to be run in other runtimes, where our operators may not exist."""
    return torch.compiler.is_exporting() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]


def is_observed() -> bool:
    """Return whether operations pass through a dispatch mode or a transform of `torch.func`.

    Among the modes are counters, `make_fx` and fake tensors. Tensors that are made meanwhile may be none that
    later calls can use.
    """
    return _len_torch_dispatch_stack() > 0 or _are_functorch_transforms_active() or _is_forward()


def is_transformed() -> bool:
    """Return whether `torch.func` transforms the running function: `vmap`, `grad`, `jvp`, `functionalize`."""
    return _are_functorch_transforms_active()


def needs_elementary() -> bool:
    """Return whether a transform knows only PyTorch's elementary operations, and no functions of ours.

    That is so for derivatives in forward mode, as in `torch.func.jvp` and `jacfwd`, and for `functionalize`.
    """
    return _is_forward() or (
        _are_functorch_transforms_active()
        and any(level.key() == TransformType.Functionalize for level in get_interpreter_stack() or ())
    )


def _is_forward() -> bool:
    """Return whether derivatives are computed in forward mode, with `torch.func` or without."""
    return forward_ad._current_level >= 0  # pyright: ignore[reportPrivateUsage]
