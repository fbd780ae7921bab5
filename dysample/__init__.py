"""Upsampling by learned point sampling: the DySample family, its hosts and its analysis."""

from importlib.metadata import version

from dysample.kernels.choice import info
from dysample.models.smp import load_smp_segformer
from dysample.models.weights import load_host
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS, build
from dysample.swap import audit, swap_upsamplers

__version__ = version("dysample-lab")

__all__ = [
    "OPERATORS",
    "DySample",
    "__version__",
    "audit",
    "build",
    "info",
    "load_host",
    "load_smp_segformer",
    "swap_upsamplers",
]
