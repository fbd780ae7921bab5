"""Scoring of each kind of task: comparison of answers, scores of data sets, and the scores to show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from dysample.models.annotations import Annotation, Depth, Labels, Objects, Panoptic
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
from dysample.scores.objects import (
    BOX_METRICS,
    MASK_METRICS,
    BoxScore,
    BoxScorer,
    MaskScore,
    MaskScorer,
    ObjectDifference,
    liveliest_object_window,
    object_difference,
)
from dysample.scores.paired import PictureRatios, PictureStatistics, ratios_of_means
from dysample.scores.panoptic import (
    PANOPTIC_METRICS,
    PanopticDifference,
    PanopticScore,
    PanopticScorer,
    liveliest_panoptic_window,
    panoptic_difference,
)
from dysample.scores.paper import PrintedScore, paper_table, printed_scores
from dysample.scores.precision import PictureMatches
from dysample.scores.segmentation import (
    Difference,
    SegmentationScore,
    SegmentationScorer,
    Window,
    difference,
    liveliest_window,
)

Score = SegmentationScore | DepthScore | BoxScore | MaskScore | PanopticScore
AnswerDifference = Difference | DepthDifference | ObjectDifference | PanopticDifference
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

    def statistics(self) -> tuple[PictureStatistics, ...]:
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


def box_scorer(task: Task) -> BoxScorer:
    """Return a scorer of boxes; only the task's scored things count."""
    return BoxScorer(len(task.classes), _scored_things(task))


def mask_scorer(task: Task) -> MaskScorer:
    """Return a scorer of instance masks; only the task's scored things count."""
    return MaskScorer(len(task.classes), _scored_things(task))


def panoptic_scorer(task: Task) -> PanopticScorer:
    """Return a scorer of panoptic maps; the means are over the task's scored classes."""
    return PanopticScorer(len(task.classes), _indices(task, task.scored), things=_indices(task, task.things))


def _scored_things(task: Task) -> tuple[int, ...]:
    return _indices(task, [name for name in task.scored if name in task.things])


def _indices(task: Task, names: Sequence[str]) -> tuple[int, ...]:
    return tuple(task.classes.index(name) for name in names)


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


def box_score(task: Task, objects: Objects, truth: Objects) -> BoxScore | None:
    """Score the boxes of one picture; None if no object is to be found."""
    scorer = box_scorer(task)
    scorer.update(objects, truth)
    score = scorer.score()
    return None if score.box_ap is None else score


def mask_score(task: Task, objects: Objects, truth: Objects) -> MaskScore | None:
    """Score the masks of one picture; None if no object is to be found."""
    scorer = mask_scorer(task)
    scorer.update(objects, truth)
    score = scorer.score()
    return None if score.mask_ap is None else score


def panoptic_score(task: Task, panoptic: Panoptic, truth: Panoptic) -> PanopticScore | None:
    """Score the panoptic map of one picture; None if no segment counts."""
    scorer = panoptic_scorer(task)
    scorer.update(panoptic, truth)
    score = scorer.score()
    return None if score.pq is None else score


def found_difference(objects: Objects, reference: Objects) -> ObjectDifference:
    """Compare all objects of two answers: whoever shows them has chosen those that are sure enough."""
    return object_difference(objects, reference, threshold=0.0)


def object_window(answers: Sequence[Objects], size: int, reference: Objects) -> Window:
    """Return the square in which the objects differ most from the reference's, whatever their scores."""
    return liveliest_object_window(answers, size, reference=reference, threshold=0.0)


def panoptic_window(answers: Sequence[Panoptic], size: int, reference: Panoptic) -> Window:
    """Return the square in which panoptic maps differ most from the reference."""
    return liveliest_panoptic_window(answers, size, reference=reference)


def _object_bytes(objects: int) -> int:
    """Return the bytes for every pixel: the regions of both answers' objects, and copies of them."""
    return 16 + 4 * objects


# --- Table of kinds ---


