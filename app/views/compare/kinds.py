"""How the answers of each kind of task are drawn and taken away: the one table of it."""

from collections.abc import Callable
from dataclasses import dataclass

from app.records import Comparison, Layer, Legend
from app.settings import Show
from app.views.compare import depth_panes, numbers, panes
from dysample.models.manifest import Kind, Task


@dataclass(frozen=True, slots=True)
class Drawing:
    """What there is for one kind of answers.

    Attributes:
        sentence: What a task's networks answer with.
        panes: One layer for each upsampler, and the truth where it is known and answers are shown.
        legend: What the colours of these layers mean.
        maps: A ZIP of the answers themselves.
        opacity: Of the layers over the photograph to begin with, 0 to 1.
    """

    sentence: Callable[[Task], str]
    panes: Callable[[Comparison, Show], tuple[Layer, ...]]
    legend: Callable[[Comparison, Show], Legend]
    maps: Callable[[Comparison], bytes]
    opacity: float


_DRAWINGS: dict[Kind, Drawing] = {
    "segmentation": Drawing(panes.sentence, panes.panes, panes.legend, numbers.label_maps, opacity=0.6),
    # Through a photograph, the shades of a scale could not be told.
    "depth": Drawing(
        depth_panes.sentence, depth_panes.panes, depth_panes.legend, numbers.depth_maps, opacity=1.0
    ),
}


def drawing(task: Task) -> Drawing:
    """What there is for the kind of a task."""
    return _DRAWINGS[task.kind]
