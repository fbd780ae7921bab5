"""How weights are coloured and written, alike in every picture of the One point page."""

import functools

import numpy as np
from jaxtyping import Float
from plotly.colors import get_colorscale, sample_colorscale

SCALE = "Cividis"
TICKS = (0.0, 0.04, 0.25, 0.5, 1.0)  # 0.04 is a 5 x 5 average, 0.25 one of 2 x 2
_LIGHT = 0.47  # place on the scale from which black reads better than white


def shade(weights: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Place on the colour scale, 0 to 1: the square root, that the small weights of large kernels show."""
    return np.sqrt(np.clip(weights, 0, 1))


def colour(weight: float) -> str:
    """The colour of a weight."""
    return _colours()[round(255 * float(shade(np.array(weight))))]


def ink(weight: float) -> str:
    """Black or white, whichever reads on a weight's colour."""
    return "#000000" if shade(np.array(weight)) > _LIGHT else "#FFFFFF"


def written(weight: float) -> str:
    """A weight with two decimals, the zero before the point left out."""
    text = f"{weight:.2f}"
    return text[1:] if text.startswith("0.") else text


@functools.cache
def _colours() -> tuple[str, ...]:
    return tuple(map(str, sample_colorscale(get_colorscale(SCALE), list(np.linspace(0, 1, 256)))))
