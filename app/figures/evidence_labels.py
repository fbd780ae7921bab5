"""Where the names of marks stand, so that neighbours do not cover each other's."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

_SIDES = ("middle right", "middle left", "top center", "bottom center")
_SHIFTS = np.array([[0.11, 0.0], [-0.11, 0.0], [0.0, 0.055], [0.0, -0.055]])  # shares of the axes
_WIDTH, _HEIGHT = 0.2, 0.055  # of a name, in shares of the axes of a figure of middling width


def label_positions(places: Sequence[tuple[float, float]]) -> list[str]:
    """A side of its mark for each name: the first that is free of names and marks, else the least covered.

    Args:
        places: Of the marks, in the units of the axes, which are taken to be linear.
    """
    if not places:
        return []
    marks = np.array(places)
    extent = np.ptp(marks, axis=0)
    marks = (marks - marks.min(axis=0)) / np.where(extent > 0, extent, 1.0)
    centres = np.full_like(marks, np.inf)
    chosen = [""] * len(places)
    for index in np.argsort(-marks[:, 1]):  # from the top
        candidates = marks[index] + _SHIFTS
        others = np.delete(marks, index, 0)
        near = [_covered(each, others, _WIDTH / 2) + _covered(each, centres, _WIDTH) for each in candidates]
        side = int(np.argmin(near))
        centres[index], chosen[index] = candidates[side], _SIDES[side]
    return chosen


def _covered(centre: Float64[np.ndarray, " 2"], others: Float64[np.ndarray, "n 2"], width: float) -> float:
    """How much a name at this place covers of the others: 1 for each that it lies on, less farther off."""
    apart = np.abs(others - centre) / (width, _HEIGHT)
    return float(np.clip(1 - apart.max(axis=1, initial=0.0), 0, None).sum())
