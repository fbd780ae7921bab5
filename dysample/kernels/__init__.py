"""Implementations of point sampling, which `dysample.geometry.sample` calls, and the choice among them."""

from dysample.kernels.choice import Availability, Implementation, Info, info
from dysample.kernels.exported import export_options

__all__ = ["Availability", "Implementation", "Info", "export_options", "info"]
