"""Learned upsampling in anybody's model: find what it enlarges, and put an upsampler there."""

from dysample.models.swap.auditing import audit
from dysample.models.swap.site import Audit, Site
from dysample.models.swap.swapping import SwapReport, SwapRow, swap_upsamplers

__all__ = ["Audit", "Site", "SwapReport", "SwapRow", "audit", "swap_upsamplers"]
