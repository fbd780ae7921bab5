"""What figures share: a layout without colours of its own, and label maps and masks as lossless PNG."""

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
_ZLIB_LEVEL = 1  # a third larger than the default, many times faster


def plain(
    height: int, *, above: int = 10, below: int = 10, left: int = 10, right: int = 10, legend: bool = False
) -> Part:
    """Return a layout with a transparent background and text in the colours of the theme.

    Args:
        height: Height of the figure in CSS pixels.
        above: Margin above the axes in CSS pixels, for titles and the legend.
        below: Margin below.
        left: Margin to the left; axes take what they need.
        right: Margin to the right.
        legend: Whether to show a legend along the upper edge.
    """
    return {
        "height": height,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": {"l": left, "r": right, "t": above, "b": below, "pad": 0},
        "showlegend": legend,
        "legend": LEGEND,
    }


def picture_trace(image: UInt8[np.ndarray, "h w 3"], *, pixel: float) -> go.Image:
    """Return a picture as a trace whose pixels are squares of side `pixel`, from (0, 0) on."""
    source = png_data_uri(photo_png(image))
    return go.Image(source=source, x0=pixel / 2, y0=pixel / 2, dx=pixel, dy=pixel, hoverinfo="skip")


def photo_png(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Return a photograph as PNG."""
    return _png(Image.fromarray(image))


def class_png(labels: UInt8[np.ndarray, "h w"], colours: Sequence[str]) -> bytes:
    """Return a palette PNG whose indices are the classes; 255 is transparent.

    Args:
        labels: Class indices, 255 where there is none.
        colours: ``#rrggbb`` of each class.
    """
    return _png(class_image(labels, colours), transparency=255)


def class_image(labels: UInt8[np.ndarray, "h w"], colours: Sequence[str]) -> Image.Image:
    """Return a picture whose palette indices are the classes."""
    picture = Image.fromarray(labels)
    palette = [channel for colour in colours for channel in ImageColor.getrgb(colour)[:3]]
    picture.putpalette(palette + [127] * (768 - len(palette)))
    return picture


def mask_png(mask: Bool[np.ndarray, "h w"], colour: str) -> bytes:
    """Return a mask as a palette PNG: `colour` where it is true, transparent elsewhere."""
    picture = class_image(np.where(mask, 0, 255).astype(np.uint8), [colour])
    return _png(picture, transparency=255)


def _png(picture: Image.Image, transparency: int | None = None) -> bytes:
    target = io.BytesIO()
    options = {} if transparency is None else {"transparency": transparency}
    picture.save(target, "PNG", compress_level=_ZLIB_LEVEL, **options)
    return target.getvalue()
