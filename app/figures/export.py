"""A comparison to take away: one picture at print size, and its label maps."""

import io
import zipfile

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from app.figures.layers import class_png
from app.figures.panes import legend, panes
from app.figures.sheet import SheetPane, sheet_png
from app.records import Comparison, Layer
from app.settings import Show
from app.theme import class_colours


def printed(comparison: Comparison, show: Show, *, opacity: float, title: str) -> bytes:
    """The photograph and all panes as shown, as PNG at print size.

    Args:
        comparison: What is compared.
        show: What lies over the photograph.
        opacity: Of the layers, 0 to 1.
        title: Name of the photograph.
    """
    photo = comparison.picture.image
    shown = [SheetPane("Photograph", title, photo)]
    for layer in panes(comparison, show):
        shown.append(SheetPane(layer.title, layer.note, _blend(photo, layer, opacity)))
    height, width = photo.shape[:2]
    caption = (
        f"{comparison.task.title}: one encoder, heads that differ by their upsampler. "
        f"{width} by {height} px. Trained on {comparison.task.dataset}."
    )
    entries = [(entry.name, entry.colour) for entry in legend(comparison, show)]
    return sheet_png(shown, legend=entries, caption=caption, columns=2 if width >= height else 3)


def label_maps(comparison: Comparison) -> bytes:
    """A ZIP of palette PNGs whose indices are the classes, and the list of the classes."""
    colours = class_colours(comparison.task.classes)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for each in comparison.compared:
            archive.writestr(f"{each.name}.png", class_png(each.labelling.labels, colours))
        if comparison.picture.truth is not None:
            archive.writestr("truth.png", class_png(comparison.picture.truth, colours))
        lines = [f"{index} {name}" for index, name in enumerate(comparison.task.classes)]
        archive.writestr("classes.txt", "\n".join([*lines, "255 no label", ""]))
    return target.getvalue()


def _blend(photo: UInt8[np.ndarray, "h w 3"], layer: Layer, opacity: float) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(io.BytesIO(layer.png)) as picture:
        over = np.asarray(picture.convert("RGBA"), np.float32)
    weight = opacity * over[..., 3:] / 255
    return np.round(photo * (1 - weight) + over[..., :3] * weight).astype(np.uint8)
