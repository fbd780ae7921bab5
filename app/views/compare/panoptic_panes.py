"""A comparison of panoptic maps as panes: segments with the colours of their classes, changes, or errors."""

from collections import Counter

import numpy as np
from jaxtyping import Bool

from app.records import Compared, Comparison, Layer, Legend, LegendEntry
from app.settings import Show
from app.theme import CHANGED, class_colours
from app.views.compare.marks import STRONG, Area, Frame, frame_of, marks_png
from app.views.compare.object_panes import (
    REFERENCE_NOTE,
    change_entries,
    change_marks,
    error_entries,
    error_marks,
    error_words,
    label,
    mark,
    objects_words,
)
from app.views.compare.verdicts import changes, errors
from dysample.models.annotations import Objects, Panoptic
from dysample.models.tasks import Task
from dysample.scores.panoptic import PanopticDifference, changed_segments

_NONE = 255  # class of a pixel without a segment


def sentence(task: Task) -> str:
    """Return a sentence on the output of a task's networks."""
    stuff = [name for name in task.classes if name not in task.things]
    return (
        f"This network gives every pixel to one object ({', '.join(task.things)}) or to what is around "
        f"the objects ({', '.join(stuff)})."
    )


def count(task: Task, panoptic: Panoptic) -> int:
    """Return the number of objects that are shown."""
    return len(objects(task, panoptic))


def objects(task: Task, panoptic: Panoptic) -> Objects:
    """Return the segments that are objects."""
    return panoptic.objects(tuple(index for index, name in enumerate(task.classes) if name in task.things))


def empty(task: Task, panoptic: Panoptic) -> str:
    """Return that there are no objects, if there are none."""
    return "" if count(task, panoptic) else "no object"


# --- Panes ---


def panes(comparison: Comparison[Panoptic], show: Show) -> tuple[Layer, ...]:
    """Return a layer per upsampler, then one of the truth if it is known and segments are shown."""
    whole, frame = frame_of(comparison)
    if show == "changes":
        return tuple(_changes_pane(whole, frame, row) for row in whole.compared)
    task, truth = whole.task, whole.picture.truth
    if show == "errors" and truth is not None:
        return tuple(_errors_pane(task, frame, row, truth) for row in whole.compared)
    layers = tuple(_answer_pane(whole, frame, row) for row in whole.compared)
    if truth is None:
        return layers
    alt = f"True segments: {_counted(truth, task)}"
    return (*layers, Layer("Truth", "Segments that are there", _png(truth, frame, task), alt))


def _answer_pane(comparison: Comparison[Panoptic], frame: Frame, row: Compared[Panoptic]) -> Layer:
    panoptic, task = row.answer.annotation, comparison.task
    alt = f"Segments with {row.label}: {_counted(panoptic, task)}"
    return Layer(row.label, _note(comparison, row), _png(panoptic, frame, task), alt)


def _png(panoptic: Panoptic, frame: Frame, task: Task) -> bytes:
    things, colours, classes = objects(task, panoptic), class_colours(task.classes), panoptic.labels()
    rows = range(len(things))[::-1]  # the surest one on top
    marks = [mark(things, row, colours[things.classes[row]], label=label(things, row, task)) for row in rows]
    areas = [
        Area(classes == index, colours[index])
        for index, name in enumerate(task.classes)
        if name not in task.things
    ]
    return marks_png((panoptic.height, panoptic.width), frame, marks, areas)


def _changes_pane(comparison: Comparison[Panoptic], frame: Frame, row: Compared[Panoptic]) -> Layer:
    panoptic, reference, task = row.answer.annotation, comparison.reference, comparison.task
    here, there = objects(task, panoptic), objects(task, reference)
    found = changes(here, there)
    areas = [Area(found.differs | changed_segments(panoptic, reference), CHANGED, STRONG)]
    marks = change_marks(here, there, found, task)
    picture = marks_png((panoptic.height, panoptic.width), frame, marks, areas)
    note = _note(comparison, row)
    return Layer(row.label, note, picture, f"{row.label} against {comparison.reference_label}: {note}")


def _errors_pane(task: Task, frame: Frame, row: Compared[Panoptic], truth: Panoptic) -> Layer:
    panoptic = row.answer.annotation
    here, there = objects(task, panoptic), objects(task, truth)
    found, wrong = errors(here, there), wrong_pixels(panoptic, truth)
    areas = [Area(wrong | (found.differs & known(truth)), CHANGED, STRONG)]
    marks = error_marks(here, there, found, task)
    picture = marks_png((panoptic.height, panoptic.width), frame, marks, areas)
    share = 100 * wrong.sum() / max(1, int(known(truth).sum()))
    note = f"{error_words(found)}; {share:.1f} % of pixels have a wrong class"
    return Layer(row.label, note, picture, f"Errors of {row.label}: {note}")


def known(truth: Panoptic) -> Bool[np.ndarray, "h w"]:
    """Return a mask of the pixels with a true segment that is scored."""
    return np.concatenate([[False], ~truth.crowd])[truth.segments]


def wrong_pixels(panoptic: Panoptic, truth: Panoptic) -> Bool[np.ndarray, "h w"]:
    """Return a mask of the pixels whose class is not the true one, where that is known."""
    return known(truth) & (panoptic.labels() != truth.labels())


# --- Legend and words ---


def legend(comparison: Comparison[Panoptic], show: Show) -> Legend:
    """Return the legend: the classes that occur, commonest first, or what the marks mean."""
    if show == "changes":
        return Legend(change_entries(comparison.reference_label, masks=True))
    if show == "errors":
        return Legend(error_entries(masks=True))
    comparison, _ = frame_of(comparison)
    maps = [row.answer.annotation for row in comparison.compared]
    if comparison.picture.truth is not None:
        maps.append(comparison.picture.truth)
    counts = Counter[int]()
    for panoptic in maps:
        counts.update(dict(enumerate(np.bincount(panoptic.labels().ravel(), minlength=256).tolist())))
    names, colours = comparison.task.classes, class_colours(comparison.task.classes)
    return Legend(
        tuple(
            LegendEntry(names[index], colours[index])
            for index, pixels in counts.most_common()
            if pixels and index != _NONE
        )
    )


def _note(comparison: Comparison[Panoptic], row: Compared[Panoptic]) -> str:
    total = objects_words(count(comparison.task, row.answer.annotation))
    if not isinstance(row.difference, PanopticDifference):
        return f"{total}. {REFERENCE_NOTE}"
    here, there = (objects(comparison.task, each) for each in (row.answer.annotation, comparison.reference))
    found = changes(here, there)
    return (
        f"{total}: {len(found.only_here)} only here, {len(found.only_there)} only in "
        f"{comparison.reference_label}; {100 * row.difference.share:.2f} % of pixels differ"
    )


def _counted(panoptic: Panoptic, task: Task) -> str:
    things = Counter(task.classes[index] for index in objects(task, panoptic).classes)
    words = [f"{number} {name}" for name, number in things.most_common()]
    present = np.unique(panoptic.labels())
    words += [
        task.classes[index] for index in present if index != _NONE and task.classes[index] not in task.things
    ]
    return ", ".join(words) or "none"
