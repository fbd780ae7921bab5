"""Comparisons of upsamplers on one picture: outputs, differences, scores, and where they differ most."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import floor, sqrt
from typing import Any

import cv2
import numpy as np

from app.records import Answer, Compared, Comparison, Picture, Said, Sides
from app.settings import CompareSettings, Source
from app.shared import fitting
from app.shared.cache import cached
from app.shared.engine import devices
from app.shared.engine.local import alone, chosen
from app.shared.engine.memory import free_on, is_large, tile_bytes
from app.shared.engine.networks import Answered
from app.shared.fitting import Wanted
from app.shared.networks import job, parameters
from app.shared.photos import manifest, picture
from dysample.models.manifest import WeightsEntry
from dysample.models.tasks import KINDS, Task
from dysample.ops.registry import OPERATORS
from dysample.scores.scorers import SCORERS
from dysample.scores.specs import score_spec

CLOSE_UP_SIDE = 96  # pixels of the working picture that a close-up shows
# A phone's photograph goes to the browser as it is. Larger ones would be messages of hundreds of megabytes,
# and several browsers draw no picture of more than 16 million pixels.
SHOWN_PIXELS = 12_500_000
USUAL_OBJECTS = 12  # in a picture that is full of them
_STRIP_BYTES = 100_000_000  # of the strips that differences are counted in


def warm(source: Source, settings: CompareSettings, report: Callable[[str, float], None]) -> None:
    """Fill the caches that `comparison` reads, step by step.

    Args:
        source: The picture.
        settings: Task, upsamplers, working size.
        report: Called before each step with its name and the share that is done, 0 to 1.

    Raises:
        ImageError: If the file cannot be used.
        WeightsError: If weights are missing or damaged.
    """
    report("Reading the picture", 0.0)
    picture(source, settings.task, settings.longer_side)
    names = _with_reference(settings)
    for number, name in enumerate(names, start=1):
        report(f"{OPERATORS[name].label}, {number} of {len(names)}", (number - 0.5) / len(names))
        run(source, settings.task, settings.longer_side, name)


def _with_reference(settings: CompareSettings) -> tuple[str, ...]:
    reference = manifest().task(settings.task).reference
    return (reference, *(name for name in settings.upsamplers if name != reference))


@cached
def run(source: Source, task: str, longer_side: int, upsampler: str) -> Answered:
    """Run the network with one upsampler; the encoder runs once for all of them.

    Raises:
        ImageError: If the file cannot be used.
        WeightsError: If weights are missing or damaged.
        EngineError: If the network cannot be run now.
    """
    return chosen().answer(job(source, task, longer_side, upsampler))


def annotation(task: Task, run: Answered, threshold: float | None) -> Any:
    """Return what a network says from a score on; no network runs."""
    above = KINDS[task.kind].above
    return run.output if above is None else above(task, run.output, threshold or 0.0)


def _answer(task: Task, run: Answered, threshold: float | None, parameters: int, scored: bool) -> Answer[Any]:
    """Return what a network says from a score on; where there is a truth, also what is to be scored."""
    kind = KINDS[task.kind]
    ranked = kind.annotation(task, run.output) if kind.ranked and scored else None
    return Answer(annotation(task, run, threshold), parameters, ranked, run.way)


@cached
def comparison(source: Source, settings: CompareSettings) -> Comparison[Any]:
    """Run the network with every chosen upsampler, and compare the outputs with the reference's.

    Raises:
        ImageError: If the file cannot be used.
        WeightsError: If weights are missing or damaged.
    """
    task = manifest().task(settings.task)
    runs = {
        name: run(source, settings.task, settings.longer_side, name) for name in _with_reference(settings)
    }
    counts = {name: parameters(settings.task, name) for name in runs}
    entries = {name: manifest().entry(settings.task, name) for name in settings.upsamplers}
    shown = picture(source, settings.task, settings.longer_side)
    shape, scored = shown.image.shape, shown.truth is not None
    with alone(shape, needs=comparison_bytes(task, len(runs), shape)):
        answers = {
            name: _answer(task, made, settings.threshold, counts[name], scored) for name, made in runs.items()
        }
        return compare(task, shown, answers, entries, threshold=settings.threshold)


def comparison_bytes(task: Task, answers: int, shape: tuple[int, ...]) -> int:
    """Return the bytes that comparing some answers takes at its peak; maps of values are there already."""
    made = 0 if KINDS[task.kind].above is None else answers
    return _per_pixel(task, made) * shape[0] * shape[1] + (_STRIP_BYTES if is_large(shape) else 0)


def _per_pixel(task: Task, answers: int) -> int:
    kind, objects = KINDS[task.kind], USUAL_OBJECTS if KINDS[task.kind].above else 0
    return (answers + 1) * kind.annotation_bytes(objects) + SCORERS[task.kind].peak_bytes(objects)


def fitted(picture: Wanted, settings: CompareSettings) -> CompareSettings:
    """Return settings whose working size the memory suffices for.

    Where parts of a picture can be computed by themselves, its networks fit at any size.

    Raises:
        ImageError: If the file cannot be used.
    """
    task = manifest().task(settings.task)
    per_pixel = _per_pixel(task, len(_with_reference(settings)))
    if KINDS[task.kind].joined is None:
        per_pixel = max(per_pixel, tile_bytes(task))
    room = free_on(devices.CPU) - (_STRIP_BYTES if is_large(picture.shape) else 0)
    return replace(settings, longer_side=fitting.fitted(picture, per_pixel=per_pixel, room=room))


def compare(
    task: Task,
    picture: Picture[Said],
    answers: Mapping[str, Answer[Said]],
    entries: Mapping[str, WeightsEntry],
    *,
    threshold: float | None = None,
) -> Comparison[Said]:
    """Compare upsamplers with the task's reference.

    Args:
        task: The task that all networks were trained for.
        picture: The picture that they were run on.
        answers: Outputs by upsampler; the reference's must be among them.
        entries: Weights by upsampler to show, in the order of the page.
        threshold: Least score of the objects in the outputs.
    """
    reference = answers[task.reference].annotation
    compared = tuple(
        _compared(task, entry, answers[name], reference, picture) for name, entry in entries.items()
    )
    shown, scoring = [row.answer.annotation for row in compared], SCORERS[task.kind]
    return Comparison(
        task=task,
        picture=picture,
        reference=reference,
        reference_label=OPERATORS[task.reference].label,
        compared=compared,
        window=scoring.window(shown, CLOSE_UP_SIDE, reference),
        ranges=scoring.ranges(shown, reference, picture.truth),
        threshold=threshold,
    )


def _compared(
    task: Task, entry: WeightsEntry, answer: Answer[Said], reference: Said, picture: Picture[Said]
) -> Compared[Said]:
    scoring, name, truth = SCORERS[task.kind], entry.upsampler, picture.truth
    said = answer.annotation
    scored = said if answer.scored is None else answer.scored
    return Compared(
        name=name,
        label=OPERATORS[name].label,
        answer=answer,
        difference=None if name == task.reference else scoring.difference(said, reference),
        score=None if truth is None else scoring.score(task, scored, truth),
        weights=entry,
    )


@cached
def pair(source: Source, settings: CompareSettings, left: str, right: str) -> Sides:
    """Compare two of the chosen upsamplers with each other.

    Raises:
        ImageError: If the file cannot be used.
        WeightsError: If weights are missing or damaged.
    """
    whole = comparison(source, settings)
    rows = {row.label: row for row in whole.compared}
    return pair_of(whole, rows[left], rows[right])


def pair_of(whole: Comparison[Said], left: Compared[Said], right: Compared[Said]) -> Sides:
    """Compare two upsamplers of a comparison with each other."""
    scoring = SCORERS[whole.task.kind]
    score = score_spec(scoring.headline[0])
    before, after = (getattr(row.score, score.name, None) for row in (left, right))
    return Sides(
        left=left.label,
        right=right.label,
        difference=scoring.difference(right.answer.annotation, left.answer.annotation),
        score=score,
        before=before,
        after=after,
    )


def shown(whole: Comparison[Said]) -> Comparison[Said]:
    """Return a comparison as it goes to the browser: large pictures are reduced, the numbers stay."""
    size = shown_size(whole)
    if size == whole.picture.image.shape[:2]:
        return whole
    picture, truth = whole.picture, whole.picture.truth
    image = cv2.resize(picture.image, size[::-1], interpolation=cv2.INTER_AREA)
    return replace(
        whole,
        picture=replace(picture, image=image, truth=None if truth is None else truth.resized(*size)),
        reference=whole.reference.resized(*size),
        compared=tuple(replace(row, answer=_resized(row.answer, size)) for row in whole.compared),
    )


def shown_size(whole: Comparison[Any]) -> tuple[int, int]:
    """Return rows and columns of the pictures of a comparison in the browser."""
    height, width = whole.picture.image.shape[:2]
    factor = min(1, sqrt(SHOWN_PIXELS / (height * width)))
    return floor(factor * height), floor(factor * width)


def _resized(answer: Answer[Said], size: tuple[int, int]) -> Answer[Said]:
    return replace(answer, annotation=answer.annotation.resized(*size), scored=None)


def close_up(whole: Comparison[Said]) -> Comparison[Said]:
    """Compare anew the part in which the upsamplers differ most, with the colours of the whole."""
    part, truth = whole.window.slices, whole.picture.truth
    picture = replace(
        whole.picture,
        image=np.ascontiguousarray(whole.picture.image[part]),
        truth=None if truth is None else truth.part(*part),
    )
    reference = whole.reference.part(*part)
    compared = tuple(
        _compared(whole.task, row.weights, _part(row.answer, part), reference, picture)
        for row in whole.compared
    )
    return replace(whole, picture=picture, reference=reference, compared=compared, whole=whole)


def _part(answer: Answer[Said], part: tuple[slice, slice]) -> Answer[Said]:
    scored = None if answer.scored is None else answer.scored.part(*part)
    return replace(answer, annotation=answer.annotation.part(*part), scored=scored)
