"""Learned upsampling in anybody's model: find what it enlarges, and put an upsampler there.

`audit` is the function, although the module that defines it is called the same.
"""

from dysample.swap.audit import audit
from dysample.swap.files import FileAudit, FileSite, read_model_file
from dysample.swap.modules import Enlargement
from dysample.swap.site import Audit, Site
from dysample.swap.swap import SwapReport, SwapRow, swap_upsamplers

__all__ = [
    "Audit",
    "Enlargement",
    "FileAudit",
    "FileSite",
    "Site",
    "SwapReport",
    "SwapRow",
    "audit",
    "read_model_file",
    "swap_upsamplers",
]
