"""The frozen records that pages pass from computing to drawing."""

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from dysample.measure.bench import BenchRow
from dysample.measure.machine import Machine
from dysample.measure.profile import ProfileReport
from dysample.measure.timing import Spread
from dysample.models.manifest import Task, WeightsEntry
from dysample.scores.depth import DepthDifference, DepthRanges, DepthScore
from dysample.scores.segmentation import Difference, SegmentationScore, Window

# One number for each pixel: class indices (255: unknown), or depths in metres (0: unknown).
Values = UInt8[np.ndarray, "h w"] | Float32[np.ndarray, "h w"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as the networks see it.

    Attributes:
        image: RGB, reduced to the working size.
        truth: What the task asks for, at that size; None where nobody knows it.
        original: Height and width before it was reduced.
    """

    image: UInt8[np.ndarray, "h w 3"]
    truth: Values | None
    original: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network with one upsampler says of every pixel.

    Attributes:
        values: Class indices, or depths in metres.
        head_seconds: Time of the head with its upsamplers.
        encoder_seconds: Time of the encoder, which all upsamplers share.
        parameters: Of the head's upsamplers together.
    """

    values: Values
    head_seconds: float
    encoder_seconds: float
    parameters: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One upsampler in a comparison.

    Attributes:
        name: Name in `OPERATORS`.
        label: Name for people.
        answer: What its network says.
        difference: How much that differs from the reference; None for the reference itself.
        score: On this picture, None without truth.
        weights: What is known of its training and its score on the test pictures.
    """

    name: str
    label: str
    answer: Answer
    difference: Difference | DepthDifference | None
    score: SegmentationScore | DepthScore | None
    weights: WeightsEntry


@dataclass(frozen=True, slots=True)
class Comparison:
    """One picture, one task, several upsamplers.

    Attributes:
        task: What the networks have in common.
        picture: What they looked at.
        reference: The answer that differences are counted against (bilinear's).
        reference_label: Name of its upsampler for people.
        compared: The upsamplers asked for.
        window: Where they differ most.
        ranges: What the ends of the colour scales stand for; None for classes, which need none.
    """

    task: Task
    picture: Picture
    reference: Values
    reference_label: str
    compared: tuple[Compared, ...]
    window: Window
    ranges: DepthRanges | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One picture to lay over the photograph.

    Attributes:
        title: Short name, shown above the picture.
        note: Small line under the title.
        png: Palette or RGBA PNG of the photograph's size.
        alt: The picture in words, for screen readers.
    """

    title: str
    note: str
    png: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One colour, ``#rrggbb``, and what it stands for."""

    name: str
    colour: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise ValueError(f"a legend colour must be written #rrggbb, got {self.colour!r}")


@dataclass(frozen=True, slots=True)
class ColourBar:
    """A scale from one end to the other.

    Attributes:
        title: What it measures, with its unit.
        colours: ``#rrggbb`` at equal distances, the first at the low end.
        ticks: Places along the bar, 0 to 1, and what they stand for.
        ends: What the two ends mean, in a word or two each.
    """

    title: str
    colours: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]
    ends: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Legend:
    """What the colours of layers mean.

    Attributes:
        entries: Every colour, for the reading under the pointer.
        bar: What is drawn in the place of the entries where these are too many; None for few.
    """

    entries: tuple[LegendEntry, ...]
    bar: ColourBar | None = None


@dataclass(frozen=True, slots=True)
class CostResult:
    """What was measured of upsamplers, as far as it is known.

    Attributes:
        title: Whose it is, for people.
        rows: In the order in which they were measured; those of the size in question come first.
        machine: Where.
        date: When, ISO 8601.
        command: What measures it again.
        copy: Bytes that a large copy reads and writes there, in thousand millions a second; None where
            the benchmark was ended before it could tell.
        profile: What calls spend their time on, of the first size; None where nobody looked.
        json: The whole report as a file; empty where the benchmark was ended before it could write it.
    """

    title: str
    rows: tuple[BenchRow, ...]
    machine: Machine
    date: str
    command: str
    copy: Spread | None
    profile: ProfileReport | None
    json: str
