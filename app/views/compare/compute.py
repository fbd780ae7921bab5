"""Comparisons of upsamplers on one picture: outputs, differences, scores, and where they differ most."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import streamlit as st
import torch

from app.records import Answer, Compared, Comparison, Picture, Said
from app.settings import CompareSettings, Source
from app.shared.networks import head, maps
from app.shared.photos import manifest, picture
from dysample.models.manifest import WeightsEntry
from dysample.models.tasks import KINDS, Task
from dysample.ops.registry import OPERATORS
from dysample.scores.scorers import SCORERS

REFERENCE = "bilinear"
CLOSE_UP_SIDE = 96  # pixels of the working picture that a close-up shows
_REPEAT_WITHIN = 0.15  # seconds in which a head is timed again, so that small pictures are timed well


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
        answer(source, settings.task, settings.longer_side, name)


def _with_reference(settings: CompareSettings) -> tuple[str, ...]:
    return (REFERENCE, *(name for name in settings.upsamplers if name != REFERENCE))


@st.cache_data(show_spinner=False, max_entries=64)
def answer(source: Source, task: str, longer_side: int, upsampler: str) -> Answer[Any]:
    """Return the output of the network with one upsampler; the encoder runs once for all of them.

    Raises:
        ImageError: If the file cannot be used.
        WeightsError: If weights are missing or damaged.
    """
    encoded, encoder_seconds = maps(source, task, longer_side)
    height, width = picture(source, task, longer_side).image.shape[:2]
    row, network = manifest().task(task), head(task, upsampler)
    with torch.inference_mode():
        output, seconds = _timed(lambda: network.decode(encoded, height, width).output)
        annotation = KINDS[row.kind].annotation(row, output)
    parameters = sum(parameter.numel() for parameter in network.upsamplers.parameters())
    return Answer(annotation, seconds, encoder_seconds, parameters)


def _timed(run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, float]:
    """Run once, and again while that is quick; return the output and the median time in seconds."""
    times: list[float] = []
    while True:
        started = time.perf_counter()
        output = run()
        times.append(time.perf_counter() - started)
        if sum(times) + times[-1] > _REPEAT_WITHIN:
            return output, median(times)


@st.cache_data(show_spinner=False, max_entries=8)
def comparison(source: Source, settings: CompareSettings) -> Comparison[Any]:
    """Run the network with every chosen upsampler, and compare the outputs with bilinear's.

    Raises:
        ImageError: If the file cannot be used.
        WeightsError: If weights are missing or damaged.
    """
    answers = {
        name: answer(source, settings.task, settings.longer_side, name) for name in _with_reference(settings)
    }
    task = manifest().task(settings.task)
    entries = {name: manifest().entry(settings.task, name) for name in settings.upsamplers}
    return compare(task, picture(source, settings.task, settings.longer_side), answers, entries)


def compare(
    task: Task,
    picture: Picture[Said],
    answers: Mapping[str, Answer[Said]],
    entries: Mapping[str, WeightsEntry],
) -> Comparison[Said]:
    """Compare upsamplers with bilinear.

    Args:
        task: The task that all networks were trained for.
        picture: The picture that they were run on.
        answers: Outputs by upsampler; bilinear's must be among them.
        entries: Weights by upsampler to show, in the order of the page.
    """
    reference = answers[REFERENCE].annotation
    compared = tuple(
        _compared(task, entry, answers[name], reference, picture) for name, entry in entries.items()
    )
    shown, scoring = [row.answer.annotation for row in compared], SCORERS[task.kind]
    return Comparison(
        task=task,
        picture=picture,
        reference=reference,
        reference_label=OPERATORS[REFERENCE].label,
        compared=compared,
        window=scoring.window(shown, CLOSE_UP_SIDE, reference),
        ranges=scoring.ranges(shown, reference, picture.truth),
    )


def _compared(
    task: Task, entry: WeightsEntry, answer: Answer[Said], reference: Said, picture: Picture[Said]
) -> Compared[Said]:
    scoring, name, truth = SCORERS[task.kind], entry.upsampler, picture.truth
    return Compared(
        name=name,
        label=OPERATORS[name].label,
        answer=answer,
        difference=None if name == REFERENCE else scoring.difference(answer.annotation, reference),
        score=None if truth is None else scoring.score(task, answer.annotation, truth),
        weights=entry,
    )


def close_up(whole: Comparison[Said]) -> Comparison[Said]:
    """Compare anew the part in which the upsamplers differ most, with the colours of the whole."""
    part, truth = whole.window.slices, whole.picture.truth
    picture = replace(
        whole.picture,
        image=np.ascontiguousarray(whole.picture.image[part]),
        truth=None if truth is None else truth.part(*part),
    )
    reference = whole.reference.part(*part)
    compared: list[Compared[Said]] = []
    for row in whole.compared:
        answer = replace(row.answer, annotation=row.answer.annotation.part(*part))
        compared.append(_compared(whole.task, row.weights, answer, reference, picture))
    return replace(whole, picture=picture, reference=reference, compared=tuple(compared))
