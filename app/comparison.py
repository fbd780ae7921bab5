"""Putting answers of networks for one picture side by side: differences, scores, the place to look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.records import Answer, Compared, Comparison, Picture, Values
from dysample.analysis.compare import Difference, Window, difference, liveliest_window
from dysample.analysis.depth_compare import (
    DepthDifference,
    DepthRanges,
    depth_difference,
    depth_ranges,
    liveliest_depth_window,
)
from dysample.analysis.depth_scores import DepthScore, depth_metrics, has_truth
from dysample.analysis.scores import SegmentationScore, SegmentationScorer
from dysample.models.manifest import Kind, Task, WeightsEntry
from dysample.ops.registry import OPERATORS

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
