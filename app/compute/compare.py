"""Comparisons of upsamplers on one picture."""

import time
from collections.abc import Callable
from statistics import median

import streamlit as st
import torch
from jaxtyping import Float

from app.comparison import REFERENCE, compare
from app.compute.networks import head, maps
from app.compute.photos import manifest, picture
from app.records import Answer, Comparison, Values
from app.settings import CompareSettings, Source
from dysample.models.host import decode
from dysample.models.manifest import Kind
from dysample.ops.registry import OPERATORS

_REPEAT_WITHIN = 0.15  # seconds in which a head is timed again, so that small pictures are timed well


@st.cache_data(show_spinner=False, max_entries=64)
def answer(source: Source, task: str, longer_side: int, upsampler: str) -> Answer:
    """What a network with one upsampler says of a picture; the encoder runs once for all of them.

    Raises:
        ImageError: The file cannot be used.
        WeightsError: Weights are missing or damaged.
    """
    found, encoder_seconds = maps(source, task, longer_side)
    height, width = picture(source, task, longer_side).image.shape[:2]
    network = head(task, upsampler)
    with torch.inference_mode():
        output, seconds = _timed(lambda: decode(network, found, height, width).output)
        values = _VALUES[manifest().task(task).kind](output)
    parameters = sum(parameter.numel() for parameter in network.upsamplers.parameters())
    return Answer(values, seconds, encoder_seconds, parameters)


def _classes(logits: Float[torch.Tensor, "1 k h w"]) -> Values:
    return logits.argmax(1)[0].to(torch.uint8).numpy()


def _metres(depths: Float[torch.Tensor, "1 1 h w"]) -> Values:
    return depths[0, 0].float().contiguous().numpy()


_VALUES: dict[Kind, Callable[[torch.Tensor], Values]] = {"segmentation": _classes, "depth": _metres}


def warm(source: Source, settings: CompareSettings, tell: Callable[[str, float], None]) -> None:
    """Do the slow part of `comparison`, step by step.

    Args:
        source: The picture.
        settings: Task, upsamplers, working size.
        tell: Called before each step with its name and the share that is done, 0 to 1.

    Raises:
        ImageError: The file cannot be used.
        WeightsError: Weights are missing or damaged.
    """
    tell("Reading the picture", 0.0)
    picture(source, settings.task, settings.longer_side)
    names = _with_reference(settings)
    for number, name in enumerate(names, start=1):
        tell(f"{OPERATORS[name].label}, {number} of {len(names)}", (number - 0.5) / len(names))
        answer(source, settings.task, settings.longer_side, name)


@st.cache_data(show_spinner=False, max_entries=8)
def comparison(source: Source, settings: CompareSettings) -> Comparison:
    """Ask the network with every upsampler that is wanted, and compare the answers with bilinear's.

    Raises:
        ImageError: The file cannot be used.
        WeightsError: Weights are missing or damaged.
    """
    answers = {
        name: answer(source, settings.task, settings.longer_side, name) for name in _with_reference(settings)
    }
    task = manifest().task(settings.task)
    entries = {name: manifest().entry(settings.task, name) for name in settings.upsamplers}
    return compare(task, picture(source, settings.task, settings.longer_side), answers, entries)


def _with_reference(settings: CompareSettings) -> tuple[str, ...]:
    return (REFERENCE, *(name for name in settings.upsamplers if name != REFERENCE))


def _timed(run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, float]:
    """Run once, and again while that is quick; the median time is the one to show."""
    times: list[float] = []
    while True:
        started = time.perf_counter()
        output = run()
        times.append(time.perf_counter() - started)
        if sum(times) + times[-1] > _REPEAT_WITHIN:
            return output, median(times)
