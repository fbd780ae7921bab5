"""Trained networks, loaded once for all visitors, and their upsampling steps on one picture."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

from app.settings import Source, Subject
from app.shared import engine
from app.shared.cache import cached
from app.shared.photos import manifest, picture
from dysample.explain.footprint import decision
from dysample.models import weights
from dysample.models.encoder import STRIDES, Encoder
from dysample.models.heads import Head
from dysample.models.host import encode
from dysample.models.tasks import KINDS
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS
from dysample.types import KernelRecord, Prediction, SamplingRecord, Step

_CPU = torch.device("cpu")
ENCODER_BYTES = 240  # for every pixel at the peak of the encoder, MobileNetV2, in float32 on a CPU
Maps = tuple[torch.Tensor, ...]
_T = TypeVar("_T")


def trained(task: str) -> dict[str, str]:
    """Return the display names of the upsamplers that a task has weights for, in the table's order."""
    names = {entry.upsampler for entry in manifest().heads(task)}
    return {name: spec.label for name, spec in OPERATORS.items() if name in names}


def untrained(task: str) -> tuple[str, ...]:
    """Return the display names of the upsamplers that a task has no weights for."""
    names = trained(task)
    return tuple(spec.label for name, spec in OPERATORS.items() if name not in names)


def encoder(task: str) -> Encoder:
    """Load the encoder of a task, on the device of the engine."""
    return _encoder(_owner(task))


def head(task: str, upsampler: str) -> Head:
    """Load the head of a task that was trained with an upsampler, on the device of the engine."""
    return _head(_owner(task), upsampler)


def maps(source: Source, task: str, longer_side: int) -> tuple[Maps, float]:
    """Return the encoder's maps of a picture, on the device, and the seconds that they took.

    Raises:
        ImageError: If the picture cannot be used.
        WeightsError: If weights are missing or damaged.
        EngineError: If the network cannot be run now.
    """
    return _maps(source, _owner(task), longer_side)


def head_bytes(task: str, shape: tuple[int, ...]) -> int:
    """Return the bytes that a head takes at its peak on a picture of some rows and columns."""
    row = manifest().task(task)
    return KINDS[row.kind].peak_bytes(row) * _padded_pixels(shape)


def _padded_pixels(shape: tuple[int, ...]) -> int:
    height, width = (side + -side % STRIDES[-1] for side in shape[:2])
    return height * width


def _owner(task: str) -> str:
    """Return the task whose networks a task shares: they are loaded, and the encoder is run, once for all."""
    owner = manifest().task(task).owner
    return owner if owner in [known.name for known in manifest().tasks] else task


@cached
def _encoder(task: str) -> Encoder:
    loaded = weights.load_encoder(task, manifest=manifest())
    return engine.to_device(loaded)


@cached
def _head(task: str, upsampler: str) -> Head:
    return engine.on_device(_loaded_head(task, upsampler))


@cached
def _loaded_head(task: str, upsampler: str) -> Head:
    return weights.load_head(task, upsampler, _encoder(task).channels, manifest=manifest())


@cached
def _maps(source: Source, task: str, longer_side: int) -> tuple[Maps, float]:
    image = picture(source, task, longer_side).image
    network = _encoder(task)
    with engine.turn(image.shape, needs=ENCODER_BYTES * _padded_pixels(image.shape)):
        batch = torch.from_numpy(image.copy()).to(engine.device())
        batch = batch.permute(2, 0, 1)[None].float() / 255  # channels-last in memory, faster on CPUs
        engine.finished()
        started = time.perf_counter()
        encoded = tuple(x.contiguous() for x in encode(network, batch))  # samplers are fastest so
        engine.finished()
        return encoded, time.perf_counter() - started


@cached
def prediction(subject: Subject) -> Prediction[Any]:
    """Return the network's output with all upsampling steps, whose maps are those of the padded picture.

    Raises:
        ImageError: If the picture cannot be used.
        WeightsError: If weights are missing or damaged.
        EngineError: If the network cannot be run now.
    """
    return _decoded(subject, lambda network, encoded, shape: network.decode(encoded, *shape[:2]))


def steps(subject: Subject) -> tuple[Step, ...]:
    """Return the network's upsampling steps, which are not kept."""
    return _decoded(subject, lambda network, encoded, shape: network.steps(encoded))


def _decoded(subject: Subject, work: Callable[[Head, Maps, tuple[int, ...]], _T]) -> _T:
    """Return, on the CPU, what the head makes of the maps of a picture of some rows and columns."""
    encoded, _ = maps(subject.source, subject.task, subject.longer_side)
    shape = picture(subject.source, subject.task, subject.longer_side).image.shape
    network = head(subject.task, subject.upsampler)
    with engine.turn(shape, needs=head_bytes(subject.task, shape)):
        return engine.moved(work(network, encoded, shape), _CPU)


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
    """Return the trained upsampler of a step on the CPU: shared by all visitors, never to be changed."""
    return _loaded_head(_owner(subject.task), subject.upsampler).upsamplers[name]


@cached
def record(subject: Subject, name: str) -> SamplingRecord | KernelRecord | None:
    """Return the record of a step's upsampler; None for upsamplers that mix channels as well as pixels."""
    at, network = step(subject, name), operator(subject, name)
    with torch.inference_mode():
        return decision(network, at.input, at.guide)


def points_move(subject: Subject, name: str) -> bool:
    """Return whether the upsampler of a step predicts where it samples."""
    return isinstance(operator(subject, name), DySample)
