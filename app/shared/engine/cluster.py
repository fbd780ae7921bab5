"""The engine of a Ray cluster: replicas of a Serve application do the jobs, others again if one breaks."""

import hashlib
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from app.shared.engine.courier import BrokenError, Parcel, Request, UnavailableError
from app.shared.engine.networks import Answered, Job
from app.shared.engine.parcels import packed, unpacked
from app.shared.engine.turns import EngineError
from dysample.models.manifest import Manifest
from dysample.types import Step

VARIABLE = "DYSAMPLE_CLUSTER"
APPLICATION = "dysample"
ATTEMPTS = 3
LIMIT_S = 300.0  # in which a job is to be done, with all its waiting
_TICK_S = 0.1
_QUIET_S = 0.5  # in which nothing is shown, for pages would flicker
_SETTING = re.compile(r"(auto|(?:ray://)?(?:[\w.-]+|\[[\da-fA-F:]+\]):\d{1,5})(?:/([\w.-]+))?")


@dataclass(frozen=True, slots=True)
class Setting:
    """A Serve application of a cluster.

    Attributes:
        address: The cluster, as `ray.init` takes it.
        application: Name of the application.
    """

    address: str
    application: str = APPLICATION


def read_setting(text: str) -> Setting:
    """Read the variable `DYSAMPLE_CLUSTER`.

    Raises:
        EngineError: It is no address of a cluster.
    """
    match = _SETTING.fullmatch(text)
    if match is None:
        raise EngineError(
            f"{VARIABLE} is {text!r}, which is no address of a Ray cluster: set it to auto, 10.0.0.1:6379 or "
            f"ray://10.0.0.1:10001, and to 10.0.0.1:6379/name if the application is not called {APPLICATION}"
        )
    return Setting(match[1], match[2] or APPLICATION)


class Line(Protocol):
    """A connection to an application.

    Attributes:
        connected: Whether the application has been heard of.
        ended: Whether it takes no more requests.
    """

    connected: bool
    ended: bool

    def begin(self, request: Request) -> Future[Parcel]:
        """Send a request."""
        ...

    def cancel(self, future: Future[Parcel]) -> None:
        """Give a request up."""
        ...


Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a replica is to do.

    Attributes:
        job: The job.
        weights: Stands for the weights that the app has for it, which the replica's must equal.
    """

    job: Job
    weights: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What a replica returns in place of a value: the error of the job itself."""

    error: Exception


def fingerprint(manifest: Manifest, job: Job) -> str:
    """Return what stands for the weights of a job, empty if there are none."""
    sums = [
        entry.sha256
        for entry in manifest.weights
        if entry.task == job.task and entry.upsampler in ("", job.upsampler)
    ]
    return " ".join(sums)


class Cluster:
    """The engine that sends jobs to a cluster.

    A job whose replica or connection broke is done again, a few times; an error of the job itself is raised
    as it is. A connection that has ended is made anew by the next job.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        connect: Callable[[str, str], Line],
        watched: Callable[[], AbstractContextManager[Report]],
        manifest: Callable[[], Manifest],
    ) -> None:
        """Begin without a connection.

        Args:
            setting: The application.
            connect: Begins to connect to an application, and returns at once.
            watched: Shows a visitor what a job waits for. What the report raises gives the job up.
            manifest: Returns the manifest of the app's weights.
        """
        self.setting = setting
        self._connect = connect
        self._watched = watched
        self._manifest = manifest
        self._line: Line | None = None
        self._connecting = threading.Lock()

    def answer(self, job: Job) -> Answered:
        """Return what the network says."""
        return self._ask("answer", job)

    def steps(self, job: Job) -> tuple[Step, ...]:
        """Return the upsampling steps, whose maps are those of the padded picture."""
        return self._ask("steps", job)

    def _ask(self, method: str, job: Job) -> Any:
        picture = hashlib.sha256(job.picture.encode()).hexdigest()[:32]
        request = Request(method, picture, *packed(Assignment(job, fingerprint(self._manifest(), job))))
        with self._watched() as report:
            reply = self._reply(request, report)
        value = unpacked(reply.body, reply.buffers)
        if isinstance(value, Failure):
            raise value.error
        return value

    def _reply(self, request: Request, report: Report) -> Parcel:
        deadline, reason = time.monotonic() + LIMIT_S, ""
        for _ in range(ATTEMPTS):
            line = self._connected()
            try:
                return self._wait(line, request, report, deadline)
            except BrokenError as error:
                reason = str(error)
            except UnavailableError as error:
                raise EngineError(f"{self._named()} cannot be used: {error}.") from error
        raise EngineError(
            f"{self._named()} failed {ATTEMPTS} times over this computation: {reason}. Try again in a minute."
        )

    def _connected(self) -> Line:
        """Return the connection, begun now if there is none."""
        with self._connecting:
            if self._line is None or self._line.ended:
                self._line = self._connect(self.setting.address, self.setting.application)
            return self._line

    def _wait(self, line: Line, request: Request, report: Report, deadline: float) -> Parcel:
        began = time.monotonic()
        future = line.begin(request)
        try:
            while not wait([future], _TICK_S).done:
                now = time.monotonic()
                if now > began + _QUIET_S:
                    report("Computing on the cluster." if line.connected else "Connecting to the cluster.")
                if now > deadline:
                    raise EngineError(
                        f"{self._named()} has not done this computation within {LIMIT_S:.0f} seconds: try "
                        "again in a minute, or choose a smaller working size."
                    )
            return future.result()
        finally:
            if not future.done():
                line.cancel(future)

    def _named(self) -> str:
        return f"The cluster at {self.setting.address} ({VARIABLE})"

    def sentence(self) -> str:
        """Return where networks run, for people."""
        return f"Networks run on the cluster at {self.setting.address}."
