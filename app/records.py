"""The frozen records that pages pass from computing to drawing."""

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from dysample.analysis.compare import Difference, Window
from dysample.analysis.scores import SegmentationScore
from dysample.models.weights import Task, WeightsEntry


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as the networks see it.

    Attributes:
        image: RGB, reduced to the working size.
        truth: True class indices at that size, None where nobody knows them.
        original: Height and width before it was reduced.
    """

    image: UInt8[np.ndarray, "h w 3"]
    truth: UInt8[np.ndarray, "h w"] | None
    original: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Labelling:
    """What a network with one upsampler says of every pixel.

    Attributes:
        labels: Class indices.
        head_seconds: Time of the head with its six upsamplers.
        encoder_seconds: Time of the encoder, which all upsamplers share.
        parameters: Of the six upsamplers together.
    """

    labels: UInt8[np.ndarray, "h w"]
    head_seconds: float
    encoder_seconds: float
    parameters: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One upsampler in a comparison.

    Attributes:
        name: Name in `OPERATORS`.
        label: Name for people.
        labelling: What its network says.
        difference: How much that differs from the reference; None for the reference itself.
        score: On this picture, None without truth.
        weights: What is known of its training and its score on the test pictures.
    """

    name: str
    label: str
    labelling: Labelling
    difference: Difference | None
    score: SegmentationScore | None
    weights: WeightsEntry


@dataclass(frozen=True, slots=True)
class Comparison:
    """One picture, one task, several upsamplers.

    Attributes:
        task: What the networks have in common.
        picture: What they looked at.
        reference: The labels that differences are counted against (bilinear's).
        reference_label: Name of their upsampler for people.
        compared: The upsamplers asked for.
        window: Where they differ most.
    """

    task: Task
    picture: Picture
    reference: UInt8[np.ndarray, "h w"]
    reference_label: str
    compared: tuple[Compared, ...]
    window: Window


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
