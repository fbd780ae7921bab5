"""A comparison as one picture at print size: photograph, panes with titles, legend, caption."""

import io
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from app.records import Comparison, Layer
from app.settings import Show
from app.views.compare.kinds import drawing
from dysample.sheet import SheetPane, sheet_png


def printed(comparison: Comparison[Any], show: Show, *, opacity: float, title: str) -> bytes:
    """Return the photograph and all panes as one PNG, 180 mm wide at 300 dpi.

    Args:
        comparison: The comparison to print.
        show: The layers over the photograph.
        opacity: Opacity of the layers, 0 to 1.
        title: Name of the photograph.
    """
    photo, draw = comparison.picture.image, drawing(comparison.task)
    shown = [SheetPane("Photograph", title, photo)]
    for layer in draw.panes(comparison, show):
        shown.append(SheetPane(layer.title, layer.note, _blend(photo, layer, opacity)))
    height, width = photo.shape[:2]
    caption = (
        f"{comparison.task.title}: one encoder, heads that differ by their upsampler. "
        f"{width} by {height} px. Trained on {comparison.task.licence.partition(':')[0]}."
    )
    if comparison.threshold is not None:
        caption += f" Objects with a score of at least {comparison.threshold:g}."
    legend = draw.legend(comparison, show)
    return sheet_png(shown, legend=legend, caption=caption, columns=2 if width >= height else 3)


def _blend(photo: UInt8[np.ndarray, "h w 3"], layer: Layer, opacity: float) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(io.BytesIO(layer.png)) as picture:
        over = np.asarray(picture.convert("RGBA"), np.float32)
    weight = opacity * over[..., 3:] / 255
    # Grey, as in the viewer: no layer can have the photograph's own colour.
    grey = (photo @ np.array([0.2126, 0.7152, 0.0722]))[..., None]
    return np.round(grey * (1 - weight) + over[..., :3] * weight).astype(np.uint8)
