"""How the answers of each kind of task are drawn, put into numbers and taken away: the one table of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal

from app.records import Compared, Comparison, Layer, Legend, Said
from app.settings import Show
from app.views.compare import archive, depth_panes, panes
from dysample.models.tasks import Kind, Task


@dataclass(frozen=True, slots=True)
class Number:
    """A column of the table of numbers.

    Attributes:
        title: Its heading, with the unit.
        record: What of a `Compared` holds the number.
        field: Name of the number there.
        form: How it is printed, as in C.
        words: What it is, for people.
        factor: What to multiply it by.
    """

    title: str
    record: Literal["difference", "score", "weights"]
    field: str
    form: str
    words: str
    factor: float = 1.0

    def of(self, each: Compared[Any]) -> float | None:
        """The number of one upsampler; None where there is none."""
        value: float | None = getattr(getattr(each, self.record), self.field, None)
        return None if value is None else self.factor * value


@dataclass(frozen=True, slots=True)
class Drawing(Generic[Said]):
    """What there is for one kind of answers.

    Attributes:
        answers: What the answers are called where people choose what to see.
        sentence: What a task's networks answer with.
        panes: One layer for each upsampler, and the truth where it is known and answers are shown.
        legend: What the colours of these layers mean.
        opacity: Of the layers over the photograph to begin with, 0 to 1.
        numbers: Columns of the table.
        maps: A ZIP of the answers themselves.
        maps_title: What the ZIP is called, for people.
        maps_ending: How the name of its file ends.
    """

    answers: str
    sentence: Callable[[Task], str]
    panes: Callable[[Comparison[Said], Show], tuple[Layer, ...]]
    legend: Callable[[Comparison[Said], Show], Legend]
    opacity: float
    numbers: tuple[Number, ...]
    maps: Callable[[Comparison[Said]], bytes]
    maps_title: str
    maps_ending: str


_ON_TEST = "On the task's test pictures; one training run"
_ON_TEST_CROP = "On the task's test pictures, within the Eigen crop; one training run."

DRAWINGS: dict[Kind, Drawing[Any]] = {
    "segmentation": Drawing(
        answers="Classes",
        sentence=panes.sentence,
        panes=panes.panes,
        legend=panes.legend,
        opacity=0.6,
        numbers=(
            Number(
                "Pixels changed (%)",
                "difference",
                "share",
                "%.2f",
                "Pixels with another class than with bilinear.",
                100,
            ),
            Number(
                "Changed at boundaries (%)",
                "difference",
                "boundary_share",
                "%.2f",
                "The same, within 2 % of the diagonal around class boundaries.",
                100,
            ),
            Number(
                "mIoU here (%)",
                "score",
                "miou",
                "%.2f",
                "Mean intersection over union on this one picture.",
                100,
            ),
            Number(
                "Boundary IoU here (%)",
                "score",
                "boundary_miou",
                "%.2f",
                "Boundary IoU (Cheng et al. 2021) on this one picture.",
                100,
            ),
            Number(
                "mIoU on test (%)",
                "weights",
                "miou",
                "%.2f",
                f"{_ON_TEST}, so small gaps mean little.",
                100,
            ),
            Number("Boundary IoU on test (%)", "weights", "boundary_miou", "%.2f", f"{_ON_TEST}.", 100),
        ),
        maps=archive.label_maps,
        maps_title="Label maps (ZIP of PNG)",
        maps_ending="labels",
    ),
    "depth": Drawing(
        answers="Depth",
        sentence=depth_panes.sentence,
        panes=depth_panes.panes,
        legend=depth_panes.legend,
        opacity=1.0,  # through a photograph, the shades of a scale could not be told
        numbers=(
            Number(
                "Mean change (cm)",
                "difference",
                "mean",
                "%.2f",
                "Mean distance of the depths from bilinear's.",
                100,
            ),
            Number(
                "Largest change (cm)",
                "difference",
                "largest",
                "%.1f",
                "The same for the one pixel that is farthest off.",
                100,
            ),
            Number(
                "δ1 here (%)",
                "score",
                "delta1",
                "%.2f",
                "Pixels of this picture less than a factor of 1.25 from the true depth.",
                100,
            ),
            Number(
                "AbsRel here (%)",
                "score",
                "abs_rel",
                "%.2f",
                "Mean error as a share of the true depth, on this one picture.",
                100,
            ),
            Number("RMS here (m)", "score", "rms", "%.3f", "Root mean square error on this one picture."),
            Number("δ1 on test (%)", "weights", "delta1", "%.2f", _ON_TEST_CROP, 100),
            Number("AbsRel on test (%)", "weights", "abs_rel", "%.2f", _ON_TEST_CROP, 100),
            Number("RMS on test (m)", "weights", "rms", "%.3f", _ON_TEST_CROP),
        ),
        maps=archive.depth_maps,
        maps_title="Depth maps (ZIP of 16-bit PNG and NPY)",
        maps_ending="depths",
    ),
}


def drawing(task: Task) -> Drawing[Any]:
    """What there is for the kind of a task."""
    return DRAWINGS[task.kind]
