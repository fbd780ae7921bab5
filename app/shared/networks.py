"""Trained networks, loaded once for all visitors."""

import threading
import time

import streamlit as st
import torch
from torch import nn

from app.settings import Source, Subject
from app.shared.photos import manifest, picture
from dysample.explain.footprint import decision
from dysample.models import weights
from dysample.models.encoder import Encoder
from dysample.models.host import decode, encode
from dysample.models.tasks import TaskHead
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS
from dysample.types import KernelRecord, Prediction, SamplingRecord, Step

_ENCODING = threading.Lock()  # visitors queue for the encoder, so that each is served at full speed
Maps = tuple[torch.Tensor, ...]


def trained(task: str) -> dict[str, str]:
    """Names for people of the upsamplers that a task has weights for, in the table's order."""
    there = {entry.upsampler for entry in manifest().heads(task)}
    return {name: spec.label for name, spec in OPERATORS.items() if name in there}


def untrained(task: str) -> tuple[str, ...]:
    """Names for people of the other upsamplers."""
    there = trained(task)
    return tuple(spec.label for name, spec in OPERATORS.items() if name not in there)


@st.cache_resource(show_spinner=False)
def encoder(task: str) -> Encoder:
    """The encoder of a task, in the layout that is fastest on a CPU."""
    loaded = weights.load_encoder(task, manifest=manifest())
    return loaded.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]


@st.cache_resource(show_spinner=False)
def head(task: str, upsampler: str) -> TaskHead:
    """The head of a task that was trained with an upsampler."""
    return weights.load_head(task, upsampler, encoder(task).channels, manifest=manifest())


@st.cache_resource(show_spinner=False, max_entries=4)
def maps(source: Source, task: str, longer_side: int) -> tuple[Maps, float]:
    """An encoder's maps of a picture, and the seconds that they took."""
    image = torch.from_numpy(picture(source, task, longer_side).image.copy())
    batch = image.permute(2, 0, 1)[None].float() / 255  # channels-last in memory, faster on CPUs
    network = encoder(task)
    with _ENCODING, torch.inference_mode():
        started = time.perf_counter()
        found = tuple(x.contiguous() for x in encode(network, batch))  # as the samplers like them
        return found, time.perf_counter() - started


# What the explorer pages look into: the steps of one network on one picture.


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
