"""Colours of the app: class palettes and the few accents that figures use."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from plotly.colors import get_colorscale, sample_colorscale

CHANGED = "#E69F00"  # Okabe-Ito orange: stands out on photographs and on grey
WRONG = "#D55E00"  # Okabe-Ito vermilion
IGNORED = "#7F7F7F"
ACROSS = "#0072B2"  # Okabe-Ito blue: what belongs to x
DOWN = "#D55E00"  # Okabe-Ito vermilion: what belongs to y
MARGINAL = "#009E73"  # Okabe-Ito green: the marginal scope 1/(2s)

# Neighbouring classes differ in lightness as well as hue, so that they can be told apart without
# colour vision; the commonest classes have the colours of Okabe and Ito.
_CLASS_COLOURS = {
    "sky": "#56B4E9",
    "building": "#8C6D5A",
    "pole": "#F0E442",
    "road": "#5B4B8A",
    "pavement": "#CC79A7",
    "tree": "#009E73",
    "signsymbol": "#E69F00",
    "fence": "#DDCC99",
    "car": "#0072B2",
    "pedestrian": "#D55E00",
    "bicyclist": "#882255",
    "background": "#3B3B3B",
    "person": "#D55E00",
    "cat": "#E69F00",
    "cow": "#F0E442",
    "dog": "#56B4E9",
    "horse": "#009E73",
    "sheep": "#CC79A7",
    "bird": "#0072B2",
    "aeroplane": "#88CCEE",
    "bicycle": "#117733",
    "boat": "#332288",
    "bottle": "#44AA99",
    "bus": "#AA4499",
    "chair": "#999933",
    "diningtable": "#882255",
    "motorbike": "#DDCC77",
    "pottedplant": "#66CC66",
    "sofa": "#6699CC",
    "train": "#661100",
    "tvmonitor": "#AA4466",
}
# For tasks with classes that have no colour of their own.
_SPARE_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")


def class_colours(classes: Sequence[str]) -> tuple[str, ...]:
    """One colour, ``#rrggbb``, for each class name."""
    return tuple(
        _CLASS_COLOURS.get(name, _SPARE_COLOURS[index % len(_SPARE_COLOURS)])
        for index, name in enumerate(classes)
    )


def sequential_colours() -> UInt8[np.ndarray, "256 3"]:
    """From little to much, perceptually uniform (Viridis): saturated, to be read on grey maps."""
    return _sampled("Viridis")


def cyclic_colours() -> UInt8[np.ndarray, "256 3"]:
    """Angles, perceptually uniform (cmocean's phase): the last colour meets the first."""
    return _sampled("phase")


def _sampled(name: str) -> UInt8[np.ndarray, "256 3"]:
    shades = sample_colorscale(get_colorscale(name), list(np.linspace(0, 1, 256)), colortype="tuple")
    return np.round(255 * np.array(shades)).astype(np.uint8)
