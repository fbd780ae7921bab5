"""Implementations of the reading at points behind `dysample.geometry.sample`, and the choice among them."""

from dysample.kernels.choice import Availability, Implementation, Info, info

__all__ = ["Availability", "Implementation", "Info", "info"]
