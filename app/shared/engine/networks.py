"""Trained networks, loaded once, and what they compute on pictures; nothing here knows of pages."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Protocol, TypeVar

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from app.shared.cache import Cache
from app.shared.engine import devices, passes
from app.shared.engine.memory import encoder_bytes, head_bytes
from dysample.models import weights
from dysample.models.encoder import Encoder
from dysample.models.heads import Head
from dysample.models.manifest import Manifest, load_manifest
from dysample.models.tasks import KINDS, Task
from dysample.types import Prediction, Step

Maps = tuple[Tensor, ...]
Key = tuple[object, ...]
_T = TypeVar("_T")
_REPEAT_WITHIN = 0.15  # seconds in which a head is timed again, so that small pictures are timed well


@dataclass(frozen=True, slots=True)
class Job:
    """A trained network and the picture that it is to be run on.

    Attributes:
        task: Name of a task in the manifest.
        upsampler: Name in `OPERATORS` that has weights for the task.
        picture: Stands for the pixels in keys of the cache.
        image: The pixels, as the network is to see them.
    """

    task: str
    upsampler: str
    picture: str
    image: UInt8[np.ndarray, "h w 3"] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a network says of a picture.

    Attributes:
        output: The annotation; where that depends on a threshold, the network's own output.
        head_seconds: Time of the head with its upsamplers.
        encoder_seconds: Time of the encoder, which all upsamplers share.
    """

    output: Any
    head_seconds: float
    encoder_seconds: float


class Engine(Protocol):
    """Runs trained networks; whatever it returns is on the CPU.

    All methods raise `WeightsError` if weights are missing or damaged, and `EngineError` if the network
    cannot be run now.
    """

    def answer(self, job: Job) -> Answered:
        """Return what the network says, and the time that it took."""
        ...

    def prediction(self, job: Job) -> Prediction[Any]:
        """Return the output with all upsampling steps, whose maps are those of the padded picture."""
        ...

    def steps(self, job: Job) -> tuple[Step, ...]:
        """Return the network's upsampling steps alone."""
        ...


class Turn(Protocol):
    """Holds a device while a block runs networks on a picture of some rows and columns."""

    def __call__(self, shape: tuple[int, ...], *, needs: int = 0) -> AbstractContextManager[None]:
        """Wait for the turn, and check the memory."""
        ...


class Networks:
    """The engine that runs networks in its own process, on the device."""

    def __init__(self, cache: Cache, turn: Turn) -> None:
        """Begin without any network.

        Args:
            cache: Keeps networks and the encoder's maps.
            turn: Holds the device for a job.
        """
        self._cache = cache
        self._turn = turn

    def answer(self, job: Job) -> Answered:
        """Return what the network says, and the time that it took."""
        task = self._task(job.task)
        kind = KINDS[task.kind]

        def work(head: Head, maps: Maps) -> tuple[Any, float]:
            output, seconds = _timed(lambda: passes.decode(head, maps, job.image.shape).output)
            if kind.above is None:
                return kind.annotation(task, output), seconds
            return devices.moved(output, devices.CPU), seconds

        (output, seconds), encoder_seconds = self._decoded(job, work)
        return Answered(output, seconds, encoder_seconds)

    def prediction(self, job: Job) -> Prediction[Any]:
        """Return the output with all upsampling steps, whose maps are those of the padded picture."""

        def work(head: Head, maps: Maps) -> Prediction[Any]:
            return devices.moved(passes.decode(head, maps, job.image.shape), devices.CPU)

        return self._decoded(job, work)[0]

    def steps(self, job: Job) -> tuple[Step, ...]:
        """Return the network's upsampling steps alone."""
        return self._decoded(job, lambda head, maps: devices.moved(passes.steps(head, maps), devices.CPU))[0]

    def _decoded(self, job: Job, work: Callable[[Head, Maps], _T]) -> tuple[_T, float]:
        """Return what is made of the head and the encoder's maps, and the encoder's time in seconds."""
        maps, seconds = self.maps(job)
        head = self.head(job.task, job.upsampler)
        shape = job.image.shape
        with self._turn(shape, needs=head_bytes(self._task(job.task), shape)):
            return work(head, maps), seconds

    # --- What is kept ---

    def maps(self, job: Job) -> tuple[Maps, float]:
        """Return the encoder's maps of a picture, on the device, and the seconds that they took."""

        def make() -> tuple[Maps, float]:
            encoder, shape = self.encoder(job.task), job.image.shape
            with self._turn(shape, needs=encoder_bytes(shape)):
                pixels = passes.to_device(job.image)
                return _timed_once(lambda: passes.encode(encoder, pixels))

        return self._kept(("maps", self._owner(job.task), job.picture), make)

    def encoder(self, task: str) -> Encoder:
        """Return the encoder of a task, on the device."""
        owner = self._owner(task)

        def make() -> Encoder:
            return devices.to_device(weights.load_encoder(owner, manifest=self.manifest()))

        return self._kept(("encoder", owner), make)

    def head(self, task: str, upsampler: str) -> Head:
        """Return the head of a task that was trained with an upsampler, on the device."""
        loaded = self.loaded_head(task, upsampler)
        if devices.device() == devices.CPU:
            return loaded
        key = ("placed head", self._owner(task), upsampler)
        return self._kept(key, lambda: devices.on_device(loaded))

    def loaded_head(self, task: str, upsampler: str) -> Head:
        """Return the head of a task that was trained with an upsampler, on the CPU."""
        owner = self._owner(task)

        def make() -> Head:
            channels = self.encoder(owner).channels
            return weights.load_head(owner, upsampler, channels, manifest=self.manifest())

        return self._kept(("head", owner, upsampler), make)

    def _owner(self, task: str) -> str:
        """Return the task whose networks a task shares: they are loaded, and the encoder is run, once."""
        owner = self._task(task).owner
        return owner if owner in [known.name for known in self.manifest().tasks] else task

    def _task(self, name: str) -> Task:
        return self.manifest().task(name)

    def manifest(self) -> Manifest:
        """Return the manifest of the weights."""
        return self._kept(("manifest",), load_manifest)

    def _kept(self, key: Key, make: Callable[[], _T]) -> _T:
        return self._cache.get(key, make)


def _timed_once(run: Callable[[], _T]) -> tuple[_T, float]:
    devices.finished()
    started = time.perf_counter()
    output = run()
    devices.finished()
    return output, time.perf_counter() - started


def _timed(run: Callable[[], _T]) -> tuple[_T, float]:
    """Run once, and again while that is quick; return the output and the median time in seconds."""
    times: list[float] = []
    while True:
        output, seconds = _timed_once(run)
        times.append(seconds)
        if sum(times) + seconds > _REPEAT_WITHIN:
            return output, median(times)
