"""A replica on a cluster: an engine of its own, which does packed jobs and knows whether it is well."""

import contextvars
import threading
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from app.shared.cache import Cache
from app.shared.engine import devices, passes
from app.shared.engine.cluster import Assignment, Failure, fingerprint
from app.shared.engine.memory import guarded, is_large
from app.shared.engine.networks import Networks
from app.shared.engine.parcels import Buffers, packed, unpacked
from app.shared.engine.turns import EngineError, Turns

_TINY = 32  # pixels along both sides of the picture of a check
_GIVEN_UP: contextvars.ContextVar[threading.Event] = contextvars.ContextVar("given_up")


class GivenUpError(Exception):
    """Nobody waits for the job any more."""


class Replica:
    """Does jobs one at a time, on the device of this process."""

    def __init__(self, budget: int) -> None:
        """Begin, and do a tiny job.

        Args:
            budget: Bytes that networks and the encoder's maps may take.

        Raises:
            WeightsError: There are no weights here.
            EngineError: The device cannot be used.
        """
        self._turns = Turns()
        self._networks = Networks(Cache(budget), self._turn)
        self.check()

    def do(
        self, method: str, body: bytes, buffers: Sequence[np.ndarray], given_up: threading.Event
    ) -> tuple[bytes, Buffers]:
        """Do a packed assignment.

        Args:
            method: A method of an engine.
            body: The packed `Assignment`.
            buffers: Its bytes.
            given_up: Set as soon as nobody waits for the job any more: it is not begun then.

        Returns:
            The packed value, or the packed `Failure` of the job.

        Raises:
            GivenUpError: The job was given up.
            torch.AcceleratorError: The device is broken.
        """
        _GIVEN_UP.set(given_up)
        assignment: Assignment = unpacked(body, buffers)
        try:
            return packed(self._done(method, assignment))
        except (GivenUpError, torch.AcceleratorError):
            raise
        except Exception as error:  # whatever it is, it is the job's own, and the visitor's page knows it
            return _failure(error)

    def _done(self, method: str, assignment: Assignment) -> object:
        job, engine = assignment.job, self._networks
        if fingerprint(self._networks.manifest(), job) != assignment.weights:
            raise EngineError(
                f"The cluster's weights of {job.task} with {job.upsampler} are not the app's: copy the "
                "folder of weights to all its nodes, and deploy again."
            )
        return _METHODS[method](engine, job)

    def check(self) -> None:
        """Run the first network on a tiny picture, whether or not a job is running.

        Raises:
            Exception: The device or the weights are broken; it may be of any kind.
        """
        manifest = self._networks.manifest()
        entry = next(entry for entry in manifest.weights if entry.upsampler)
        encoder = self._networks.encoder(entry.task)
        head = self._networks.head(entry.task, entry.upsampler)
        image = np.full((_TINY, _TINY, 3), 128, np.uint8)
        with guarded(image.shape):
            maps = passes.encode(encoder, passes.to_device(image))
            steps = passes.steps(head, maps)
            if not all(torch.isfinite(step.output).all() for step in steps):
                name = devices.placed().name
                raise EngineError(f"{entry.task} with {entry.upsampler} computes no numbers on the {name}")

    @contextmanager
    def _turn(self, shape: tuple[int, ...], *, needs: int = 0) -> Generator[None]:
        given_up = _GIVEN_UP.get()

        def report(_place: int) -> None:
            if given_up.is_set():
                raise GivenUpError

        with (
            self._turns.turn("cluster", large=is_large(shape), report=report),
            guarded(shape, needs=needs),
        ):
            report(0)
            yield


def _failure(error: Exception) -> tuple[bytes, Buffers]:
    error.add_note(f"On the cluster:\n{''.join(traceback.format_exception(error))}")
    try:
        return packed(Failure(error))
    except Exception:  # it holds what cannot be pickled, such as a lock
        return packed(Failure(RuntimeError(f"{type(error).__name__}: {error}")))


_METHODS = {"answer": Networks.answer, "steps": Networks.steps}
