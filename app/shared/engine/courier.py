"""The process that carries jobs to a Ray cluster, and the app's end of the line to it.

Ray ends a process whose cluster has been gone for a minute, and some of its calls wait without a limit. So
the app never loads it: a process of its own does, which the app ends when it falls silent. This file needs
neither torch nor Streamlit.
"""

import contextlib
import itertools
import logging
import os
import pickle
import re
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np

from app.shared.engine.turns import BusyError, EngineError

CONNECT_S = 45.0  # in which the process is to connect; Ray takes up to ten seconds
SILENCE_S = 20.0  # after which a process that does not say that the cluster lives is ended
_BEAT_S = 3.0
_KNOCK_S = 5.0
_AT_ONCE = 256  # requests that wait for answers
_PICTURE_BYTES = 256 << 20  # of pictures that the cluster keeps for further requests
_ROOT = Path(__file__).parents[3]

Kind = Literal["alive", "reply", "busy", "broken", "refused", "unavailable"]


class BrokenError(Exception):
    """The machinery failed, not the job: it may be done again."""


class UnavailableError(EngineError):
    """The cluster cannot take jobs; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a replica is asked.

    Attributes:
        method: A method of an engine.
        picture: Stands for the picture: requests with the same one go to the same replica while it is free.
        body: The packed job.
        buffers: The bytes of the picture, which travel to the cluster once.
    """

    method: str
    picture: str
    body: bytes = field(repr=False)
    buffers: Sequence[np.ndarray] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a replica said, packed."""

    body: bytes = field(repr=False)
    buffers: Sequence[np.ndarray] = field(repr=False)


# --- The line between the processes ---


def send(stream: BufferedWriter, head: tuple[Any, ...], buffers: Sequence[np.ndarray] = ()) -> None:
    """Write a message: a small head, and bytes beside it."""
    pickle.dump((head, [data.nbytes for data in buffers]), stream, protocol=5)
    for data in buffers:
        stream.write(data.data)
    stream.flush()


def receive(stream: BufferedReader) -> tuple[tuple[Any, ...], tuple[np.ndarray, ...]]:
    """Read a message.

    Raises:
        EOFError: The other process has closed the line, or ended.
    """
    try:
        head, sizes = pickle.load(stream)
    except pickle.UnpicklingError as error:  # the other process ended in the middle of a message
        raise EOFError(str(error)) from error
    return head, tuple(_read(stream, size) for size in sizes)


def _read(stream: BufferedReader, size: int) -> np.ndarray:
    data = bytearray(size)  # which can be written to, as tensors must
    if stream.readinto(data) < size:
        raise EOFError("the line ended in the middle of a message")
    return np.frombuffer(data, np.uint8)


# --- The app's end ---


class Courier:
    """A process that is connected to a cluster, or about to be.

    Attributes:
        connected: Whether the cluster has been heard of.
        ended: Whether it takes no more requests.
    """

    def __init__(self, address: str, application: str, *, module: str = __name__) -> None:
        """Start the process, and return at once.

        Args:
            address: The cluster, as `ray.init` takes it.
            application: Name of the Serve application.
            module: What the process runs.
        """
        self.connected = False
        self.ended = False
        self._deadline = time.monotonic() + CONNECT_S
        self._numbers = itertools.count()
        self._pending: dict[int, Future[Parcel]] = {}
        self._changing, self._writing = threading.Lock(), threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, address, application],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            start_new_session=True,  # an interrupt at the terminal is for the app, which then closes the line
        )
        self._outgoing = cast(BufferedWriter, self._process.stdin)
        self._incoming = cast(BufferedReader, self._process.stdout)
        threading.Thread(target=self._listen, daemon=True, name="cluster").start()
        threading.Thread(target=self._watch, daemon=True, name="cluster watch").start()

    def begin(self, request: Request) -> Future[Parcel]:
        """Send a request.

        Returns:
            The reply to come, or `BusyError`, `EngineError` or `BrokenError` instead.
        """
        number, future = next(self._numbers), Future[Parcel]()
        with self._changing:
            if self.ended:
                future.set_exception(BrokenError("the connection has ended"))
                return future
            self._pending[number] = future
        self._tell(("begin", number, request.method, request.picture, request.body), request.buffers)
        return future

    def cancel(self, future: Future[Parcel]) -> None:
        """Give a request up; the cluster does not begin it, if it has not yet."""
        with self._changing:
            numbers = [number for number, other in self._pending.items() if other is future]
            for number in numbers:
                del self._pending[number]
        for number in numbers:
            self._tell(("cancel", number))

    def close(self) -> None:
        """End the process."""
        self._end(BrokenError("the connection was closed"))

    def _tell(self, head: tuple[Any, ...], buffers: Sequence[np.ndarray] = ()) -> None:
        with self._writing:
            try:
                send(self._outgoing, head, buffers)
            except (OSError, ValueError):  # it has ended, which the listener sees too
                self._end(BrokenError("the connection has ended"))

    def _watch(self) -> None:
        """End the process when it has been silent for too long."""
        while not self.ended:
            time.sleep(min(0.5, max(0.0, self._deadline - time.monotonic())))
            if time.monotonic() <= self._deadline:
                continue
            if self.connected:
                self._end(BrokenError(f"it has not answered for {SILENCE_S:.0f} seconds"))
            else:
                self._end(UnavailableError(f"it has not answered within {CONNECT_S:.0f} seconds"))

    def _listen(self) -> None:
        try:
            while True:
                (kind, number, said), buffers = receive(self._incoming)
                self._deadline = time.monotonic() + SILENCE_S
                self._hear(kind, number, said, buffers)
        except (EOFError, OSError):
            status = self._process.wait()
            reason = f"the process that speaks with it ended with status {status}"
            self._end(BrokenError(reason) if self.connected else UnavailableError(reason))
        finally:
            self._incoming.close()
            self._hang_up()

    def _hang_up(self) -> None:
        with self._writing, contextlib.suppress(OSError):
            self._outgoing.close()

    def _hear(self, kind: Kind, number: int, said: Any, buffers: tuple[np.ndarray, ...]) -> None:
        if kind == "alive":
            self.connected = True
        elif kind == "unavailable":
            self._end(UnavailableError(said))
        else:
            with self._changing:
                future = self._pending.pop(number, None)
            if future is None:
                return  # it was given up meanwhile
            if kind == "reply":
                future.set_result(Parcel(said, buffers))
            else:
                errors = {"busy": BusyError, "broken": BrokenError, "refused": EngineError}
                future.set_exception(errors[kind](said))

    def _end(self, reason: Exception) -> None:
        with self._changing:
            if self.ended:
                return
            self.ended = True
            pending, self._pending = self._pending, {}
        self._process.kill()
        for future in pending.values():
            future.set_exception(reason)


# --- The process ---


class Response(Protocol):
    """A request that is on its way."""

    def result(self) -> tuple[bytes, Sequence[np.ndarray]]:
        """Wait for the reply.

        Raises:
            BusyError: Too many requests wait.
            BrokenError: The machinery failed.
            EngineError: The replica cannot read the request.
        """
        ...

    def cancel(self) -> None:
        """Give it up; `result` raises then."""
        ...


class Handle(Protocol):
    """A connected deployment."""

    def ask(self, request: Request) -> Response:
        """Send a request."""
        ...

    def alive(self) -> None:
        """Return if the deployment is there.

        Raises:
            UnavailableError: It is not, or could not be deployed.
        """
        ...


class _Errand:
    """A request, which may be given up before or after it is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._response: Response | None = None
        self._cancelled = False

    def begin(self, response: Response) -> None:
        with self._lock:
            self._response = response
            cancelled = self._cancelled
        if cancelled:
            response.cancel()

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            response = self._response
        if response is not None:
            response.cancel()

    @property
    def cancelled(self) -> bool:
        return self._cancelled


