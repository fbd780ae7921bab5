"""Layers and legend of the picture on the start page."""

import numpy as np

from app.records import BeforeAfter, Layer, LegendEntry
from app.shared.drawing import class_png
from app.theme import class_colours


def layers(pictures: BeforeAfter) -> tuple[Layer, Layer]:
    """Return the answers, before and after, with their scores."""
    before, after = pictures.sides
    colours = class_colours(pictures.task.classes)
    gain = 100 * (after.miou - before.miou)
    notes = (f"mIoU {100 * before.miou:.1f}", f"mIoU {100 * after.miou:.1f} ({gain:+.1f})".replace("-", "−"))
    left, right = (
        Layer(side.label, note, class_png(side.classes, colours), f"Classes with {side.label}")
        for side, note in zip(pictures.sides, notes, strict=True)
    )
    return left, right


def legend(pictures: BeforeAfter) -> tuple[LegendEntry, ...]:
    """Return the classes on either side, commonest first."""
    found, counts = np.unique(np.stack([side.classes for side in pictures.sides]), return_counts=True)
    colours, names = class_colours(pictures.task.classes), pictures.task.classes
    return tuple(LegendEntry(names[index], colours[index]) for index in found[np.argsort(-counts)])
