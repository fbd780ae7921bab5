"""Learned upsampling in anybody's model: find what it enlarges, and put an upsampler there."""

from dysample.swap.audit import audit
from dysample.swap.site import Audit, Site
from dysample.swap.swap import SwapReport, SwapRow, swap_upsamplers

__all__ = ["Audit", "Site", "SwapReport", "SwapRow", "audit", "swap_upsamplers"]
