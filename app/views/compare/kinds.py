"""`DRAWINGS`: how outputs of each kind of task are drawn, listed in numbers, and downloaded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal

from app.records import Compared, Comparison, Layer, Legend, Said
from app.settings import Show
from app.views.compare import archive, depth_panes, object_archive, object_panes, panes, panoptic_panes
from dysample.models.tasks import Kind, Task


@dataclass(frozen=True, slots=True)
class Number:
    """A column of the table of numbers.

    Attributes:
        title: Heading, with the unit.
        record: Field of `Compared` whose record holds the number.
        field: Name of the number in that record.
        form: Printf-style format.
        words: Help text of the column; `{reference}` stands for the upsampler that it is compared with.
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
        differs: Returns how much one output differs from another, in words.
        same: Returns whether two outputs are alike, given their difference.
        found: Returns the number of classes or objects that an output names; None for amounts of which there
            is always something.
        empty: Returns, in words, that an output holds next to nothing; empty if it holds something.
        count: Counts the objects of an output; None for outputs without objects.
        beside: Whether changes or errors have a pane beside the outputs, which look alike.
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
    differs: Callable[[Any], str]
    same: Callable[[Any], bool]
    found: Callable[[Task, Said], int] | None = None
    empty: Callable[[Task, Said], str] = lambda task, said: ""
    count: Callable[[Task, Said], int] | None = None
    beside: bool = False


_ON_TEST = "On the task's test pictures; one training run"
_ON_TEST_CROP = "On the task's test pictures, within the Eigen crop; one training run."

_ONLY_HERE = (
    "What this upsampler finds, and {reference} does not: nothing of its class has an IoU of 0.5 with it."
)
_ONLY_THERE = "What {reference} finds, and this upsampler does not."
_PIXELS = "Pixels that belong to another object or class than with {reference}."
_AP_HERE = (
    "Average precision on this one picture, mean over IoU thresholds from 0.5 to 0.95. It ranks all objects, "
    "also those below the score threshold."
)
_AP50_HERE = "The same at an IoU of 0.5."
_AP75_HERE = "The same at an IoU of 0.75."
_BOUNDARY_AP = "The same, where the overlap of outlines counts as well (Cheng et al. 2021)."
_PQ_HERE = "Panoptic quality of this one picture, with the objects from the score threshold on: SQ times RQ."
_SQ_HERE = "Mean IoU of the segments that match true ones, mean over the classes."
_RQ_HERE = "F1 score of finding the segments, mean over the classes."
_OBJECTS = (
    Number("Objects added", "difference", "only_here", "%d", _ONLY_HERE),
    Number("Objects lost", "difference", "only_there", "%d", _ONLY_THERE),
)
_BOX_OVERLAP = Number(
    "IoU of boxes (%)", "difference", "mean_iou", "%.1f", "Of the objects that {reference} finds too.", 100
)
_MASK_OVERLAP = Number(
    "IoU of masks (%)", "difference", "mean_iou", "%.1f", "Of the objects that {reference} finds too.", 100
)

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
                "Pixels with another class than with {reference}.",
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
        differs=panes.differs,
        same=panes.same,
        found=panes.found,
        empty=panes.empty,
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
                "Mean distance of the depths from {reference}'s.",
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
        differs=depth_panes.differs,
        same=depth_panes.same,
        beside=True,
    ),
    "detection": Drawing(
        answers="Boxes",
        sentence=object_panes.box_sentence,
        panes=object_panes.panes,
        legend=object_panes.legend,
        opacity=1.0,  # lines and labels are opaque, so that they can be read; fillings are translucent
        numbers=(
            *_OBJECTS,
            _BOX_OVERLAP,
            Number("Box AP here (%)", "score", "box_ap", "%.1f", _AP_HERE, 100),
            Number("Box AP50 here (%)", "score", "box_ap50", "%.1f", _AP50_HERE, 100),
            Number("Box AP75 here (%)", "score", "box_ap75", "%.1f", _AP75_HERE, 100),
            Number("Box AP on test (%)", "weights", "box_ap", "%.2f", f"{_ON_TEST}.", 100),
            Number("Box AP50 on test (%)", "weights", "box_ap50", "%.2f", f"{_ON_TEST}.", 100),
        ),
        maps=object_archive.object_maps,
        maps_title="Boxes (ZIP of COCO JSON)",
        maps_ending="boxes",
        differs=object_panes.box_differs,
        same=object_panes.same,
        found=object_panes.count,
        empty=object_panes.empty,
        count=object_panes.count,
    ),
    "instances": Drawing(
        answers="Objects",
        sentence=object_panes.mask_sentence,
        panes=object_panes.panes,
        legend=object_panes.legend,
        opacity=1.0,
        numbers=(
            *_OBJECTS,
            _MASK_OVERLAP,
            Number("Pixels changed (%)", "difference", "share", "%.2f", _PIXELS, 100),
            Number("Mask AP here (%)", "score", "mask_ap", "%.1f", _AP_HERE, 100),
            Number("Mask AP50 here (%)", "score", "mask_ap50", "%.1f", _AP50_HERE, 100),
            Number("Boundary AP here (%)", "score", "boundary_ap", "%.1f", _BOUNDARY_AP, 100),
            Number("Mask AP on test (%)", "weights", "mask_ap", "%.2f", f"{_ON_TEST}.", 100),
            Number("Boundary AP on test (%)", "weights", "boundary_ap", "%.2f", f"{_ON_TEST}.", 100),
        ),
        maps=object_archive.object_maps,
        maps_title="Objects (ZIP of COCO JSON and PNG)",
        maps_ending="objects",
        differs=object_panes.mask_differs,
        same=object_panes.same,
        found=object_panes.count,
        empty=object_panes.empty,
        count=object_panes.count,
    ),
    "panoptic": Drawing(
        answers="Segments",
        sentence=panoptic_panes.sentence,
        panes=panoptic_panes.panes,
        legend=panoptic_panes.legend,
        opacity=1.0,
        numbers=(
            Number("Segments added", "difference", "only_here", "%d", _ONLY_HERE),
            Number("Segments lost", "difference", "only_there", "%d", _ONLY_THERE),
            Number("Pixels changed (%)", "difference", "share", "%.2f", _PIXELS, 100),
            Number("PQ here (%)", "score", "pq", "%.1f", _PQ_HERE, 100),
            Number("SQ here (%)", "score", "sq", "%.1f", _SQ_HERE, 100),
            Number("RQ here (%)", "score", "rq", "%.1f", _RQ_HERE, 100),
            Number("PQ on test (%)", "weights", "pq", "%.2f", f"{_ON_TEST}.", 100),
            Number("SQ on test (%)", "weights", "sq", "%.2f", f"{_ON_TEST}.", 100),
            Number("RQ on test (%)", "weights", "rq", "%.2f", f"{_ON_TEST}.", 100),
        ),
        maps=object_archive.panoptic_maps,
        maps_title="Panoptic maps (ZIP of COCO JSON and PNG)",
        maps_ending="panoptic",
        differs=panes.differs,
        same=panes.same,
        found=panoptic_panes.count,
        empty=panoptic_panes.empty,
        count=panoptic_panes.count,
    ),
}


def drawing(task: Task) -> Drawing[Any]:
    """Return how outputs of a task are shown."""
    return DRAWINGS[task.kind]
