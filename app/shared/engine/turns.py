"""Turns on a device: one job runs at a time, small ones before large ones, fair between visitors."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

MOST_WAITING = 128
_TICK_S = 1.0  # from one report of the place to the next: each is a message to a browser
_PATIENCE_S = 20.0  # after which a large job is no longer passed by small ones
_HALF_LIFE_S = 30.0  # in which half of what a visitor has used is forgotten
_HERE = threading.local()


class EngineError(Exception):
    """Raised when a network cannot be run now; the message is for people."""


class BusyError(EngineError):
    """Raised when too many jobs wait for a device."""


def waited() -> float:
    """Return the seconds that this thread has waited for turns."""
    return getattr(_HERE, "waited", 0.0)


def held() -> bool:
    """Return whether this thread has its turn on a device."""
    return getattr(_HERE, "held", False)


@dataclass(eq=False, slots=True)
class _Ticket:
    visitor: str
    large: bool
    began: float


@dataclass(slots=True)
class _Account:
    """Seconds on the device that a visitor has used lately."""

    seconds: float = 0.0
    at: float = 0.0

    def now(self, time: float) -> float:
        return self.seconds * 0.5 ** ((time - self.at) / _HALF_LIFE_S)

    def add(self, seconds: float, time: float) -> None:
        self.seconds, self.at = self.now(time) + seconds, time


@dataclass(slots=True)
class Turns:
    """The queue of a device.

    Attributes:
        most: Number of jobs that may wait.
        clock: Time in seconds.
    """

    most: int = MOST_WAITING
    clock: Callable[[], float] = time.monotonic
    _waiting: list[_Ticket] = field(default_factory=list)
    _running: _Ticket | None = None
    _accounts: dict[str, _Account] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def waiting(self) -> int:
        """Number of jobs that wait."""
        return len(self._waiting)

    @contextmanager
    def turn(
        self, visitor: str, *, large: bool = False, report: Callable[[int], None] | None = None
    ) -> Generator[None]:
        """Wait for the device and hold it while the block runs, in this thread.

        Args:
            visitor: Who asks; a visitor who has used the device less goes first.
            large: Whether the job is a large one, which small ones may pass for a while.
            report: Called again and again while this job waits, with its place in the queue from 1 on. What
                it raises ends the waiting.

        Raises:
            BusyError: Too many jobs wait already.
            RuntimeError: This thread has its turn already.
        """
        if held():
            raise RuntimeError("a turn on the device within a turn would never come")
        ticket = _Ticket(visitor, large, self.clock())
        self._queue(ticket)
        try:
            while not self._begin(ticket):
                if report is not None:
                    report(self._place(ticket))
        except BaseException:
            self._leave(ticket)
            raise
        finally:
            _HERE.waited = waited() + self.clock() - ticket.began
        began = self.clock()
        _HERE.held = True
        try:
            yield
        finally:
            _HERE.held = False
            self._end(ticket, self.clock() - began)

    def _queue(self, ticket: _Ticket) -> None:
        with self._changed:
            if len(self._waiting) >= self.most:
                raise BusyError(f"{self.most} computations wait already: try again in a minute.")
            self._waiting.append(ticket)

    def _begin(self, ticket: _Ticket) -> bool:
        """Begin if it is this job's turn; else wait a moment."""
        with self._changed:
            if self._running is None and self._ordered()[0] is ticket:
                self._waiting.remove(ticket)
                self._running = ticket
                return True
            self._changed.wait(_TICK_S)
            return False

    def _place(self, ticket: _Ticket) -> int:
        with self._changed:
            return 1 + self._ordered().index(ticket)

    def _leave(self, ticket: _Ticket) -> None:
        with self._changed:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            self._changed.notify_all()

    def _end(self, ticket: _Ticket, seconds: float) -> None:
        with self._changed:
            now = self.clock()
            self._accounts = {
                visitor: account for visitor, account in self._accounts.items() if account.now(now) > 1e-3
            }
            self._accounts.setdefault(ticket.visitor, _Account(at=now)).add(seconds, now)
            self._running = None
            self._changed.notify_all()

    def _ordered(self) -> list[_Ticket]:
        now = self.clock()

        def order(ticket: _Ticket) -> tuple[bool, float, float]:
            passed = ticket.large and now - ticket.began < _PATIENCE_S
            account = self._accounts.get(ticket.visitor)
            return passed, 0.0 if account is None else account.now(now), ticket.began

        return sorted(self._waiting, key=order)
