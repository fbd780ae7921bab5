"""A comparison of label maps as panes: which picture lies over the photograph, and the lines beside it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from app.records import Compared, Comparison, Layer, Legend, LegendEntry
from app.settings import Show
from app.shared.drawing import class_png, mask_png
from app.theme import CHANGED, WRONG, class_colours
from dysample.models.tasks import Labels, Task
from dysample.scores.segmentation import Difference

IGNORE = 255


def sentence(task: Task) -> str:
    """What a task's networks answer with."""
    return f"This network answers with {', '.join(task.classes)}, whatever it sees."


def panes(comparison: Comparison[Labels], show: Show) -> tuple[Layer, ...]:
    """One layer for each upsampler, and the truth as well where it is known and classes are shown."""
    layers = tuple(_pane(comparison, each, show) for each in comparison.compared)
    truth = comparison.picture.truth
    if truth is None or show != "answers":
        return layers
    colours = class_colours(comparison.task.classes)
    return (
        *layers,
        Layer("Truth", "Labels of the picture itself", class_png(truth.classes, colours), "True classes"),
    )


def _pane(comparison: Comparison[Labels], each: Compared[Labels], show: Show) -> Layer:
    labels, truth = each.answer.annotation.classes, comparison.picture.truth
    if show == "changes":
        mask = labels != comparison.reference.classes
        alt = f"Pixels where {each.label} differs from {comparison.reference_label}"
        return Layer(each.label, changed_note(each, comparison.reference_label), mask_png(mask, CHANGED), alt)
    if show == "errors" and truth is not None:
        mask = wrong(labels, truth.classes)
        known = max(1, int((truth.classes != IGNORE).sum()))
        note = f"{100 * mask.sum() / known:.1f} % of the labelled pixels are wrong"
        return Layer(each.label, note, mask_png(mask, WRONG), f"Pixels that {each.label} gets wrong")
    colours = class_colours(comparison.task.classes)
    alt = f"Classes with {each.label}: {', '.join(_present(labels, comparison.task.classes))}"
    return Layer(each.label, changed_note(each, comparison.reference_label), class_png(labels, colours), alt)


def changed_note(each: Compared[Labels], reference_label: str) -> str:
    """How much of the picture differs from the reference, in words."""
    if not isinstance(each.difference, Difference):
        return "The reference that the others are held against"
    return f"{100 * each.difference.share:.2f} % of pixels differ from {reference_label}"


def wrong(labels: UInt8[np.ndarray, "h w"], truth: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The labelled pixels that have another class than the truth."""
    return (labels != truth) & (truth != IGNORE)


def legend(comparison: Comparison[Labels], show: Show) -> Legend:
    """What the colours mean: the classes that occur, commonest first, or the one marked colour."""
    if show == "changes":
        return Legend((LegendEntry(f"differs from {comparison.reference_label}", CHANGED),))
    if show == "errors":
        return Legend((LegendEntry("wrong class", WRONG),))
    maps = [each.answer.annotation.classes for each in comparison.compared]
    if comparison.picture.truth is not None:
        maps.append(comparison.picture.truth.classes)
    counts = sum(np.bincount(labels.ravel(), minlength=256) for labels in maps)
    colours = class_colours(comparison.task.classes)
    order = [
        int(index) for index in np.argsort(-np.asarray(counts), kind="stable") if np.asarray(counts)[index]
    ]
    names = comparison.task.classes
    return Legend(tuple(LegendEntry(names[index], colours[index]) for index in order if index != IGNORE))


def _present(labels: UInt8[np.ndarray, "h w"], classes: Sequence[str]) -> list[str]:
    counts = np.bincount(labels.ravel(), minlength=len(classes))
    return [classes[int(index)] for index in np.argsort(-counts) if counts[index]]
