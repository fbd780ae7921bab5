"""The machine and the versions behind a measurement."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

# Prefixes of variables that change the allocation of memory or the use of threads.
_SETTINGS = ("MALLOC_", "GLIBC_TUNABLES", "THP_", "LD_PRELOAD", "OMP_", "MKL_", "KMP_", "PYTORCH_")


@dataclass(frozen=True, slots=True)
class Machine:
    """Machine and software of a measurement.

    Attributes:
        processor: Model of the CPU.
        cores: Logical CPU cores that this process may use.
        accelerator: Name of the measured CUDA device; empty for the CPU.
        load: Average number of running processes in the minute before; None if unknown.
        system: Operating system.
        python: Version of Python.
        torch: Version of PyTorch.
        dysample: Version of this package.
        environment: Variables that set allocator and threads, as ``NAME=value``.
    """

    processor: str
    cores: int
    accelerator: str
    load: float | None
    system: str
    python: str
    torch: str
    dysample: str
    environment: tuple[str, ...]


def this_machine(device: torch.device) -> Machine:
    """Describe this machine in its current state.

    Args:
        device: Device to be measured.
    """
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        accelerator=torch.cuda.get_device_name(device) if device.type == "cuda" else "",
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        torch=torch.__version__,
        dysample=version("dysample-lab"),
        environment=tuple(
            f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(_SETTINGS)
        ),
    )


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"
