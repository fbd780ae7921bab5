"""A comparison to take away as one picture at print size."""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from app.figures.kinds import drawing
from app.figures.sheet import SheetPane, sheet_png
from app.records import Comparison, Layer
from app.settings import Show


def printed(comparison: Comparison, show: Show, *, opacity: float, title: str) -> bytes:
    """The photograph and all panes as shown, as PNG at print size.

    Args:
        comparison: What is compared.
        show: What lies over the photograph.
        opacity: Of the layers, 0 to 1.
        title: Name of the photograph.
    """
    photo, draw = comparison.picture.image, drawing(comparison.task)
    shown = [SheetPane("Photograph", title, photo)]
    for layer in draw.panes(comparison, show):
        shown.append(SheetPane(layer.title, layer.note, _blend(photo, layer, opacity)))
    height, width = photo.shape[:2]
    caption = (
        f"{comparison.task.title}: one encoder, heads that differ by their upsampler. "
        f"{width} by {height} px. Trained on {comparison.task.dataset}."
    )
    legend = draw.legend(comparison, show)
    return sheet_png(shown, legend=legend, caption=caption, columns=2 if width >= height else 3)


def _blend(photo: UInt8[np.ndarray, "h w 3"], layer: Layer, opacity: float) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(io.BytesIO(layer.png)) as picture:
        over = np.asarray(picture.convert("RGBA"), np.float32)
    weight = opacity * over[..., 3:] / 255
    return np.round(photo * (1 - weight) + over[..., :3] * weight).astype(np.uint8)
