"""`DRAWINGS`: how outputs of each kind of task are drawn, listed in numbers, and downloaded."""

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
        title: Heading, with the unit.
        record: Field of `Compared` whose record holds the number.
        field: Name of the number in that record.
        form: Printf-style format.
        words: Help text of the column.
        factor: Factor from the stored number to the shown one.
    """

    title: str
    record: Literal["difference", "score", "weights"]
    field: str
    form: str
    words: str
    factor: float = 1.0

    def of(self, row: Compared[Any]) -> float | None:
        """Return the number of one upsampler; None where there is none."""
        value: float | None = getattr(getattr(row, self.record), self.field, None)
        return None if value is None else self.factor * value


@dataclass(frozen=True, slots=True)
class Drawing(Generic[Said]):
    """How the page shows the outputs of one kind of task.

    Attributes:
        answers: Label of the outputs in the choice of what to show.
        sentence: Returns a sentence on the output of a task's networks.
        panes: Returns a layer per upsampler, then one of the truth if it is known and answers are shown.
        legend: Returns the legend of these layers.
        opacity: Initial opacity of the layers over the photograph, 0 to 1.
        numbers: Columns of the table.
        maps: Returns a ZIP of the outputs.
        maps_title: Label of its download.
        maps_ending: Ending of its file name, before the extension.
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
        opacity=1.0,  # translucent shades of a scale could not be told apart
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
    """Return how outputs of a task are shown."""
    return DRAWINGS[task.kind]
