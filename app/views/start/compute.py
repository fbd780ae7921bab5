"""The picture of the start page: what a trained network says with two upsamplers, and how right it is."""

import numpy as np
from jaxtyping import UInt8

from app.records import BeforeAfter, Side
from app.settings import Source
from app.shared import networks, photos
from app.shared.cache import cached
from app.shared.engine.local import chosen
from dysample.models.annotations import Labels
from dysample.models.tasks import Task
from dysample.ops.registry import OPERATORS
from dysample.scores.segmentation import SegmentationScorer

PICTURE = "street"
UPSAMPLERS = ("nearest", "dysample")
_UNLABELLED = 255
_ROWS = slice(80, 340)  # kerbs, lamps and people; above there is only sky, below only road


@cached
def before_after() -> BeforeAfter | None:
    """Run the network that knows most of the picture with both upsamplers.

    Returns:
        What they say; None if no task with classes has weights for both.

    Raises:
        WeightsError: If weights are missing or damaged.
        EngineError: If the network cannot be run now.
    """
    photograph = photos.photograph(Source(PICTURE))
    tasks = [task for task in photos.manifest().tasks if set(UPSAMPLERS) <= set(networks.trained(task.name))]
    truths = {task.name: photograph.truth(task) for task in tasks}
    known = {name: truth.classes for name, truth in truths.items() if isinstance(truth, Labels)}
    if not known:
        return None
    name = max(known, key=lambda name: np.unique(known[name]).size)
    task = photos.manifest().task(name)
    before, after = (_side(task, upsampler, known[name]) for upsampler in UPSAMPLERS)
    return BeforeAfter(task, np.ascontiguousarray(photograph.image[_ROWS]), (before, after))


def _side(task: Task, upsampler: str, truth: UInt8[np.ndarray, "h w"]) -> Side:
    said: Labels = chosen().answer(networks.job(Source(PICTURE), task.name, 0, upsampler)).output
    scorer = SegmentationScorer(len(task.classes))
    scorer.update(said.classes, truth)
    miou = scorer.score(tuple(task.classes.index(name) for name in task.scored)).miou or 0.0
    labelled = truth != _UNLABELLED
    right = float((said.classes == truth)[labelled].mean())
    return Side(OPERATORS[upsampler].label, np.ascontiguousarray(said.classes[_ROWS]), miou, right)
