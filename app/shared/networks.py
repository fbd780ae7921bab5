"""Trained networks, as pages ask for them: their answers and upsampling steps on one picture."""

import torch
from torch import nn

from app.settings import Source, Subject
from app.shared.cache import cached
from app.shared.engine.local import NETWORKS, chosen
from app.shared.engine.networks import Job
from app.shared.photos import manifest, picture
from dysample.explain.footprint import decision
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS
from dysample.types import KernelRecord, SamplingRecord, Step


def trained(task: str) -> dict[str, str]:
    """Return the display names of the upsamplers that a task has weights for, in the table's order."""
    names = {entry.upsampler for entry in manifest().heads(task)}
    return {name: spec.label for name, spec in OPERATORS.items() if name in names}


def untrained(task: str) -> tuple[str, ...]:
    """Return the display names of the upsamplers that a task has no weights for."""
    names = trained(task)
    return tuple(spec.label for name, spec in OPERATORS.items() if name not in names)


def job(source: Source, task: str, longer_side: int, upsampler: str) -> Job:
    """Return what the engine is asked about a picture at a working size.

    Raises:
        ImageError: If the picture cannot be used.
    """
    image = picture(source, task, longer_side).image
    owners = frozenset({source.digest} - {""})
    return Job(task, upsampler, f"{source!r} {longer_side}", image, owners)


def shape(subject: Subject) -> tuple[int, int]:
    """Return rows and columns of the picture that a network is run on.

    Raises:
        ImageError: If the picture cannot be used.
    """
    height, width = picture(subject.source, subject.task, subject.longer_side).image.shape[:2]
    return height, width


def _job(subject: Subject) -> Job:
    return job(subject.source, subject.task, subject.longer_side, subject.upsampler)


@cached
def steps(subject: Subject) -> tuple[Step, ...]:
    """Return the network's upsampling steps, whose maps are those of the padded picture.

    Raises:
        ImageError: If the picture cannot be used.
        WeightsError: If weights are missing or damaged.
        EngineError: If the network cannot be run now.
    """
    return steps_once(subject)


def steps_once(subject: Subject) -> tuple[Step, ...]:
    """Return the steps as `steps` does, and keep nothing."""
    return chosen().steps(_job(subject))


def step(subject: Subject, name: str) -> Step:
    """Return an upsampling step of the network by its name.

    Raises:
        ValueError: If no step has that name.
    """
    by_name = {step.name: step for step in steps(subject)}
    if name not in by_name:
        raise ValueError(f"no step is called {name!r}; there are {', '.join(by_name)}")
    return by_name[name]


def operator(subject: Subject, name: str) -> nn.Module:
    """Return the trained upsampler of a step on the CPU: shared by all visitors, never to be changed."""
    return NETWORKS.loaded_head(subject.task, subject.upsampler).upsamplers[name]


@cached
def record(subject: Subject, name: str) -> SamplingRecord | KernelRecord | None:
    """Return the record of a step's upsampler; None for upsamplers that mix channels as well as pixels."""
    at, network = step(subject, name), operator(subject, name)
    with torch.inference_mode():
        return decision(network, at.input, at.guide)


def points_move(subject: Subject, name: str) -> bool:
    """Return whether the upsampler of a step predicts where it samples."""
    return isinstance(operator(subject, name), DySample)


def parameters(task: str, upsampler: str) -> int:
    """Return the number of parameters of all upsamplers of a head."""
    upsamplers = NETWORKS.loaded_head(task, upsampler).upsamplers
    return sum(parameter.numel() for parameter in upsamplers.parameters())
