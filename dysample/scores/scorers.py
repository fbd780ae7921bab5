"""Scoring of each kind of task: comparison of answers, scores of data sets, and the scores to show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from dysample.models.annotations import Annotation, Depth, Labels
from dysample.models.tasks import Kind, Task
from dysample.scores.depth import (
    METRICS,
    DepthDifference,
    DepthRanges,
    DepthScore,
    DepthScorer,
    depth_difference,
    depth_metrics,
    depth_ranges,
    has_truth,
    liveliest_depth_window,
)
from dysample.scores.paired import PictureRatios, ratios_of_means
from dysample.scores.segmentation import (
    Difference,
    SegmentationScore,
    SegmentationScorer,
    Window,
    difference,
    liveliest_window,
)

Score = SegmentationScore | DepthScore
_Answer = TypeVar("_Answer", bound=Annotation)
_Scored = TypeVar("_Scored", bound=Annotation, contravariant=True)


@runtime_checkable
class Scorer(Protocol[_Scored]):
    """Scorer of one network of a task, picture by picture."""

    def update(self, prediction: _Scored, truth: _Scored) -> None:
        """Count one picture."""
        ...

    def score(self) -> Score:
        """Return the scores of all pictures so far."""
        ...

    def statistics(self) -> tuple[PictureRatios, ...]:
        """Return the contributions of every picture to each score, in the order of the headline."""
        ...


class LabelScorer:
    """`Scorer` of label maps; the means are over the task's scored classes."""

    def __init__(self, task: Task) -> None:
        """Start with no pictures."""
        self._scored = tuple(task.classes.index(name) for name in task.scored)
        self._counts = SegmentationScorer(len(task.classes))

    def update(self, prediction: Labels, truth: Labels) -> None:
        """Count one picture."""
        self._counts.update(prediction.classes, truth.classes)

    def score(self) -> SegmentationScore:
        """Return the scores of all pictures so far."""
        return self._counts.score(self._scored)

    def statistics(self) -> tuple[PictureRatios, ...]:
        """Return intersections and unions of every picture: of regions, then of boundaries."""
        return self._counts.regions(self._scored), self._counts.boundaries(self._scored)


class DepthMapScorer:
    """`Scorer` of depth maps, within the Eigen crop."""

    def __init__(self, task: Task) -> None:
        """Start with no pictures; all tasks with depths are scored alike."""
        self._rows = DepthScorer()

    def update(self, prediction: Depth, truth: Depth) -> None:
        """Count one picture."""
        self._rows.update(prediction.metres, truth.metres)

    def score(self) -> DepthScore:
        """Return the scores of all pictures so far."""
        return self._rows.score()

    def statistics(self) -> tuple[PictureRatios, ...]:
        """Return the values of every picture, metric by metric."""
        return tuple(ratios_of_means(column) for column in self._rows.pictures.T)


# --- Answers for one picture ---


def _label_difference(labels: Labels, reference: Labels) -> Difference:
    return difference(labels.classes, reference.classes)


def _label_score(task: Task, labels: Labels, truth: Labels) -> SegmentationScore:
    scorer = LabelScorer(task)
    scorer.update(labels, truth)
    return scorer.score()


def _label_window(answers: Sequence[Labels], size: int, reference: Labels) -> Window:
    return liveliest_window([labels.classes for labels in answers], size, reference=reference.classes)


def _depth_difference(depth: Depth, reference: Depth) -> DepthDifference:
    return depth_difference(depth.metres, reference.metres)


def _depth_score(task: Task, depth: Depth, truth: Depth) -> DepthScore | None:
    """Score all pixels with a truth: only whole 4:3 pictures have an Eigen crop."""
    if not has_truth(truth.metres).any():
        return None
    return DepthScore(*depth_metrics(depth.metres, truth.metres).tolist(), pictures=1)


def _depth_window(answers: Sequence[Depth], size: int, reference: Depth) -> Window:
    return liveliest_depth_window([depth.metres for depth in answers], size, reference=reference.metres)


def _depth_ranges(answers: Sequence[Depth], reference: Depth, truth: Depth | None) -> DepthRanges:
    return depth_ranges(
        [depth.metres for depth in answers],
        reference=reference.metres,
        truth=None if truth is None else truth.metres,
    )


# --- Table of kinds ---


@dataclass(frozen=True, slots=True)
class Scoring(Generic[_Answer]):
    """How the tasks of one kind are scored.

    Attributes:
        scorer: Makes a scorer of a task's pictures.
        score: Scores an answer for one picture of any shape, or a part of one, given the truth; returns
            None if no pixel has a truth.
        difference: Measures how much an answer differs from a reference.
        window: Finds the square of a given side in which answers differ most from a reference.
        ranges: Returns the ranges that answers, their reference and the truth span together; None for
            answers that are not amounts.
        headline: Names of the scores in evidence, the most important one first.
        shown: The headline scores shown where there is little room, as in model cards.
        paper: Name of the paper's table with such scores of all upsamplers.
        columns: Column of a score in that table, where it differs from the score's name.
    """

    scorer: Callable[[Task], Scorer[_Answer]]
    score: Callable[[Task, _Answer, _Answer], Score | None]
    difference: Callable[[_Answer, _Answer], Difference | DepthDifference]
    window: Callable[[Sequence[_Answer], int, _Answer], Window]
    ranges: Callable[[Sequence[_Answer], _Answer, _Answer | None], DepthRanges | None]
    headline: tuple[str, ...]
    shown: tuple[str, ...]
    paper: str
    columns: Mapping[str, str]


SCORERS: dict[Kind, Scoring[Any]] = {
    "segmentation": Scoring(
        scorer=LabelScorer,
        score=_label_score,
        difference=_label_difference,
        window=_label_window,
        ranges=lambda answers, reference, truth: None,
        headline=("miou", "boundary_miou"),
        shown=("miou", "boundary_miou"),
        paper="table4",
        columns={"boundary_miou": "biou"},
    ),
    "depth": Scoring(
        scorer=DepthMapScorer,
        score=_depth_score,
        difference=_depth_difference,
        window=_depth_window,
        ranges=_depth_ranges,
        headline=METRICS,
        shown=("delta1", "abs_rel", "rms"),
        paper="table9",
        columns={},
    ),
}
