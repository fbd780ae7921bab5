"""Who may choose: page and browser both can, and neither may undo what the other has just done."""

from dataclasses import dataclass, replace

_ROUND_TRIP_S = 2.0  # by then the browser has heard of a new URL, even from a busy machine


@dataclass(frozen=True, slots=True)
class Report:
    """What the browser says: what was chosen, as a text, and the revision that was on show then."""

    selected: str
    answers: int = 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """What page and browser last told each other, kept between reruns.

    The browser reports what the user chooses; the page passes it back, a little later, or asks for
    another choice. `sent` stays as it is until the page asks, for pictures travel with it. Choices are texts:
    a picture's key, or a cell.

    Attributes:
        sent: The choice in the data that the browser has.
        revision: Counts the choices sent; the browser takes each once.
        returned: The choice that the page was given.
        report: The browser's latest report.
        outdated: The choice that the page passed before it knew of `report`, and may pass for a moment more.
        since: When `report` came, in seconds of a monotonic clock.
    """

    sent: str
    revision: int
    returned: str
    report: Report | None
    outdated: str
    since: float

    @classmethod
    def start(cls, passed: str) -> "Exchange":
        """Begin with the choice of the page's first run."""
        return cls(passed, 0, returned=passed, report=None, outdated=passed, since=0.0)

    def advance(self, passed: str, report: Report | None, now: float) -> "Exchange":
        """Take the choice of the page's present run and the browser's latest report."""
        if report is not None and report != self.report and report.answers == self.revision:
            return replace(self, returned=report.selected, report=report, outdated=passed, since=now)
        on_its_way = passed == self.outdated and now - self.since < _ROUND_TRIP_S
        drawn_anew = report is None and self.report is not None  # knows nothing but what is sent
        if not drawn_anew and (passed == self.returned or on_its_way):
            return replace(self, report=report, outdated=passed)
        return Exchange(passed, self.revision + 1, passed, report, outdated=passed, since=now)
