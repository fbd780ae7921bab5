"""Trained networks, loaded once for all visitors."""

import threading
import time

import streamlit as st
import torch

from app.compute.photos import manifest, picture
from app.settings import Source
from dysample.models import weights
from dysample.models.encoder import Encoder
from dysample.models.host import encode
from dysample.models.weights import TaskHead
from dysample.ops.registry import OPERATORS

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
