"""Implementations of point sampling, which `dysample.geometry.sample` calls, and the choice among them."""

from dysample.kernels.choice import Availability, Implementation, Info, info

__all__ = ["Availability", "Implementation", "Info", "info"]
