"""Trained networks, loaded once, and what they compute on pictures; nothing here knows of pages."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from jaxtyping import UInt8

from app.records import ONE_PASS, Route
from app.shared.cache import Cache
from app.shared.engine import devices, passes, ways
from app.shared.engine.memory import NoRoomError, first_that_fits, head_bytes
from app.shared.engine.tiles import Encoded, Maps
from app.shared.engine.ways import Placed
from dysample.models import weights
from dysample.models.encoder import Encoder
from dysample.models.heads import Head
from dysample.models.manifest import Manifest, load_manifest
from dysample.models.tasks import Task
from dysample.types import Step

Key = tuple[object, ...]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Job:
    """A trained network and the picture that it is to be run on.

    Attributes:
        task: Name of a task in the manifest.
        upsampler: Name in `OPERATORS` that has weights for the task.
        picture: Stands for the pixels in keys of the cache.
        image: The pixels, as the network is to see them.
        owners: Digest of the visitor's own photograph, if it is one; what is kept of it is dropped with it.
    """

    task: str
    upsampler: str
    picture: str
    image: UInt8[np.ndarray, "h w 3"] = field(repr=False, compare=False)
    owners: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answered:
    """What a network says of a picture.

    Attributes:
        output: The annotation; where that depends on a threshold, the network's own output.
        way: How the network was run.
    """

    output: Any
    way: Route = ONE_PASS


class Engine(Protocol):
    """Runs trained networks; whatever it returns is on the CPU.

    All methods raise `WeightsError` if weights are missing or damaged, and `EngineError` if the network
    cannot be run now.
    """

    def answer(self, job: Job) -> Answered:
        """Return what the network says."""
        ...

    def steps(self, job: Job) -> tuple[Step, ...]:
        """Return the upsampling steps, whose maps are those of the padded picture."""
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
        """Return what the network says.

        A picture that the memory does not suffice for in one pass is computed in tiles.
        """
        task, networks = self._task(job.task), self._placed(job)
        encoded, way = self.encoded(job)
        shape = job.image.shape
        with self._turn(shape):
            attempts = ways.annotations(task, job.image, encoded, way, networks)
            return Answered(*first_that_fits(attempts, shape))

    def steps(self, job: Job) -> tuple[Step, ...]:
        """Return the upsampling steps, whose maps are those of the padded picture."""
        maps = self.maps(job)
        head = self.head(job.task, job.upsampler)
        shape = job.image.shape
        with self._turn(shape, needs=head_bytes(self._task(job.task), shape)):
            return devices.moved(passes.steps(head, maps), devices.CPU)

    # --- What is kept ---

    def maps(self, job: Job) -> Maps:
        """Return the encoder's maps of a picture, on the device.

        Raises:
            NoRoomError: There is no memory for them.
        """
        encoded, _ = self.encoded(job)
        if encoded.maps is None:
            height, width = job.image.shape[:2]
            raise NoRoomError(
                f"The maps of a picture of {width}×{height} pixels take more memory than is free now: choose "
                "a smaller working size."
            )
        return devices.moved(encoded.maps, devices.device())

    def encoded(self, job: Job) -> tuple[Encoded, Route]:
        """Return what the encoder has computed of a picture, and how."""

        def make() -> tuple[Encoded, Route]:
            task, networks, kept = self._task(job.task), self._placed(job), self._cache.budget
            with self._turn(job.image.shape):
                attempts = ways.encodings(task, job.image, networks, kept=kept)
                found = first_that_fits(attempts, job.image.shape)
                devices.finished()  # the turn is over when the device has computed, not when it was told to
                return found

        return self._kept(("maps", self._owner(job.task), job.picture), make, owners=job.owners)

    def _placed(self, job: Job) -> list[Placed]:
        """Return a network on the device, and on the CPU, which has more memory, if that is another."""
        task, name, owner = job.task, job.upsampler, self._owner(job.task)
        usual = Placed(devices.device(), self.encoder(task), self.head(task, name))
        if devices.device() == devices.CPU:
            return [usual]
        encoder = self._kept(("loaded encoder", owner), lambda: self._load_encoder(owner))
        return [usual, Placed(devices.CPU, encoder, self.loaded_head(task, name))]

    def encoder(self, task: str) -> Encoder:
        """Return the encoder of a task, on the device."""
        owner = self._owner(task)
        return self._kept(("encoder", owner), lambda: devices.to_device(self._load_encoder(owner)))

    def _load_encoder(self, owner: str) -> Encoder:
        return weights.load_encoder(owner, manifest=self.manifest())

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

    def _kept(self, key: Key, make: Callable[[], _T], *, owners: frozenset[str] = frozenset()) -> _T:
        return self._cache.get(key, make, owners=owners)
