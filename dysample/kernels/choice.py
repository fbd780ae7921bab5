"""The choice of implementation, made here alone, once per call; and which ones this process can use.

`read` reads a map at given points; `upsample` also predicts the points.
"""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.fx import Proxy

from dysample.kernels import exported, operator, plain
from dysample.kernels.native import LANES
from dysample.kernels.operator import KERNELS
from dysample.tracing import is_for_elsewhere, is_observed, is_traced, needs_elementary

Implementation = Literal["auto", "plain", "native", "triton"]
VARIABLE = "DYSAMPLE_KERNEL"


def upsample(
    x: Float[Tensor, "b c h w"],
    initial: Float[Tensor, "1 1 2 H W"],
    offset: nn.Conv2d,
    scope: nn.Conv2d | None,
    *,
    factor: float,
    scale: int,
    groups: int,
) -> Float[Tensor, "b c H W"] | None:
    """Enlarge a map as DySample does (Eqs. 1-5), in compiled code, if nobody needs the separate steps.

    Args:
        x: The low-res map.
        initial: Initial positions of the points.
        offset: Convolution that predicts offsets. If it has fewer inputs than the map has channels, the
            channels of a pixel are distributed over its sub-positions (PL).
        scope: Convolution that predicts scopes; None for a static scope.
        factor: Static scope, or the initial value of a dynamic scope.
        scale: Enlargement s.
        groups: Groups of channels.

    Returns:
        The enlarged map, or None if torch or the user has to see the steps; the caller then runs them.
    """
    if not fuses(x, initial, offset, scope):
        return None
    scope_weights = (None, None) if scope is None else (scope.weight, scope.bias)
    points = operator.decide(x, offset.weight, offset.bias, *scope_weights, initial, factor, scale, groups)
    return operator.sample(x, points, "native")


def fuses(x: Tensor, initial: Tensor, *linears: nn.Conv2d | None) -> bool:
    """Return whether compiled code may replace the convolutions and everything after them.

    Compiled code has no derivatives, does not exist in other runtimes, and bypasses hooks and autocast.
    Counters, transforms and torch.fx have to see the operations, and the user may have asked for PyTorch's
    own functions.
    """
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or is_for_elsewhere():
        return False
    if not is_traced() and (is_observed() or isinstance(x, Proxy)):
        return False
    for linear in linears:
        if linear is not None and not _is_plain(linear):
            return False
    return choose(x, initial, None) == "native"


def _is_plain(linear: nn.Conv2d) -> bool:
    """Return whether a module is still an unmodified convolution without hooks."""
    hooks: Any = linear._forward_hooks or linear._forward_pre_hooks  # pyright: ignore[reportPrivateUsage]
    return type(linear) is nn.Conv2d and not hooks


def read(
    x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"], implementation: Implementation | None
) -> Float[Tensor, "b c H W"]:
    """Read a map at points with the implementation that `choose` returns.

    `torch.compile` sees a single operator even for the plain implementation: it would otherwise decompose
    `grid_sample`, which is several times slower on the CPU. Transforms that know none of the
    implementations, such as derivatives in forward mode, see elementary operations.

    Raises:
        ValueError: There is no such implementation, or it cannot be used; the message says why.
    """
    name = choose(x, points, implementation)
    if name == "plain" and is_for_elsewhere():
        return exported.read(x, points)
    if is_traced():
        return operator.sample(x, points, name)
    if needs_elementary():
        return plain.gather(x, points)
    return plain.read(x, points) if name == "plain" else operator.read(x, points, name)


def choose(
    x: Float[Tensor, "b c h w"], points: Float[Tensor, "#b g 2 H W"], implementation: Implementation | None
) -> str:
    """Return the name of the implementation that reads a map.

    Args:
        x: The low-res map.
        points: Where to read it, in the dtype of the computation.
        implementation: Name of the one to use; "auto" for the fastest that can read the map; None for the
            value of the environment variable DYSAMPLE_KERNEL, or "auto" if it is not set. The variable
            applies to all maps of a program, so maps that its choice cannot read fall back to "auto".

    Raises:
        ValueError: There is no such implementation, or it cannot be used; the message says why.
    """
    if implementation is None:
        wish = environment()
        if wish != "auto":
            check_implementation(wish, f"the environment variable {VARIABLE}")
            if not is_for_elsewhere() and KERNELS[wish].why_not_for(x, points) is None:
                return wish
    elif implementation != "auto":
        check_implementation(implementation, "implementation")
        reason = KERNELS[implementation].why_not_for(x, points)
        if reason is not None:
            raise ValueError(f"implementation={implementation!r} cannot read this map, because {reason}")
        return implementation
    if is_for_elsewhere():
        return "plain"
    return next(name for name, kernel in KERNELS.items() if kernel.why_not_for(x, points) is None)


def check_implementation(name: str, what: str) -> None:
    """Check that an implementation exists and can be used in this process.

    Raises:
        ValueError: The message begins with `what` and says why.
    """
    if name != "auto" and name not in KERNELS:
        raise ValueError(f"{what} must be one of {', '.join(('auto', *KERNELS))}, got {name!r}")
    reason = None if name == "auto" else KERNELS[name].why_not()
    if reason is not None:
        raise ValueError(f"{what} is {name!r}, which is not available, because {reason}")


def environment() -> str:
    """Return the value of the environment variable DYSAMPLE_KERNEL, or "auto" if it is not set."""
    return os.environ.get(VARIABLE) or "auto"


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether an implementation can be used in this process.

    Attributes:
        name: Name for `sample` and the environment variable DYSAMPLE_KERNEL.
        reason: Why it is not available, to follow "because"; None if it is.
    """

    name: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Info:
    """Versions and implementations, in a form to print.

    Attributes:
        dysample: Version of this package.
        torch: Version of PyTorch.
        python: Version of Python.
        threads: Threads that PyTorch uses.
        wish: Value of the environment variable DYSAMPLE_KERNEL; "auto" if it is not set.
        implementations: All implementations, the fastest first; a map is read by the first available one
            that can read it.
        instructions: Instruction sets of the native implementation that this processor has, from narrow
            to wide vectors.
    """

    dysample: str
    torch: str
    python: str
    threads: int
    wish: str
    implementations: tuple[Availability, ...]
    instructions: tuple[str, ...]

    def __str__(self) -> str:
        """Return a few lines to read."""
        lines = [f"dysample-lab {self.dysample}, PyTorch {self.torch}, Python {self.python}"]
        lines.append(f"{VARIABLE}={self.wish}, threads: {self.threads}")
        for row in self.implementations:
            state = "available" if row.reason is None else f"not available, because {row.reason}"
            sets = f" ({', '.join(self.instructions)})" if row.name == "native" and self.instructions else ""
            lines.append(f"{row.name}: {state}{sets}")
        return "\n".join(lines)


def info() -> Info:
    """Return versions, the available implementations of point sampling, and why others are not available."""
    return Info(
        dysample=version("dysample-lab"),
        torch=str(torch.__version__),
        python=platform.python_version(),
        threads=torch.get_num_threads(),
        wish=environment(),
        implementations=tuple(Availability(name, kernel.why_not()) for name, kernel in KERNELS.items()),
        instructions=tuple(LANES),
    )
