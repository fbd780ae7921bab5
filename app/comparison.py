"""Putting labellings of one picture side by side: differences, scores, the place to look at."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from app.records import Compared, Comparison, Labelling, Picture
from dysample.analysis.compare import difference, liveliest_window
from dysample.analysis.scores import SegmentationScore, SegmentationScorer
from dysample.models.weights import Task, WeightsEntry
from dysample.ops.registry import OPERATORS

REFERENCE = "bilinear"
CLOSE_UP_SIDE = 96  # pixels of the working picture that a close-up shows


def compare(
    task: Task,
    picture: Picture,
    labellings: Mapping[str, Labelling],
    entries: Mapping[str, WeightsEntry],
) -> Comparison:
    """Compare upsamplers with bilinear.

    Args:
        task: What the networks have in common.
        picture: What they looked at.
        labellings: By upsampler; bilinear's must be among them.
        entries: Weights of the upsamplers to show, in their order.
    """
    reference = labellings[REFERENCE].labels
    compared = tuple(
        _compared(task, entry, labellings[name], reference, picture) for name, entry in entries.items()
    )
    shown = [each.labelling.labels for each in compared]
    return Comparison(
        task=task,
        picture=picture,
        reference=reference,
        reference_label=OPERATORS[REFERENCE].label,
        compared=compared,
        window=liveliest_window(shown, CLOSE_UP_SIDE, reference=reference),
    )


def close_up(whole: Comparison) -> Comparison:
    """The part of a comparison in which the upsamplers differ most, compared anew."""
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
        labels = np.ascontiguousarray(each.labelling.labels[part])
        labelling = replace(each.labelling, labels=labels)
        compared.append(_compared(whole.task, each.weights, labelling, reference, picture))
    return replace(whole, picture=picture, reference=reference, compared=tuple(compared))


def _compared(
    task: Task,
    entry: WeightsEntry,
    labelling: Labelling,
    reference: UInt8[np.ndarray, "h w"],
    picture: Picture,
) -> Compared:
    name = entry.upsampler
    return Compared(
        name=name,
        label=OPERATORS[name].label,
        labelling=labelling,
        difference=None if name == REFERENCE else difference(labelling.labels, reference),
        score=_score(labelling, picture, task),
        weights=entry,
    )


def _score(labelling: Labelling, picture: Picture, task: Task) -> SegmentationScore | None:
    if picture.truth is None:
        return None
    scorer = SegmentationScorer(len(task.classes))
    scorer.update(labelling.labels, picture.truth)
    return scorer.score([task.classes.index(name) for name in task.scored])
