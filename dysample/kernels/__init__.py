"""Implementations of the reading at points behind `dysample.geometry.sample`, and the choice among them."""
