"""What is installed here, and which implementations read maps."""

import platform
from dataclasses import dataclass
from importlib.metadata import version

import torch

from dysample.kernels.choice import KERNELS, VARIABLE, environment
from dysample.kernels.library import LANES


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