class Rounds:
    """Carries requests that are read from a line to a deployment, and the replies back."""

    def __init__(self, handle: Handle, outgoing: BufferedWriter, *, beat_s: float = _BEAT_S) -> None:
        """Begin without requests."""
        self._handle = handle
        self._outgoing = outgoing
        self._beat_s = beat_s
        self._writing, self._stopped = threading.Lock(), threading.Event()
        self._errands: dict[int, _Errand] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="errand")

    def run(self, incoming: BufferedReader) -> None:
        """Carry requests until the line is closed."""
        threading.Thread(target=self._beat, daemon=True, name="beat").start()
        try:
            while True:
                (kind, number, *rest), buffers = receive(incoming)
                if kind == "cancel":
                    self._cancel(number)
                else:
                    method, picture, body = rest
                    self._begin(number, Request(method, picture, body, buffers))
        except EOFError:
            return
        finally:
            self._stopped.set()
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, number: int, request: Request) -> None:
        errand = self._errands[number] = _Errand()
        self._threads.submit(self._carry, number, request, errand)

    def _cancel(self, number: int) -> None:
        errand = self._errands.get(number)
        if errand is not None:
            errand.cancel()

    def _carry(self, number: int, request: Request, errand: _Errand) -> None:
        try:
            if errand.cancelled:
                return
            response = self._handle.ask(request)
            errand.begin(response)
            body, buffers = response.result()
            self._tell("reply", number, body, buffers)
        except UnavailableError as error:
            self._tell("unavailable", number, str(error))
        except BusyError as error:
            self._tell("busy", number, str(error))
        except BrokenError as error:
            self._tell("broken", number, str(error))
        except Exception as error:  # whatever it is, somebody waits for it
            self._tell("refused", number, f"{type(error).__name__}: {error}")
        finally:
            self._errands.pop(number, None)

    def _beat(self) -> None:
        """Say that the cluster lives, again and again; while that is not known, say nothing."""
        while True:
            try:
                self._handle.alive()
                self._tell("alive", -1, "")
            except UnavailableError as error:
                self._tell("unavailable", -1, str(error))
            except Exception as error:  # Ray raises many kinds; silence says what the app must know
                print(f"cluster: {_in_one_line(error)}", file=sys.stderr, flush=True)
            if self._stopped.wait(self._beat_s):
                return

    def _tell(self, kind: Kind, number: int, said: str | bytes, buffers: Sequence[np.ndarray] = ()) -> None:
        with self._writing:
            send(self._outgoing, (kind, number, said), buffers)


