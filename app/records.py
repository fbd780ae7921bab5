"""Frozen records that pages pass from computation to drawing."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import UInt8

from dysample.measure.bench import BenchRow
from dysample.measure.machine import Machine
from dysample.measure.profile import ProfileReport
from dysample.measure.timing import Spread
from dysample.models.annotations import Annotation
from dysample.models.manifest import WeightsEntry
from dysample.models.tasks import Task
from dysample.scores.depth import DepthRanges
from dysample.scores.scorers import AnswerDifference, Score
from dysample.scores.segmentation import Window
from dysample.scores.specs import ScoreSpec
from dysample.sheet import ColourBar as ColourBar
from dysample.sheet import Legend as Legend
from dysample.sheet import LegendEntry as LegendEntry

# What is said of a picture, by a network or as the truth: the record of the task's kind.
Said = TypeVar("Said", bound=Annotation)


@dataclass(frozen=True, slots=True)
class Picture(Generic[Said]):
    """A picture as the networks see it.

    Attributes:
        image: RGB at the working size.
        truth: Ground truth of the task at the working size; None where it is unknown.
        original: Height and width before the reduction.
        name: Key in the gallery, or name of the file.
    """

    image: UInt8[np.ndarray, "h w 3"]
    truth: Said | None
    original: tuple[int, int]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """How a network was run on a picture, where memory leaves a choice.

    Attributes:
        tiles: Number of overlapping tiles that the picture was computed in; 1 for one pass.
        on_cpu: Whether the CPU computed it because the memory of the usual device did not suffice.
    """

    tiles: int = 1
    on_cpu: bool = False


ONE_PASS = Route()


@dataclass(frozen=True, slots=True)
class Answer(Generic[Said]):
    """The output of a network with one upsampler for a picture.

    Attributes:
        annotation: What it says, as far as it is shown: without objects whose score is below the threshold.
        parameters: Total number of parameters of the head's upsamplers.
        scored: What the score on the picture is of, where that is more than is shown: average precision
            ranks all objects; None where it is what is shown.
        way: How the network was run.
    """

    annotation: Said
    parameters: int
    scored: Said | None = None
    way: Route = ONE_PASS


@dataclass(frozen=True, slots=True)
class Compared(Generic[Said]):
    """One upsampler in a comparison.

    Attributes:
        name: Name in `OPERATORS`.
        label: Display name.
        answer: Output of its network.
        difference: Its difference from the reference; None for the reference itself.
        score: Score on this picture; None without ground truth.
        weights: Entry of the manifest: its training, and its score on the test pictures.
    """

    name: str
    label: str
    answer: Answer[Said]
    difference: AnswerDifference | None
    score: Score | None
    weights: WeightsEntry


@dataclass(frozen=True, slots=True)
class Sides:
    """Two upsamplers of a comparison beside each other.

    Attributes:
        left: Display name of the first.
        right: Display name of the second.
        difference: Difference of the second one's output to the first one's.
        score: The task's most important score.
        before: The first one's score on the picture; None where it has none.
        after: The second one's, likewise.
    """

    left: str
    right: str
    difference: AnswerDifference
    score: ScoreSpec
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Comparison(Generic[Said]):
    """Several upsamplers on one picture and one task.

    Attributes:
        task: The task that all networks were trained for.
        picture: The picture that they were run on.
        reference: The output that differences are counted against.
        reference_label: Display name of its upsampler.
        compared: The chosen upsamplers.
        window: Where they differ most.
        ranges: Values at the ends of the colour scales; None for classes, which need none.
        threshold: Least score of the objects that are shown; None for kinds of tasks without objects.
        whole: The comparison of the whole picture that this one is the window of; None for a whole picture.
    """

    task: Task
    picture: Picture[Said]
    reference: Said
    reference_label: str
    compared: tuple[Compared[Said], ...]
    window: Window
    ranges: DepthRanges | None
    threshold: float | None = None
    whole: "Comparison[Said] | None" = None

    @property
    def reference_name(self) -> str:
        """The display name of the reference's upsampler as it is written within a sentence."""
        return within_sentence(self.reference_label)


def within_sentence(label: str) -> str:
    """Return a display name as it is written within a sentence: "bilinear", but "DySample"."""
    return label.lower() if label.istitle() else label


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture to lay over the photograph.

    Attributes:
        title: Short name, shown above the picture.
        note: Small print under the title.
        png: Palette or RGBA PNG of the photograph's size.
        alt: Text alternative of the picture, for screen readers.
    """

    title: str
    note: str
    png: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the before/after bar.

    Attributes:
        label: Display name of the upsampler.
        classes: Class of every pixel that is shown.
        miou: Mean intersection over union in the whole picture.
        right: Share of the whole picture's labelled pixels that have their true class.
    """

    label: str
    classes: UInt8[np.ndarray, "h w"]
    miou: float
    right: float


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """The same picture and network with two upsamplers.

    Attributes:
        task: What the network was trained for.
        image: RGB of the part that is shown.
        sides: Before, and after.
    """

    task: Task
    image: UInt8[np.ndarray, "h w 3"]
    sides: tuple[Side, Side]


@dataclass(frozen=True, slots=True)
class CostResult:
    """The measurements of upsamplers, as far as they have come.

    Attributes:
        title: Display name of where the measurements come from.
        rows: In the order of measurement; those of the size in question come first.
        machine: The machine that they were taken on.
        date: Date of the measurement, ISO 8601.
        command: Command line that repeats the measurement.
        copy: Bytes that a large copy reads and writes on it, in 10⁹ per second; None where the benchmark
            ended before it was measured.
        profile: Where calls of the first size spend their time; None where they were not profiled.
        json: The whole report as JSON; empty where the benchmark ended before it was written.
        load: Processor cores that this server kept busy meanwhile; 0 if it was not this server.
    """

    title: str
    rows: tuple[BenchRow, ...]
    machine: Machine
    date: str
    command: str
    copy: Spread | None
    profile: ProfileReport | None
    json: str
    load: float = 0.0
