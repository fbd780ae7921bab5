"""Everything that is computed and cached: the one place that knows Streamlit's caches."""

import threading
import time
from collections.abc import Callable
from statistics import median

import cv2
import streamlit as st
import torch

from app import pictures
from app.comparison import REFERENCE, compare
from app.records import Comparison, Labelling, Picture
from app.settings import CompareSettings, Source
from dysample import images
from dysample.models import weights
from dysample.models.encoder import Encoder
from dysample.models.host import decode, encode
from dysample.models.segformer_head import SegFormerHead
from dysample.ops.registry import OPERATORS

_REPEAT_WITHIN = 0.15  # seconds in which a head is timed again, so that small pictures are timed well
_ENCODING = threading.Lock()  # visitors queue for the encoder, so that each is served at full speed
Maps = tuple[torch.Tensor, ...]


@st.cache_resource(show_spinner=False)
def manifest() -> weights.Manifest:
    """The list of the trained weights."""
    return weights.load_manifest()


@st.cache_resource(show_spinner=False)
def gallery() -> dict[str, pictures.GalleryItem]:
    """The gallery by key."""
    return {item.key: item for item in pictures.gallery()}


def trained(task: str) -> dict[str, str]:
    """Names for people of the upsamplers that a task has weights for, in the table's order."""
    there = {entry.upsampler for entry in manifest().heads(task)}
    return {name: spec.label for name, spec in OPERATORS.items() if name in there}


def untrained(task: str) -> tuple[str, ...]:
    """Names for people of the other upsamplers."""
    there = trained(task)
    return tuple(spec.label for name, spec in OPERATORS.items() if name not in there)


@st.cache_data(show_spinner=False, max_entries=64)
def thumbnail(key: str, height: int) -> bytes:
    """A small PNG of a gallery picture."""
    image = gallery()[key].preview().image
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes()


@st.cache_resource(show_spinner=False, max_entries=4)
def photograph(source: Source) -> pictures.Photograph:
    """Read a picture at its own size.

    Raises:
        ImageError: The file cannot be used.
    """
    if source.data is not None:
        return pictures.without_truth(images.to_uint8(images.decode(source.data)))
    return gallery()[source.name].load()


@st.cache_data(show_spinner=False, max_entries=8)
def picture(source: Source, task: str, longer_side: int) -> Picture:
    """Read a picture and reduce it.

    Raises:
        ImageError: The file cannot be used.
    """
    found = photograph(source)
    height, width = found.image.shape[:2]
    truth = found.truth(manifest().task(task).classes)
    if 0 < longer_side < max(height, width):
        factor = longer_side / max(height, width)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        reduced = cv2.resize(found.image, size, interpolation=cv2.INTER_AREA)
        truth = None if truth is None else cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST)
        return Picture(reduced, truth, (height, width))
    return Picture(found.image, truth, (height, width))


@st.cache_data(show_spinner=False, max_entries=64)
def labelling(source: Source, task: str, longer_side: int, upsampler: str) -> Labelling:
    """Segment a picture with one upsampler; the encoder runs once for all of them.

    Raises:
        ImageError: The file cannot be used.
        WeightsError: Weights are missing or damaged.
    """
    maps, encoder_seconds = _maps(source, task, longer_side)
    height, width = picture(source, task, longer_side).image.shape[:2]
    head = _head(task, upsampler)
    with torch.inference_mode():
        logits, seconds = _timed(lambda: decode(head, maps, height, width).output)
        labels = logits.argmax(1)[0].to(torch.uint8).numpy()
    parameters = sum(parameter.numel() for parameter in head.upsamplers.parameters())
    return Labelling(labels, seconds, encoder_seconds, parameters)


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
        labelling(source, settings.task, settings.longer_side, name)


@st.cache_data(show_spinner=False, max_entries=8)
def comparison(source: Source, settings: CompareSettings) -> Comparison:
    """Segment a picture with every upsampler asked for, and compare them with bilinear.

    Raises:
        ImageError: The file cannot be used.
        WeightsError: Weights are missing or damaged.
    """
    labellings = {
        name: labelling(source, settings.task, settings.longer_side, name)
        for name in _with_reference(settings)
    }
    task = manifest().task(settings.task)
    entries = {name: manifest().entry(settings.task, name) for name in settings.upsamplers}
    return compare(task, picture(source, settings.task, settings.longer_side), labellings, entries)


def _with_reference(settings: CompareSettings) -> tuple[str, ...]:
    return (REFERENCE, *(name for name in settings.upsamplers if name != REFERENCE))


@st.cache_resource(show_spinner=False)
def _encoder(task: str) -> Encoder:
    encoder = weights.load_encoder(task, manifest=manifest())
    return encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]


@st.cache_resource(show_spinner=False)
def _head(task: str, upsampler: str) -> SegFormerHead:
    return weights.load_head(task, upsampler, _encoder(task).channels, manifest=manifest())


@st.cache_resource(show_spinner=False, max_entries=4)
def _maps(source: Source, task: str, longer_side: int) -> tuple[Maps, float]:
    image = torch.from_numpy(picture(source, task, longer_side).image)
    batch = image.permute(2, 0, 1)[None].float() / 255  # channels-last in memory, faster on CPUs
    encoder = _encoder(task)
    with _ENCODING, torch.inference_mode():
        started = time.perf_counter()
        maps = tuple(x.contiguous() for x in encode(encoder, batch))  # as the samplers like them
        return maps, time.perf_counter() - started


def _timed(run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, float]:
    """Run once, and again while that is quick; the median time is the one to show."""
    times: list[float] = []
    while True:
        started = time.perf_counter()
        output = run()
        times.append(time.perf_counter() - started)
        if sum(times) + times[-1] > _REPEAT_WITHIN:
            return output, median(times)
