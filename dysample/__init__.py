"""Upsampling by learned point sampling: the DySample family, its hosts and its analysis.

The names below are imported when they are first used, so that `dysample --help` need not wait for torch.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING

from dysample.lazy import exports

if TYPE_CHECKING:
    from dysample.kernels import export_options, info
    from dysample.models import load_host, load_smp_segformer
    from dysample.ops import OPERATORS, DySample, build
    from dysample.swap import audit, swap_upsamplers

__version__ = version("dysample-lab")

__all__ = [
    "OPERATORS",
    "DySample",
    "__version__",
    "audit",
    "build",
    "export_options",
    "info",
    "load_host",
    "load_smp_segformer",
    "swap_upsamplers",
]

if not TYPE_CHECKING:  # a type checker that saw this `__getattr__` would accept any name
    __getattr__, __dir__ = exports(
        __name__,
        {
            "OPERATORS": "dysample.ops",
            "DySample": "dysample.ops",
            "audit": "dysample.swap",
            "build": "dysample.ops",
            "export_options": "dysample.kernels",
            "info": "dysample.kernels",
            "load_host": "dysample.models",
            "load_smp_segformer": "dysample.models",
            "swap_upsamplers": "dysample.swap",
        },
        modules=[
            *("explain", "geometry", "images", "kernels", "measure", "models", "ops", "reassembly"),
            *("scores", "swap", "training", "trial", "types"),
        ],
    )
