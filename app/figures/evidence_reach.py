"""How far a scale goes where a few values lie so far out that the others could not be told apart."""

from collections.abc import Iterable

import numpy as np

_TYPICAL = 4  # times the median distance from zero
_FAR = 2  # times that, and a value is far out


def reach(values: Iterable[float]) -> float:
    """The greatest distance from zero, or a lesser one that leaves out what is far out; 0 without values."""
    distances = np.abs(np.array([value for value in values if np.isfinite(value)]))
    if not distances.size:
        return 0.0
    typical, most = _TYPICAL * float(np.median(distances)), float(distances.max())
    return typical if 0 < typical < most / _FAR else most
