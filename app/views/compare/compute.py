"""Comparisons of upsamplers on one picture."""

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
from dysample.models.host import decode
from dysample.models.manifest import WeightsEntry
from dysample.models.tasks import KINDS, Task
from dysample.ops.registry import OPERATORS
from dysample.scores.scorers import SCORERS

_REPEAT_WITHIN = 0.15  # seconds in which a head is timed again, so that small pictures are timed well


@st.cache_data(show_spinner=False, max_entries=64)
def answer(source: Source, task: str, longer_side: int, upsampler: str) -> Answer[Any]:
    """What a network with one upsampler says of a picture; the encoder runs once for all of them.

    Raises:
        ImageError: The file cannot be used.
        WeightsError: Weights are missing or damaged.
    """
    found, encoder_seconds = maps(source, task, longer_side)
    height, width = picture(source, task, longer_side).image.shape[:2]
    network = head(task, upsampler)
    with torch.inference_mode():
        output, seconds = _timed(lambda: decode(network, found, height, width).output)
        annotation = KINDS[manifest().task(task).kind].annotation(output)
    parameters = sum(parameter.numel() for parameter in network.upsamplers.parameters())
    return Answer(annotation, seconds, encoder_seconds, parameters)


def warm(source: Source, settings: CompareSettings, tell: Callable[[str, float], None]) -> None:
    """Do the slow part of `comparison`, step by step.

    Args:
        source: The picture.
        settings: Task, upsamplers, working size.
        tell: Called before each step with its name and the share that is done, 0 to 1.

    Raises:
        ImageError: The file cannot be used.
        WeightsError: Weights are missing or damaged.
    """
    tell("Reading the picture", 0.0)
    picture(source, settings.task, settings.longer_side)
    names = _with_reference(settings)
    for number, name in enumerate(names, start=1):
        tell(f"{OPERATORS[name].label}, {number} of {len(names)}", (number - 0.5) / len(names))
        answer(source, settings.task, settings.longer_side, name)


@st.cache_data(show_spinner=False, max_entries=8)
def comparison(source: Source, settings: CompareSettings) -> Comparison[Any]:
    """Ask the network with every upsampler that is wanted, and compare the answers with bilinear's.

    Raises:
        ImageError: The file cannot be used.
        WeightsError: Weights are missing or damaged.
    """
    answers = {
        name: answer(source, settings.task, settings.longer_side, name) for name in _with_reference(settings)
    }
    task = manifest().task(settings.task)
    entries = {name: manifest().entry(settings.task, name) for name in settings.upsamplers}
    return compare(task, picture(source, settings.task, settings.longer_side), answers, entries)


def _with_reference(settings: CompareSettings) -> tuple[str, ...]:
    return (REFERENCE, *(name for name in settings.upsamplers if name != REFERENCE))


def _timed(run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, float]:
    """Run once, and again while that is quick; the median time is the one to show."""
    times: list[float] = []
    while True:
        started = time.perf_counter()
        output = run()
        times.append(time.perf_counter() - started)
        if sum(times) + times[-1] > _REPEAT_WITHIN:
            return output, median(times)


# Putting answers of networks for one picture side by side: differences, scores, the place to look at.


REFERENCE = "bilinear"
CLOSE_UP_SIDE = 96  # pixels of the working picture that a close-up shows


def compare(
    task: Task,
    picture: Picture[Said],
    answers: Mapping[str, Answer[Said]],
    entries: Mapping[str, WeightsEntry],
) -> Comparison[Said]:
    """Compare upsamplers with bilinear.

    Args:
        task: What the networks have in common.
        picture: What they looked at.
        answers: By upsampler; bilinear's must be among them.
        entries: Weights of the upsamplers to show, in their order.
    """
    reference = answers[REFERENCE].annotation
    compared = tuple(
        _compared(task, entry, answers[name], reference, picture) for name, entry in entries.items()
    )
    shown, scoring = [each.answer.annotation for each in compared], SCORERS[task.kind]
    return Comparison(
        task=task,
        picture=picture,
        reference=reference,
        reference_label=OPERATORS[REFERENCE].label,
        compared=compared,
        window=scoring.window(shown, CLOSE_UP_SIDE, reference),
        ranges=scoring.ranges(shown, reference, picture.truth),
    )


def close_up(whole: Comparison[Said]) -> Comparison[Said]:
    """The part of a comparison in which the upsamplers differ most, compared anew; its colours stay."""
    part, truth = whole.window.slices, whole.picture.truth
    picture = replace(
        whole.picture,
        image=np.ascontiguousarray(whole.picture.image[part]),
        truth=None if truth is None else truth.part(*part),
    )
    reference = whole.reference.part(*part)
    compared: list[Compared[Said]] = []
    for each in whole.compared:
        answer = replace(each.answer, annotation=each.answer.annotation.part(*part))
        compared.append(_compared(whole.task, each.weights, answer, reference, picture))
    return replace(whole, picture=picture, reference=reference, compared=tuple(compared))


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
