"""Which implementation serves a call: the one place that decides, once for every call.

`read` reads a map at points that are given, `upsample` decides on the points as well.
"""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.kernels import operator, plain
from dysample.kernels.native import LANES
from dysample.kernels.operator import KERNELS
from dysample.tracing import is_for_elsewhere, is_traced

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
    """Enlarge a map as DySample does (Eqs. 1-5) without its steps, where nobody can tell the difference.

    Args:
        x: The low-res map.
        initial: Where the points start.
        offset: Predicts offsets; with fewer inputs than the map has channels, from the channels of a
            pixel, dealt out to its places (PL).
        scope: Predicts scopes; None for static ones.
        factor: Static scope, or the value at which dynamic ones start.
        scale: Enlargement s.
        groups: Groups of channels.

    Returns:
        The enlarged map; None where torch or the user has to see the steps, which are then the caller's.
    """
    if not fuses(x, initial, offset, scope):
        return None
    scope_weights = (None, None) if scope is None else (scope.weight, scope.bias)
    points = operator.decide(x, offset.weight, offset.bias, *scope_weights, initial, factor, scale, groups)
    return operator.sample(x, points, "native")


def fuses(x: Tensor, initial: Tensor, *linears: nn.Conv2d | None) -> bool:
    """Whether compiled code may stand for the convolutions and all that follows them.

    It has no derivatives, is unknown to other runtimes and not seen by hooks or autocast; and the user
    may want PyTorch's own functions.
    """
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or is_for_elsewhere():
        return False
    for linear in linears:
        if linear is not None and not _is_plain(linear):
            return False
    return not _has_tangent(x) and choose(x, initial, None) == "native"


def _is_plain(linear: nn.Conv2d) -> bool:
    """Whether a module is the convolution that was built, and nobody listens to it."""
    hooks: Any = linear._forward_hooks or linear._forward_pre_hooks  # pyright: ignore[reportPrivateUsage]
    return type(linear) is nn.Conv2d and not hooks and not _has_tangent(linear.weight)


def _has_tangent(tensor: Tensor) -> bool:
    """Whether somebody differentiates forward; compiled code does not."""
    return not is_traced() and operator.is_tracked(tensor)


def read(
    x: Float[Tensor, "b c h w"], points: Float[Tensor, "b g 2 H W"], implementation: Implementation | None
) -> Float[Tensor, "b c H W"]:
    """Read a map at points, by the implementation that `choose` names.

    Compiled code sees one operator even of PyTorch's own functions: it would take `grid_sample` apart,
    which makes it several times slower on the CPU.

    Raises:
        ValueError: As `choose`.
    """
    name = choose(x, points, implementation)
    if name == "plain" and (is_for_elsewhere() or not is_traced()):
        return plain.read(x, points)
    return operator.read(x, points, name)


def choose(
    x: Float[Tensor, "b c h w"], points: Float[Tensor, "#b g 2 H W"], implementation: Implementation | None
) -> str:
    """Name the implementation that reads a map.

    Args:
        x: The low-res map.
        points: Where to read it, in the dtype to compute in.
        implementation: One that must serve; "auto" for the fastest that can; None for what the
            environment variable DYSAMPLE_KERNEL says, and "auto" if it says nothing. The variable
            speaks for all maps of a program, so those that its choice cannot read are left to others.

    Raises:
        ValueError: There is no such implementation, or it cannot serve; the message says why.
    """
    if implementation is None:
        wish = environment()
        if wish != "auto":
            check_implementation(wish, f"the environment variable {VARIABLE}")
            if KERNELS[wish].why_not_for(x, points) is None:
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
    """Refuse an implementation that does not exist, or not in this process.

    Raises:
        ValueError: The message begins with `what` and says why.
    """
    if name != "auto" and name not in KERNELS:
        raise ValueError(f"{what} must be one of {', '.join(('auto', *KERNELS))}, got {name!r}")
    reason = None if name == "auto" else KERNELS[name].why_not()
    if reason is not None:
        raise ValueError(f"{what} is {name!r}, which is not there, because {reason}")


def environment() -> str:
    """What the environment variable asks for."""
    return os.environ.get(VARIABLE) or "auto"


# What is installed here, and which implementations read maps.


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether an implementation can be used in this process.

    Attributes:
        name: As `sample` and the environment variable DYSAMPLE_KERNEL know it.
        reason: Why it is not there, to follow "because"; None if it is.
    """

    name: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Info:
    """Versions and implementations; `print` shows them.

    Attributes:
        dysample: Version of this package.
        torch: Version of PyTorch.
        python: Version of Python.
        threads: Threads that PyTorch computes with.
        wish: What the environment variable DYSAMPLE_KERNEL says; "auto" if nothing.
        implementations: Those that exist, the fastest first; of those that are there, the first that
            can read a map does.
        instructions: What the native implementation has for this processor, from narrow to wide vectors.
    """

    dysample: str
    torch: str
    python: str
    threads: int
    wish: str
    implementations: tuple[Availability, ...]
    instructions: tuple[str, ...]

    def __str__(self) -> str:
        """A few lines for people."""
        lines = [f"dysample-lab {self.dysample}, PyTorch {self.torch}, Python {self.python}"]
        lines.append(f"{VARIABLE}={self.wish}, threads: {self.threads}")
        for each in self.implementations:
            there = "there" if each.reason is None else f"not there, because {each.reason}"
            sets = f" ({', '.join(self.instructions)})" if each.name == "native" and self.instructions else ""
            lines.append(f"{each.name}: {there}{sets}")
        return "\n".join(lines)


def info() -> Info:
    """Tell versions, which implementations of the reading at points are there, and why others are not."""
    return Info(
        dysample=version("dysample-lab"),
        torch=str(torch.__version__),
        python=platform.python_version(),
        threads=torch.get_num_threads(),
        wish=environment(),
        implementations=tuple(Availability(name, kernel.why_not()) for name, kernel in KERNELS.items()),
        instructions=tuple(LANES),
    )
