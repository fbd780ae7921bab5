"""A comparison of found objects as panes: boxes or masks with labels, changes, or errors."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np
from jaxtyping import Bool

from app.records import Compared, Comparison, Layer, Legend, LegendEntry
from app.settings import Show
from app.theme import CHANGED, CONFUSED, FALSE, FOUND, MISSED, ONLY_HERE, ONLY_THERE, SAME, class_colours
from app.views.compare.marks import STRONG, Area, Frame, Line, ObjectMark, frame_of, marks_png
from app.views.compare.verdicts import Changes, Errors, Roll, changes, errors, roll
from dysample.models.annotations import Objects
from dysample.models.tasks import Task
from dysample.scores.objects import ObjectDifference

_NO_LABELS = repeat("")
REFERENCE_NOTE = "The reference that the others are compared with"


def box_sentence(task: Task) -> str:
    """Return a sentence on the output of a task's networks."""
    return f"This network looks for {_either(task.things)}, and draws a box around each that it finds."


def mask_sentence(task: Task) -> str:
    """Return a sentence on the output of a task's networks."""
    return f"This network looks for {_either(task.things)}, and marks the pixels of each that it finds."


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def count(task: Task, objects: Objects) -> int:
    """Return the number of objects that are shown."""
    return len(objects)


def empty(task: Task, objects: Objects) -> str:
    """Return that there are no objects, if there are none."""
    return "" if len(objects) else "no object"


def box_differs(difference: ObjectDifference) -> str:
    """Return how much two sets of boxes differ, in words."""
    if not difference.only_here and not difference.only_there:
        return "in no object, only in the edges of boxes"
    return f"by {objects_words(difference.only_here).lower()} more and {difference.only_there} fewer"


def same(difference: ObjectDifference) -> bool:
    """Return whether two answers have the same objects."""
    return not (difference.only_here or difference.only_there or difference.share)


def mask_differs(difference: ObjectDifference) -> str:
    """Return how much two sets of masks differ, in words."""
    pixels = f"on {100 * difference.share:.1f} % of the pixels"
    if not difference.only_here and not difference.only_there:
        return pixels
    return f"{pixels}, {box_differs(difference)}"


# --- Panes ---


def panes(comparison: Comparison[Objects], show: Show) -> tuple[Layer, ...]:
    """Return a layer per upsampler, then one of the truth if it is known and answers are shown."""
    whole, frame = frame_of(comparison)
    if show == "changes":
        return tuple(_changes_pane(whole, frame, row) for row in whole.compared)
    truth = whole.picture.truth
    if show == "errors" and truth is not None:
        return tuple(_errors_pane(whole.task, frame, row, truth) for row in whole.compared)
    return _answer_panes(whole, frame)


def _answer_panes(comparison: Comparison[Objects], frame: Frame) -> tuple[Layer, ...]:
    numbered, task = _numbered(comparison), comparison.task
    colours = _colours(task, numbered, masks=comparison.reference.masks is not None)
    # The first numbers are those of the reference, the last ones of the truth, where it is known.
    layers = [
        Layer(
            row.label,
            change_note(row, comparison),
            _png(row.answer.annotation, frame, task, [colours[number] for number in numbers]),
            f"Objects with {row.label}: {_counted(row.answer.annotation, task)}",
        )
        for row, numbers in zip(comparison.compared, numbered.rows[1:], strict=False)
    ]
    truth = comparison.picture.truth
    if truth is not None:
        note, alt = "Objects that are there", f"True objects: {_counted(truth, task)}"
        picture = _png(truth, frame, task, [colours[number] for number in numbered.rows[-1]])
        layers.append(Layer("Truth", note, picture, alt))
    return tuple(layers)


def _png(objects: Objects, frame: Frame, task: Task, colours: Sequence[str]) -> bytes:
    rows = range(len(objects))[::-1]  # the surest one on top
    marks = [mark(objects, row, colours[row], label=label(objects, row, task)) for row in rows]
    return marks_png((objects.height, objects.width), frame, marks)


def _changes_pane(comparison: Comparison[Objects], frame: Frame, row: Compared[Objects]) -> Layer:
    here, there, task = row.answer.annotation, comparison.reference, comparison.task
    found = changes(here, there)
    marks, areas = change_marks(here, there, found, task), [Area(found.differs, CHANGED, STRONG)]
    picture = marks_png((here.height, here.width), frame, marks, areas)
    alt = f"{row.label} against {comparison.reference_label}: {change_words(found, comparison)}"
    return Layer(row.label, change_note(row, comparison), picture, alt)


def _errors_pane(task: Task, frame: Frame, row: Compared[Objects], truth: Objects) -> Layer:
    here = row.answer.annotation
    found = errors(here, truth)
    marks, areas = error_marks(here, truth, found, task), [Area(found.differs, CHANGED, STRONG)]
    picture, words = marks_png((here.height, here.width), frame, marks, areas), error_words(found)
    return Layer(row.label, words, picture, f"Errors of {row.label}: {words}")


def change_marks(here: Objects, there: Objects, found: Changes, task: Task) -> list[ObjectMark]:
    """Return marks that are quiet where both have an object, and strong where one lacks it."""
    return [
        *_marks(here, found.both, SAME, "thin"),
        *_marks(there, found.only_there, ONLY_THERE, "dashed", labels(there, found.only_there, task)),
        *_marks(here, found.only_here, ONLY_HERE, "bold", labels(here, found.only_here, task)),
    ]


