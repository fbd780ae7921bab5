"""Metrics, their statistics, and the paper's numbers."""
