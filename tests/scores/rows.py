"""How tasks of objects are scored, for tests of what a row of `SCORERS` is used for."""

from dataclasses import replace

from dysample.models.tasks import Task
from dysample.scores.objects import BOX_METRICS, MASK_METRICS, object_difference
from dysample.scores.paired import PictureRatios
from dysample.scores.panoptic import PANOPTIC_METRICS, panoptic_difference
from dysample.scores.precision import PictureMatches
from dysample.scores.scorers import (
    Scoring,
    box_score,
    box_scorer,
    mask_score,
    mask_scorer,
    object_window,
    panoptic_score,
    panoptic_scorer,
    panoptic_window,
)
from dysample.training.recipe import load_recipe

CLASSES = ("background", "cat", "cow", "dog")

DETECTION = Scoring(
    scorer=box_scorer,
    restored=PictureMatches.restored,
    score=box_score,
    difference=object_difference,
    window=object_window,
    ranges=lambda answers, reference, truth: None,
    headline=BOX_METRICS,
    shown=("box_ap", "box_ap50"),
    paper="table6",
    columns={"box_ap": "ap", "box_ap50": "ap50", "box_ap75": "ap75"},
    rows={"backbone": "r50"},
)
INSTANCES = Scoring(
    scorer=mask_scorer,
    restored=PictureMatches.restored,
    score=mask_score,
    difference=object_difference,
    window=object_window,
    ranges=lambda answers, reference, truth: None,
    headline=MASK_METRICS,
    shown=("mask_ap", "boundary_ap"),
    paper="table7",
    columns={"mask_ap": "ap", "mask_ap50": "ap50", "mask_ap75": "ap75"},
    rows={"task": "segm", "backbone": "r50"},
)
PANOPTIC = Scoring(
    scorer=panoptic_scorer,
    restored=PictureRatios.restored,
    score=panoptic_score,
    difference=panoptic_difference,
    window=panoptic_window,
    ranges=lambda answers, reference, truth: None,
    headline=PANOPTIC_METRICS,
    shown=("pq", "sq", "rq"),
    paper="table8",
    columns={},
    rows={"backbone": "r50"},
)
ROWS = {"detection": DETECTION, "instances": INSTANCES, "panoptic": PANOPTIC}


def task(scored: tuple[str, ...] = CLASSES[1:]) -> Task:
    """A task with three classes of objects and one of stuff."""
    made = load_recipe("everyday-segmentation").task
    return replace(made, classes=CLASSES, scored=scored, things=CLASSES[1:])
