"""Training and evaluation: the only place that knows data sets."""
