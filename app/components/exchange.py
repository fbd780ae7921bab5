"""The exchange of a value that page and browser may both change; exchange.js is the browser's half."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")

ROUND_TRIP_S = 2.0  # enough for a new URL to reach the browser, even from a busy machine
_IN_TRANSIT = 32  # more reports than a slow page can be behind


@dataclass(frozen=True, slots=True)
class Report(Generic[T]):
    """A report of the browser: the user's value, and the revision that was shown then."""

    value: T
    answers: int = 0


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """The state of an exchange between page and browser, kept between reruns.

    The browser changes the value by itself and reports it. The page passes the value back a little later, or
    asks for another value at any time. Neither may undo what the other has just done. New data would also
    carry megabytes of pictures again with every report, so `sent` stays the same until the page asks for a
    value that is really new.

    Attributes:
        sent: The value in the data that the browser has.
        revision: Number of the value sent; the browser takes each once.
        expected: The value that the page passed last, then those returned to it since, oldest first. A page
            that keeps the value in the URL passes them on, late and in this order.
        report: The browser's latest report.
        since: When the browser last changed the value, in seconds of a monotonic clock.
    """

    sent: T
    revision: int
    expected: tuple[T, ...]
    report: Report[T] | None
    since: float

    @classmethod
    def start(cls, value: T) -> "Exchange[T]":
        """Start with the value of the page's first run."""
        return cls(sent=value, revision=0, expected=(value,), report=None, since=0.0)

    @property
    def returned(self) -> T:
        """The value that the browser shows, as far as is known."""
        return self.expected[-1]

    def advance(
        self, passed: T, report: Report[T] | None, *, now: float, patience_s: float = ROUND_TRIP_S
    ) -> "Exchange[T]":
        """Take the value of the page's present run and the browser's latest report.

        Args:
            passed: The value that the page asks for.
            report: The latest report. None after a report means that the elements were drawn anew and know
                only the value sent.
            now: Seconds of a monotonic clock.
            patience_s: How long after a report the page may pass an earlier value without asking for it.
        """
        is_news = report is not None and report != self.report and report.answers == self.revision
        expected = (*self.expected, report.value) if report is not None and is_news else self.expected
        since = now if is_news else self.since
        drawn_anew = report is None and self.report is not None
        late = passed in expected and now - since < patience_s
        if drawn_anew or not (passed == expected[-1] or late):
            return Exchange(passed, self.revision + 1, expected=(passed,), report=report, since=now)
        first, *later = expected[expected.index(passed) :]
        return replace(self, expected=(first, *later[-_IN_TRANSIT:]), report=report, since=since)
