"""What page and browser tell each other about a value that both may change; exchange.js is the other half."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")

ROUND_TRIP_S = 2.0  # by then the browser has heard of a new URL, even from a busy machine
_ON_THEIR_WAY = 32  # more reports than a slow page can be behind


@dataclass(frozen=True, slots=True)
class Report(Generic[T]):
    """What the browser says: the user's value, and the revision that was on show then."""

    value: T
    answers: int = 0


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """What page and browser last told each other, kept between reruns.

    The browser changes the value by itself and reports it. The page passes it back a little later, or asks
    for another value at any time. Neither may undo what the other has just done, and megabytes of pictures
    would travel again with every report that came back as new data. So `sent` stays as it is until the page
    asks for something really new.

    Attributes:
        sent: The value in the data that the browser has.
        revision: Counts the values sent; the browser takes each once.
        expected: The value that the page passed last and those that it was given since, oldest first. A page
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
        """Begin with the value of the page's first run."""
        return cls(sent=value, revision=0, expected=(value,), report=None, since=0.0)

    @property
    def returned(self) -> T:
        """What the browser shows, as far as is known."""
        return self.expected[-1]

    def advance(
        self, passed: T, report: Report[T] | None, *, now: float, patience_s: float = ROUND_TRIP_S
    ) -> "Exchange[T]":
        """Take the value of the page's present run and the browser's latest report.

        Args:
            passed: What the page wants to be shown.
            report: What the browser says. None after a report means that the elements were drawn anew and
                know of nothing but what was sent.
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
        return replace(self, expected=(first, *later[-_ON_THEIR_WAY:]), report=report, since=since)
