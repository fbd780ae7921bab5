"""A comparison of label maps as panes: the layer over the photograph, its note and the legend."""

from collections.abc import Sequence
from math import floor

import numpy as np
from jaxtyping import Bool, UInt8

from app.records import Compared, Comparison, Layer, Legend, LegendEntry
from app.settings import Show
from app.shared.drawing import class_png, mask_png
from app.theme import CHANGED, WRONG, class_colours
from dysample.models.annotations import Labels
from dysample.models.tasks import Task
from dysample.scores.panoptic import PanopticDifference
from dysample.scores.segmentation import Difference

IGNORE = 255
NEXT_TO_NOTHING = 0.98  # share of the background from which on a picture counts as empty
_PRESENT = 0.01  # share of a picture from which on a class counts as found
_NOTHING = "background"


def sentence(task: Task) -> str:
    """Return a sentence on the output of a task's networks."""
    return (
        f"It can only answer with these {len(task.classes)} classes: {', '.join(task.classes)}. "
        "Anything else is forced into one of them."
    )


def differs(difference: Difference | PanopticDifference) -> str:
    """Return how much two label maps differ, in words."""
    return f"on {100 * difference.share:.1f} % of the pixels"


def same(difference: Difference | PanopticDifference) -> bool:
    """Return whether two label maps are alike."""
    return not difference.share


def found(task: Task, labels: Labels) -> int:
    """Return the number of classes that cover a hundredth of the picture or more; background is none."""
    shares = np.bincount(labels.classes.ravel(), minlength=256)[: len(task.classes)] / labels.classes.size
    named = [name for name, share in zip(task.classes, shares, strict=True) if share >= _PRESENT]
    return len([name for name in named if name != _NOTHING])


def empty(task: Task, labels: Labels) -> str:
    """Return how much of a label map is background if it is nearly all; else nothing."""
    if _NOTHING not in task.classes:
        return ""
    share = float((labels.classes == task.classes.index(_NOTHING)).mean())
    # Rounded down: "100 %" would deny the few pixels that are something.
    return f"{floor(1000 * share) / 10:.1f} % background" if share > NEXT_TO_NOTHING else ""


def panes(comparison: Comparison[Labels], show: Show) -> tuple[Layer, ...]:
    """Return a layer per upsampler, then one of the truth if it is known and classes are shown."""
    layers = tuple(_pane(comparison, row, show) for row in comparison.compared)
    truth = comparison.picture.truth
    if truth is None or show != "answers":
        return layers
    colours = class_colours(comparison.task.classes)
    return (
        *layers,
        Layer("Truth", "Labels of the picture itself", class_png(truth.classes, colours), "True classes"),
    )


def _pane(comparison: Comparison[Labels], row: Compared[Labels], show: Show) -> Layer:
    labels, truth = row.answer.annotation.classes, comparison.picture.truth
    if show == "changes":
        mask = labels != comparison.reference.classes
        alt = f"Pixels where {row.label} differs from {comparison.reference_label}"
        return Layer(row.label, changed_note(row, comparison.reference_label), mask_png(mask, CHANGED), alt)
    if show == "errors" and truth is not None:
        mask = wrong(labels, truth.classes)
        known = max(1, int((truth.classes != IGNORE).sum()))
        note = f"{100 * mask.sum() / known:.1f} % of the labelled pixels are wrong"
        return Layer(row.label, note, mask_png(mask, WRONG), f"Pixels that {row.label} gets wrong")
    colours = class_colours(comparison.task.classes)
    alt = f"Classes with {row.label}: {', '.join(_present(labels, comparison.task.classes))}"
    return Layer(row.label, changed_note(row, comparison.reference_label), class_png(labels, colours), alt)


def changed_note(row: Compared[Labels], reference_label: str) -> str:
    """Return a note on how much of the picture differs from the reference."""
    if not isinstance(row.difference, Difference):
        return "The reference that the others are compared with"
    return f"{100 * row.difference.share:.2f} % of pixels differ from {reference_label}"


def wrong(labels: UInt8[np.ndarray, "h w"], truth: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return a mask of the labelled pixels whose class is not the true one."""
    return (labels != truth) & (truth != IGNORE)


def legend(comparison: Comparison[Labels], show: Show) -> Legend:
    """Return the legend: the classes that occur, commonest first, or the one marked colour."""
    if show == "changes":
        return Legend((LegendEntry(f"differs from {comparison.reference_label}", CHANGED),))
    if show == "errors":
        return Legend((LegendEntry("wrong class", WRONG),))
    maps = [row.answer.annotation.classes for row in comparison.compared]
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
