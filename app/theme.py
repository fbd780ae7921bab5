"""Colours of the app: class palettes, colour scales and the few accents that figures use."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float64, UInt8
from plotly.colors import get_colorscale, sample_colorscale

CHANGED = "#E69F00"  # Okabe-Ito orange: stands out on photographs and on grey
WRONG = "#D55E00"  # Okabe-Ito vermilion
IGNORED = "#7F7F7F"
SAME = "#DDDDDD"  # objects that two answers have
ONLY_HERE = "#56B4E9"  # Okabe-Ito sky blue
ONLY_THERE = "#F0E442"  # Okabe-Ito yellow
FOUND = "#5BD6A5"  # Okabe-Ito green, lightened: thin lines of it have to be seen on photographs
MISSED = ONLY_THERE  # the object is not where it should be, either way
FALSE = WRONG
CONFUSED = "#CC79A7"  # Okabe-Ito purple: found, with another class
ACROSS = "#0072B2"  # Okabe-Ito blue: quantities along x
DOWN = "#D55E00"  # Okabe-Ito vermilion: quantities along y
NEARER = "#D55E00"  # Okabe-Ito vermilion: warm, as the bright near end of `depth_colours`
FARTHER = "#0072B2"  # Okabe-Ito blue: cold, as its dark far end
_NEUTRAL = "#F7F7F7"
LEVELS = 255  # shades of a scale; odd, so that a signed scale has a shade for zero itself
MARGINAL = "#009E73"  # Okabe-Ito green: the marginal scope 1/(2s)

# Of streets and everyday photographs. Neighbours differ in lightness as well as hue, so that they can be told
# apart without colour vision; the commonest classes have the colours of Okabe and Ito.
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
    "bird": "#BBCC33",
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
# For label sets with other classes. Each colour is the one farthest (CIEDE2000) from all before it, the least
# over normal vision and the three kinds of colour blindness (Machado et al. 2009), which count 1.6 times:
# any first few of them are as different as so many colours can be.
_MANY_COLOURS = (
    *("#88CCEE", "#780000", "#F0F000", "#001EFF", "#E18787", "#877800", "#00695A", "#A578F0"),
    *("#69005A", "#D20F69", "#D2F0C3", "#78B41E", "#0087A5", "#F0C378", "#694B96", "#874B0F"),
    *("#00FFF0", "#FF1EC3", "#B4785A", "#4B693C", "#4B0096", "#D296B4", "#870F3C", "#A55A87"),
    *("#96A5F0", "#4BA578", "#A50078", "#B4D22D", "#87C3A5", "#C3003C", "#B4965A", "#A5FFA5"),
    *("#87962D", "#B4B478", "#7887C3", "#963CC3", "#2D4B1E", "#5A2D4B", "#785AFF", "#FFE178"),
)
# The commonest classes of rooms first, by their share of the pixels of NYU Depth V2: these meet most often.
COMMON_INDOORS = (
    *("wall", "floor", "cabinet", "otherprop", "bed", "sofa", "chair", "door", "table", "window"),
    *("picture", "blinds", "otherfurniture", "bookshelf", "ceiling", "otherstructure", "desk", "counter"),
    *("curtain", "refrigerator", "pillow", "floor mat", "dresser", "mirror"),
)
# CIELAB values of the colours generated once these are used up.
_LIGHTNESS = np.array([36.0, 64.0, 50.0, 78.0])
_CHROMA = 48.0


def class_colours(classes: Sequence[str]) -> tuple[str, ...]:
    """Return one colour, ``#rrggbb``, for each class name, no two alike.

    Label sets whose classes all have a colour of their own keep them. Others take what they need of a long
    palette whose first colours differ most.
    """
    if all(name in _CLASS_COLOURS for name in classes):
        return tuple(_CLASS_COLOURS[name] for name in classes)
    common = [name for name in COMMON_INDOORS if name in classes]
    order = dict.fromkeys([*common, *classes])
    more = _spread(max(1, len(order) - len(_MANY_COLOURS)))
    colours = dict(zip(order, (*_MANY_COLOURS, *more), strict=False))
    return tuple(colours[name] for name in classes)


def _spread(count: int) -> tuple[str, ...]:
    """Return colours a golden angle of hue apart, in four alternating lightnesses of CIELAB."""
    turns = np.arange(count)
    angles = turns * np.pi * (3 - np.sqrt(5))
    lab = np.stack([_LIGHTNESS[turns % 4], _CHROMA * np.cos(angles), _CHROMA * np.sin(angles)], axis=-1)
    return _hexadecimal(_from_lab(lab))


def sequential_colours() -> UInt8[np.ndarray, "256 3"]:
    """Return Viridis: perceptually uniform, and saturated enough to be read on grey maps."""
    return _sampled("Viridis")


def cyclic_colours() -> UInt8[np.ndarray, "256 3"]:
    """Return cmocean's phase, for angles: perceptually uniform, and the last colour meets the first."""
    return _sampled("phase")


def depth_colours() -> tuple[str, ...]:
    """Return `LEVELS` shades of Cividis from near (bright) to far (dark): perceptually uniform."""
    return _hexadecimal(_sampled("Cividis", LEVELS)[::-1])


def signed_colours() -> tuple[str, ...]:
    """Return `LEVELS` shades from `NEARER` through a neutral grey to `FARTHER`, in equal steps of CIELAB."""
    ends = [[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in (NEARER, _NEUTRAL, FARTHER)]
    lab = cv2.cvtColor(np.array([ends], np.float32) / 255, cv2.COLOR_RGB2Lab)[0]
    places = np.linspace(0, 2, LEVELS)
    between = np.stack([np.interp(places, (0, 1, 2), lab[:, k]) for k in range(3)], axis=-1)
    return _hexadecimal(_from_lab(between))


def _from_lab(lab: Float64[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    shades = cv2.cvtColor(lab[None].astype(np.float32), cv2.COLOR_Lab2RGB)[0]
    return np.round(255 * shades.clip(0, 1)).astype(np.uint8)


def _hexadecimal(colours: UInt8[np.ndarray, "n 3"]) -> tuple[str, ...]:
    return tuple("#" + bytes(colour.tolist()).hex() for colour in colours)


def _sampled(name: str, count: int = 256) -> UInt8[np.ndarray, "n 3"]:
    shades = sample_colorscale(get_colorscale(name), list(np.linspace(0, 1, count)), colortype="tuple")
    return np.round(255 * np.array(shades)).astype(np.uint8)