@dataclass(frozen=True, slots=True)
class Scoring(Generic[_Answer]):
    """How the tasks of one kind are scored.

    Attributes:
        scorer: Makes a scorer of a task's pictures.
        restored: Makes a picture's contributions to a score, as a scorer's `statistics`, of kept arrays.
        score: Scores an answer for one picture of any shape, or a part of one, given the truth; returns
            None if no pixel has a truth.
        difference: Measures how much an answer differs from a reference; all objects of both count.
        window: Finds the square of a given side in which answers differ most from a reference.
        headline: Names of the scores in evidence, the most important one first.
        shown: The headline scores shown where there is little room, as in model cards.
        paper: Name of the paper's table with such scores of all upsamplers.
        columns: Column of a score in that table, where it differs from the score's name.
        rows: What all compared rows of that table have in some columns, such as the network; nothing if all
            rows are compared.
        peak_bytes: Bytes for every pixel that comparing answers with a number of objects each takes at its
            peak, beside the answers.
        ranges: Returns the ranges that answers, their reference and the truth span together; None, as it is
            by default, for answers that are not amounts.
    """

    scorer: Callable[[Task], Scorer[_Answer]]
    restored: Callable[[Mapping[str, np.ndarray]], PictureStatistics]
    score: Callable[[Task, _Answer, _Answer], Score | None]
    difference: Callable[[_Answer, _Answer], AnswerDifference]
    window: Callable[[Sequence[_Answer], int, _Answer], Window]
    headline: tuple[str, ...]
    shown: tuple[str, ...]
    paper: str
    columns: Mapping[str, str]
    rows: Mapping[str, str]
    peak_bytes: Callable[[int], int]
    ranges: Callable[[Sequence[_Answer], _Answer, _Answer | None], DepthRanges | None] = (
        lambda answers, reference, truth: None
    )

    def printed(self, score: str) -> tuple[PrintedScore, ...]:
        """Return the paper's numbers of a score for all upsamplers; none if its table lacks the score."""
        column = self.columns.get(score, score)
        if column not in paper_table(self.paper).columns:
            return ()
        return printed_scores(self.paper, column, self.rows)


SCORERS: dict[Kind, Scoring[Any]] = {
    "segmentation": Scoring(
        scorer=LabelScorer,
        restored=PictureRatios.restored,
        score=_label_score,
        difference=_label_difference,
        window=_label_window,
        headline=("miou", "boundary_miou"),
        shown=("miou", "boundary_miou"),
        paper="table4",
        columns={"boundary_miou": "biou"},
        rows={},
        peak_bytes=lambda objects: 10,
    ),
    "depth": Scoring(
        scorer=DepthMapScorer,
        restored=PictureRatios.restored,
        score=_depth_score,
        difference=_depth_difference,
        window=_depth_window,
        ranges=_depth_ranges,
        headline=METRICS,
        shown=("delta1", "abs_rel", "rms"),
        paper="table9",
        columns={},
        rows={},
        peak_bytes=lambda objects: 10,
    ),
    "detection": Scoring(
        scorer=box_scorer,
        restored=PictureMatches.restored,
        score=box_score,
        difference=found_difference,
        window=object_window,
        headline=BOX_METRICS,
        shown=("box_ap", "box_ap50"),
        paper="table6",
        columns={"box_ap": "ap", "box_ap50": "ap50", "box_ap75": "ap75"},
        rows={"backbone": "r50"},
        peak_bytes=_object_bytes,
    ),
    "instances": Scoring(
        scorer=mask_scorer,
        restored=PictureMatches.restored,
        score=mask_score,
        difference=found_difference,
        window=object_window,
        headline=MASK_METRICS,
        shown=("mask_ap", "boundary_ap"),
        paper="table7",
        columns={"mask_ap": "ap", "mask_ap50": "ap50", "mask_ap75": "ap75"},
        rows={"task": "segm", "backbone": "r50"},
        peak_bytes=_object_bytes,
    ),
    "panoptic": Scoring(
        scorer=panoptic_scorer,
        restored=PictureRatios.restored,
        score=panoptic_score,
        difference=panoptic_difference,
        window=panoptic_window,
        headline=PANOPTIC_METRICS,
        shown=("pq", "sq", "rq"),
        paper="table8",
        columns={},
        rows={"backbone": "r50"},
        peak_bytes=_object_bytes,
    ),
}