def error_marks(here: Objects, truth: Objects, found: Errors, task: Task) -> list[ObjectMark]:
    """Return marks of what is found, missed, false, or of another class than the true one."""
    names = [task.classes[number] for number in truth.classes[found.instead]]
    confused = [
        f"{words}, is {name}" for words, name in zip(labels(here, found.confused, task), names, strict=True)
    ]
    return [
        *_marks(here, found.found, FOUND, "thin"),
        *_marks(truth, found.missed, MISSED, "dashed", labels(truth, found.missed, task)),
        *_marks(here, found.false, FALSE, "bold", labels(here, found.false, task)),
        *_marks(here, found.confused, CONFUSED, "bold", confused),
    ]


def _marks(
    objects: Objects, rows: Iterable[int], colour: str, line: Line, words: Iterable[str] = _NO_LABELS
) -> list[ObjectMark]:
    return [mark(objects, row, colour, label=text, line=line) for row, text in zip(rows, words, strict=False)]


def mark(objects: Objects, row: int, colour: str, *, label: str, line: Line = "bold") -> ObjectMark:
    """Return the mark of an object; those of a truth that are not scored are dashed."""
    left, top, right, bottom = objects.boxes[row].tolist()
    mask: Bool[np.ndarray, "h w"] | None = None if objects.masks is None else objects.masks[row]
    dashed: Line = "dashed" if objects.crowd[row] else line
    return ObjectMark((left, top, right, bottom), mask, colour, label, dashed)


def label(objects: Objects, row: int, task: Task) -> str:
    """Return class and score of an object; the class alone of one that is certain, as in a truth."""
    name, score = task.classes[objects.classes[row]], float(objects.scores[row])
    return f"{name} {score:.2f}" if score < 1 else name


def labels(objects: Objects, rows: Iterable[int], task: Task) -> list[str]:
    """Return the labels of some objects."""
    return [label(objects, row, task) for row in rows]


# --- Colours and legend ---


def legend(comparison: Comparison[Objects], show: Show) -> Legend:
    """Return the legend: classes of boxes or every object with a mask, or what the marks mean."""
    comparison, _ = frame_of(comparison)
    masks = comparison.reference.masks is not None
    if show == "changes":
        return Legend(change_entries(comparison.reference_label, masks=masks))
    if show == "errors":
        return Legend(error_entries(masks=masks))
    numbered, task = _numbered(comparison), comparison.task
    names = _names(task, numbered, masks=masks)
    entries = dict(zip(names, _colours(task, numbered, masks=masks), strict=True))
    return Legend(tuple(LegendEntry(name, colour) for name, colour in entries.items()))


def change_entries(reference: str, *, masks: bool) -> tuple[LegendEntry, ...]:
    """Return the meaning of the colours of changes."""
    entries = (
        LegendEntry("only here", ONLY_HERE),
        LegendEntry(f"only in {reference} (dashed)", ONLY_THERE),
        LegendEntry("in both", SAME),
    )
    return (*entries, LegendEntry("pixels that differ", CHANGED)) if masks else entries


def error_entries(*, masks: bool) -> tuple[LegendEntry, ...]:
    """Return the meaning of the colours of errors."""
    entries = (
        LegendEntry("found", FOUND),
        LegendEntry("missed (dashed)", MISSED),
        LegendEntry("false: nothing of the kind is there", FALSE),
        LegendEntry("wrong class", CONFUSED),
    )
    return (*entries, LegendEntry("wrong pixels", CHANGED)) if masks else entries


def _numbered(comparison: Comparison[Objects]) -> Roll:
    """Number the objects of the reference, of the panes, and of the truth."""
    truth = comparison.picture.truth
    shown = [row.answer.annotation for row in comparison.compared]
    return roll([comparison.reference, *shown, *([] if truth is None else [truth])])


def _names(task: Task, numbered: Roll, *, masks: bool) -> list[str]:
    """Return the class of each object, with a number within its class where objects differ by colour."""
    names = [task.classes[index] for index in numbered.classes]
    if not masks:
        return names
    return [f"{name} {names[: at + 1].count(name)}" for at, name in enumerate(names)]


def _colours(task: Task, numbered: Roll, *, masks: bool) -> list[str]:
    """Return the colour of each object: its own where masks could touch, else that of its class."""
    if masks:
        return list(class_colours(_names(task, numbered, masks=True)))
    colours = class_colours(task.classes)
    return [colours[index] for index in numbered.classes]


# --- Words ---


def change_note(row: Compared[Objects], comparison: Comparison[Objects]) -> str:
    """Return a note on how many objects there are, and how many of them the reference lacks."""
    total = objects_words(len(row.answer.annotation))
    if row.difference is None:
        return f"{total}. {REFERENCE_NOTE}"
    words = change_words(changes(row.answer.annotation, comparison.reference), comparison)
    return f"{total}: {words}"


def change_words(found: Changes, comparison: Comparison[Objects]) -> str:
    """Return the counts of objects that both have, or one of them."""
    return (
        f"{len(found.both)} as with {comparison.reference_label}, {len(found.only_here)} only here, "
        f"{len(found.only_there)} only there"
    )


def error_words(found: Errors) -> str:
    """Return the counts of right and wrong objects."""
    return (
        f"{len(found.found)} found, {len(found.missed)} missed, {len(found.false)} false, "
        f"{len(found.confused)} of the wrong class"
    )


def objects_words(number: int) -> str:
    """Return a number of objects in words."""
    return f"{number or 'No'} object{'' if number == 1 else 's'}"


def _counted(objects: Objects, task: Task) -> str:
    counts = Counter(task.classes[index] for index in objects.classes)
    return ", ".join(f"{number} {name}" for name, number in counts.most_common()) or "none"
