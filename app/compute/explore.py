"""What the explorer pages look into: the steps of one network on one picture."""

import streamlit as st
import torch
from torch import nn

from app.compute.networks import head, maps
from app.compute.photos import picture
from app.settings import Subject
from dysample.analysis.footprint import decision
from dysample.models.host import decode
from dysample.ops.dysample import DySample
from dysample.types import KernelRecord, Prediction, SamplingRecord, Step


@st.cache_resource(show_spinner=False, max_entries=4)
def prediction(subject: Subject) -> Prediction:
    """The network's answer with every upsampling on the way; the maps are those of the padded picture.

    Raises:
        ImageError: The picture cannot be used.
        WeightsError: Weights are missing or damaged.
    """
    found, _ = maps(subject.source, subject.task, subject.longer_side)
    height, width = picture(subject.source, subject.task, subject.longer_side).image.shape[:2]
    with torch.inference_mode():
        return decode(head(subject.task, subject.upsampler), found, height, width)


def step(subject: Subject, name: str) -> Step:
    """One upsampling of the network by its name.

    Raises:
        ValueError: There is none of that name.
    """
    steps = {each.name: each for each in prediction(subject).steps}
    if name not in steps:
        raise ValueError(f"no step is called {name!r}; there are {', '.join(steps)}")
    return steps[name]


def operator(subject: Subject, name: str) -> nn.Module:
    """The trained upsampler of a step: shared by all visitors, never to be changed."""
    return head(subject.task, subject.upsampler).upsamplers[name]


@st.cache_resource(show_spinner=False, max_entries=16)
def record(subject: Subject, name: str) -> SamplingRecord | KernelRecord | None:
    """What the upsampler of a step decided; None where it mixes channels as well as pixels."""
    at = step(subject, name)
    with torch.inference_mode():
        return decision(operator(subject, name), at.input, at.guide)


def points_move(subject: Subject, name: str) -> bool:
    """Whether the upsampler of a step samples at points that it moves."""
    return isinstance(operator(subject, name), DySample)
