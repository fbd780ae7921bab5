"""The table of implementations, and which of them reads a given map."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.kernels import native, plain, triton
from dysample.kernels.native import LANES

Implementation = Literal["auto", "plain", "native", "triton"]
VARIABLE = "DYSAMPLE_KERNEL"


class Kernel(Protocol):
    """What a module of this package offers. `FOLLOWS_LAYOUT`: results are stored as the map is."""

    FOLLOWS_LAYOUT: bool

    def why_not(self) -> str | None:
        """Why it cannot be used in this process, or None."""
        ...

    def why_not_for(self, x: Tensor, points: Tensor) -> str | None:
        """Why it cannot read this map at these points, or None."""
        ...

    def read(self, x: Tensor, points: Tensor) -> Tensor:
        """Read the map."""
        ...

    def gradients(self, slope: Tensor, x: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of the map and of the points."""
        ...


# The first that can is taken; the last always can.
KERNELS: dict[str, Kernel] = {"native": native, "triton": triton, "plain": plain}


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
    if for_other_runtimes():
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


def is_opaque(name: str) -> bool:
    """Whether torch must see one operator instead of what an implementation does.

    Compiled code would take `grid_sample` apart, which makes it several times slower on the CPU.
    """
    compiling = torch.compiler.is_compiling()  # pyright: ignore[reportPrivateImportUsage]
    return name != "plain" or (compiling and not for_other_runtimes())


def for_other_runtimes() -> bool:
    """Whether the operations are recorded to be run elsewhere, where our operator may not exist."""
    exporting = torch.compiler.is_exporting()  # pyright: ignore[reportPrivateImportUsage]
    return exporting or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]


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
