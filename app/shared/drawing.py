"""What figures have in common: a layout that the page's theme shines through."""

import io
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, UInt8
from PIL import Image, ImageColor

from app.components.assets import png_data_uri

Part = dict[str, object]  # of a Plotly figure

CLEAR = "rgba(0, 0, 0, 0)"
LEGEND = {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"}


def plain(
    height: int, *, above: int = 10, below: int = 10, left: int = 10, right: int = 10, legend: bool = False
) -> Part:
    """No background, and no text with a colour of its own.

    Args:
        height: Of the figure in CSS pixels.
        above: Room above the axes in CSS pixels, for titles and the legend.
        below: Room below.
        left: Room to the left; axes take what they need.
        right: Room to the right.
        legend: Whether there is one, along the upper edge.
    """
    return {
        "height": height,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": {"l": left, "r": right, "t": above, "b": below, "pad": 0},
        "showlegend": legend,
        "legend": LEGEND,
    }


# Label maps and masks as lossless PNG: one colour a class, exactly one pixel a pixel.


_FAST = 1  # zlib level: a third larger than the default, many times faster


def picture_trace(image: UInt8[np.ndarray, "h w 3"], *, pixel: float) -> go.Image:
    """Return a picture as a trace whose pixels are squares of side `pixel`, from (0, 0) on."""
    source = png_data_uri(photo_png(image))
    return go.Image(source=source, x0=pixel / 2, y0=pixel / 2, dx=pixel, dy=pixel, hoverinfo="skip")


def photo_png(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A photograph as PNG."""
    return _png(Image.fromarray(image))


def class_png(labels: UInt8[np.ndarray, "h w"], colours: Sequence[str]) -> bytes:
    """Class indices as a palette PNG whose indices are the classes; 255 is transparent.

    Args:
        labels: Class indices, 255 where there is none.
        colours: ``#rrggbb`` of each class.
    """
    return _png(class_image(labels, colours), transparency=255)


def class_image(labels: UInt8[np.ndarray, "h w"], colours: Sequence[str]) -> Image.Image:
    """As `class_png`, as a picture."""
    picture = Image.fromarray(labels)
    palette = [channel for colour in colours for channel in ImageColor.getrgb(colour)[:3]]
    picture.putpalette(palette + [127] * (768 - len(palette)))
    return picture


def mask_png(mask: Bool[np.ndarray, "h w"], colour: str) -> bytes:
    """A mask as a palette PNG: `colour` where it holds, transparent elsewhere."""
    picture = class_image(np.where(mask, 0, 255).astype(np.uint8), [colour])
    return _png(picture, transparency=255)


def _png(picture: Image.Image, transparency: int | None = None) -> bytes:
    target = io.BytesIO()
    options = {} if transparency is None else {"transparency": transparency}
    picture.save(target, "PNG", compress_level=_FAST, **options)
    return target.getvalue()