class Pictures:
    """References to the pictures that a cluster has, the latest ones within a budget of bytes."""

    def __init__(self, put: Callable[[Sequence[np.ndarray]], Any], budget: int = _PICTURE_BYTES) -> None:
        """Begin empty.

        Args:
            put: Sends the bytes of a picture to the cluster, and returns a reference to them.
            budget: Bytes that the pictures may take together.
        """
        self._put = put
        self._budget = budget
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def reference(self, request: Request) -> Any:
        """Return the reference to a request's picture, which is sent if the cluster does not have it."""
        with self._lock:
            if request.picture in self._kept:
                self._kept.move_to_end(request.picture)
                return self._kept[request.picture][0]
        reference = self._put(request.buffers)
        with self._lock:
            self._kept[request.picture] = reference, sum(data.nbytes for data in request.buffers)
            while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > self._budget:
                self._kept.popitem(last=False)
        return reference

    def forget(self, request: Request) -> None:
        """Forget a picture, which the cluster may have lost."""
        with self._lock:
            self._kept.pop(request.picture, None)


# --- Ray ---


class _RayResponse:
    def __init__(self, response: Any, give_up: Callable[[], None]) -> None:
        self._response = response
        self._give_up = give_up

    def result(self) -> tuple[bytes, Sequence[np.ndarray]]:
        from ray import exceptions as ray
        from ray.serve import exceptions as serve

        try:
            return self._response.result()
        except serve.BackPressureError as error:
            raise BusyError(
                "Many computations wait on the cluster already: try again in a minute."
            ) from error
        except serve.DeploymentUnavailableError as error:
            raise UnavailableError(error.message) from error
        except ray.RayTaskError as error:
            raise EngineError(f"the cluster cannot read this job: {error.cause}") from error
        except (ray.RayError, serve.RayServeException, ConnectionError) as error:
            self._give_up()
            raise BrokenError(_in_one_line(error)) from error

    def cancel(self) -> None:
        self._response.cancel()


class RayHandle:
    """A Serve application of a Ray cluster."""

    def __init__(self, address: str, application: str) -> None:
        """Connect.

        Raises:
            UnavailableError: Ray is not installed, or there is no such cluster or application.
        """
        try:
            import ray
            from ray import serve
        except ModuleNotFoundError as error:
            raise UnavailableError(
                "Ray Serve is not installed here (pip install 'dysample-lab[cluster]')"
            ) from error
        _knock(address)
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.WARNING, namespace="dysample")
            self._serve, self._application = serve, application
            self.alive()
            self._handle = serve.get_app_handle(application).ask
        except UnavailableError:
            raise
        except Exception as error:  # Ray raises many kinds here, and all mean the same
            raise UnavailableError(_in_one_line(error)) from error
        self._pictures = Pictures(ray.put)

    def ask(self, request: Request) -> Response:
        """Send a request."""
        from ray import exceptions as ray

        try:
            reference = self._pictures.reference(request)
            handle = self._handle.options(multiplexed_model_id=request.picture)
            response = handle.remote(request.method, request.body, reference)
        except (ray.RayError, ConnectionError) as error:
            self._pictures.forget(request)
            raise BrokenError(_in_one_line(error)) from error
        return _RayResponse(response, lambda: self._pictures.forget(request))

    def alive(self) -> None:
        """Return if the application is there.

        Raises:
            UnavailableError: It is not, or could not be deployed.
        """
        applications = self._serve.status().applications
        if self._application not in applications:
            known = ", ".join(applications) or "none"
            raise UnavailableError(f"it has no application called {self._application!r} (it has {known})")
        found = applications[self._application]
        if found.status.value in ("DEPLOY_FAILED", "DELETING"):
            said = f"{found.status.value} {found.message}"
            raise UnavailableError(f"its application {self._application!r} does not run: {said:.300}")


def _knock(address: str) -> None:
    """Check that somebody listens at an address, which Ray would try for long."""
    place = re.fullmatch(r"(?:ray://)?(.+):(\d+)", address)
    if place is None:
        return
    try:
        socket.create_connection((place[1].strip("[]"), int(place[2])), _KNOCK_S).close()
    except OSError as error:
        raise UnavailableError(f"nobody answers there ({error})") from error


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split()):.300}".rstrip(".")


def main(address: str, application: str) -> None:
    """Connect, then carry requests between standard input and output until the app closes the line."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what Ray prints is no message
    hanging = threading.Timer(2 * CONNECT_S, os._exit, (1,))  # by then the app has given it up, or has ended
    hanging.daemon = True
    hanging.start()
    try:
        handle = RayHandle(address, application)
        hanging.cancel()
        Rounds(handle, outgoing).run(incoming)
    except UnavailableError as error:
        send(outgoing, ("unavailable", -1, str(error)))
    os._exit(0)  # Ray's threads may wait for a cluster that is gone


if __name__ == "__main__":
    main(*sys.argv[1:])
