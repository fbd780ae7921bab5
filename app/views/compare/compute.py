"""Comparisons of upsamplers on one picture."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from app.records import Answer, Compared, Comparison, Picture, Values
from app.settings import CompareSettings, Source
from app.shared.networks import head, maps
from app.shared.photos import manifest, picture
from dysample.models.host import decode
from dysample.models.manifest import Kind, Task, WeightsEntry
from dysample.ops.registry import OPERATORS
from dysample.scores.depth import (
    DepthDifference,
    DepthRanges,
    DepthScore,
    depth_difference,
    depth_metrics,
    depth_ranges,
    has_truth,
    liveliest_depth_window,
)
from dysample.scores.segmentation import (
    Difference,
    SegmentationScore,
    SegmentationScorer,
    Window,
    difference,
    liveliest_window,
)

_REPEAT_WITHIN = 0.15  # seconds in which a head is timed again, so that small pictures are timed well


@st.cache_data(show_spinner=False, max_entries=64)
def answer(source: Source, task: str, longer_side: int, upsampler: str) -> Answer:
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
        values = _VALUES[manifest().task(task).kind](output)
    parameters = sum(parameter.numel() for parameter in network.upsamplers.parameters())
    return Answer(values, seconds, encoder_seconds, parameters)


def _classes(logits: Float[torch.Tensor, "1 k h w"]) -> Values:
    return logits.argmax(1)[0].to(torch.uint8).numpy()


def _metres(depths: Float[torch.Tensor, "1 1 h w"]) -> Values:
    return depths[0, 0].float().contiguous().numpy()


_VALUES: dict[Kind, Callable[[torch.Tensor], Values]] = {"segmentation": _classes, "depth": _metres}


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
def comparison(source: Source, settings: CompareSettings) -> Comparison:
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
    task: Task, picture: Picture, answers: Mapping[str, Answer], entries: Mapping[str, WeightsEntry]
) -> Comparison:
    """Compare upsamplers with bilinear.

    Args:
        task: What the networks have in common.
        picture: What they looked at.
        answers: By upsampler; bilinear's must be among them.
        entries: Weights of the upsamplers to show, in their order.
    """
    reference = answers[REFERENCE].values
    compared = tuple(
        _compared(task, entry, answers[name], reference, picture) for name, entry in entries.items()
    )
    shown = [each.answer.values for each in compared]
    measures = _MEASURES[task.kind]
    return Comparison(
        task=task,
        picture=picture,
        reference=reference,
        reference_label=OPERATORS[REFERENCE].label,
        compared=compared,
        window=measures.window(shown, reference),
        ranges=measures.ranges(shown, reference, picture.truth),
    )


def close_up(whole: Comparison) -> Comparison:
    """The part of a comparison in which the upsamplers differ most, compared anew; its colours stay."""
    part = whole.window.slices
    truth = whole.picture.truth
    picture = replace(
        whole.picture,
        image=np.ascontiguousarray(whole.picture.image[part]),
        truth=None if truth is None else np.ascontiguousarray(truth[part]),
    )
    reference = np.ascontiguousarray(whole.reference[part])
    compared: list[Compared] = []
    for each in whole.compared:
        answer = replace(each.answer, values=np.ascontiguousarray(each.answer.values[part]))
        compared.append(_compared(whole.task, each.weights, answer, reference, picture))
    return replace(whole, picture=picture, reference=reference, compared=tuple(compared))


def _compared(
    task: Task, entry: WeightsEntry, answer: Answer, reference: Values, picture: Picture
) -> Compared:
    measures, name, truth = _MEASURES[task.kind], entry.upsampler, picture.truth
    return Compared(
        name=name,
        label=OPERATORS[name].label,
        answer=answer,
        difference=None if name == REFERENCE else measures.difference(answer.values, reference),
        score=None if truth is None else measures.score(answer.values, truth, task),
        weights=entry,
    )


def _class_score(labels: Values, truth: Values, task: Task) -> SegmentationScore:
    scorer = SegmentationScorer(len(task.classes))
    scorer.update(labels, truth)
    return scorer.score([task.classes.index(name) for name in task.scored])


def _depth_score(depths: Values, truth: Values, task: Task) -> DepthScore | None:
    """Of all pixels with a truth: a picture of any shape, and a part of one, has no Eigen crop."""
    return DepthScore(*depth_metrics(depths, truth).tolist(), pictures=1) if has_truth(truth).any() else None


@dataclass(frozen=True, slots=True)
class _Measures:
    """How answers of one kind are held against each other; the reference comes after the answers."""

    difference: Callable[[Values, Values], Difference | DepthDifference]
    score: Callable[[Values, Values, Task], SegmentationScore | DepthScore | None]
    window: Callable[[Sequence[Values], Values], Window]
    ranges: Callable[[Sequence[Values], Values, Values | None], DepthRanges | None]


_MEASURES: dict[Kind, _Measures] = {
    "segmentation": _Measures(
        difference,
        _class_score,
        lambda shown, reference: liveliest_window(shown, CLOSE_UP_SIDE, reference=reference),
        lambda shown, reference, truth: None,
    ),
    "depth": _Measures(
        depth_difference,
        _depth_score,
        lambda shown, reference: liveliest_depth_window(shown, CLOSE_UP_SIDE, reference=reference),
        lambda shown, reference, truth: depth_ranges(shown, reference=reference, truth=truth),
    ),
}
