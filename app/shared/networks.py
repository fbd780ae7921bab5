"""Trained networks, loaded once for all visitors, and their upsampling steps on one picture."""

import threading
import time
from typing import Any

import streamlit as st
import torch
from torch import nn

from app.settings import Source, Subject
from app.shared.photos import manifest, picture
from dysample.explain.footprint import decision
from dysample.models import weights
from dysample.models.encoder import Encoder
from dysample.models.heads import Head
from dysample.models.host import encode
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS
from dysample.types import KernelRecord, Prediction, SamplingRecord, Step

_ENCODING = threading.Lock()  # visitors queue for the encoder, so that each is served at full speed
Maps = tuple[torch.Tensor, ...]


def trained(task: str) -> dict[str, str]:
    """Return the display names of the upsamplers that a task has weights for, in the table's order."""
    names = {entry.upsampler for entry in manifest().heads(task)}
    return {name: spec.label for name, spec in OPERATORS.items() if name in names}


def untrained(task: str) -> tuple[str, ...]:
    """Return the display names of the upsamplers that a task has no weights for."""
    names = trained(task)
    return tuple(spec.label for name, spec in OPERATORS.items() if name not in names)


def encoder(task: str) -> Encoder:
    """Load the encoder of a task, in the memory layout that is fastest on a CPU."""
    return _encoder(_owner(task))


def head(task: str, upsampler: str) -> Head:
    """Load the head of a task that was trained with an upsampler."""
    return _head(_owner(task), upsampler)


def maps(source: Source, task: str, longer_side: int) -> tuple[Maps, float]:
    """Return the encoder's maps of a picture, and the seconds that they took."""
    return _maps(source, _owner(task), longer_side)


def _owner(task: str) -> str:
    """Return the task whose networks a task shares: they are loaded, and the encoder is run, once for all."""
    owner = manifest().task(task).owner
    return owner if owner in [known.name for known in manifest().tasks] else task


@st.cache_resource(show_spinner=False)
def _encoder(task: str) -> Encoder:
    loaded = weights.load_encoder(task, manifest=manifest())
    return loaded.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]


@st.cache_resource(show_spinner=False)
def _head(task: str, upsampler: str) -> Head:
    return weights.load_head(task, upsampler, _encoder(task).channels, manifest=manifest())


@st.cache_resource(show_spinner=False, max_entries=4)
def _maps(source: Source, task: str, longer_side: int) -> tuple[Maps, float]:
    image = torch.from_numpy(picture(source, task, longer_side).image.copy())
    batch = image.permute(2, 0, 1)[None].float() / 255  # channels-last in memory, faster on CPUs
    network = _encoder(task)
    with _ENCODING, torch.inference_mode():
        started = time.perf_counter()
        encoded = tuple(x.contiguous() for x in encode(network, batch))  # samplers are fastest so
        return encoded, time.perf_counter() - started


@st.cache_resource(show_spinner=False, max_entries=4)
def prediction(subject: Subject) -> Prediction[Any]:
    """Return the network's output with all upsampling steps, whose maps are those of the padded picture.

    Raises:
        ImageError: If the picture cannot be used.
        WeightsError: If weights are missing or damaged.
    """
    encoded, _ = maps(subject.source, subject.task, subject.longer_side)
    height, width = picture(subject.source, subject.task, subject.longer_side).image.shape[:2]
    with torch.inference_mode():
        return head(subject.task, subject.upsampler).decode(encoded, height, width)


def step(subject: Subject, name: str) -> Step:
    """Return an upsampling step of the network by its name.

    Raises:
        ValueError: If no step has that name.
    """
    steps = {step.name: step for step in prediction(subject).steps}
    if name not in steps:
        raise ValueError(f"no step is called {name!r}; there are {', '.join(steps)}")
    return steps[name]


def operator(subject: Subject, name: str) -> nn.Module:
    """Return the trained upsampler of a step: shared by all visitors, never to be changed."""
    return head(subject.task, subject.upsampler).upsamplers[name]


@st.cache_resource(show_spinner=False, max_entries=16)
def record(subject: Subject, name: str) -> SamplingRecord | KernelRecord | None:
    """Return the record of a step's upsampler; None for upsamplers that mix channels as well as pixels."""
    at = step(subject, name)
    with torch.inference_mode():
        return decision(operator(subject, name), at.input, at.guide)


def points_move(subject: Subject, name: str) -> bool:
    """Return whether the upsampler of a step predicts where it samples."""
    return isinstance(operator(subject, name), DySample)
