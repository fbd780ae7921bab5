"""What the picture viewer shows: its record, its text in the URL, and who may change it."""

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, replace
from typing import cast

_ON_THEIR_WAY = 32  # more reports than a slow page can be behind
# 64 screen pixels for each of 50,000 picture pixels in a frame of 320: nothing needs more.
_LIMITS = {"x": (0.0, 1.0), "y": (0.0, 1.0), "zoom": (1.0, 1e4), "opacity": (0.0, 1.0), "split": (0.0, 1.0)}


@dataclass(frozen=True, slots=True)
class View:
    """The part of the pictures that is shown, and how.

    Attributes:
        x: Centre from the left, as a share of the picture's width.
        y: Centre from the top, as a share of the picture's height.
        zoom: Enlargement; 1 shows the whole picture. The window may allow less than is asked.
        opacity: Opacity of the layers over the photograph, 0 to 1.
        split: Place of the before/after bar from the left, as a share of the frame's width.
    """

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0
    opacity: float = 0.6
    split: float = 0.5

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value: float = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value}")

    def to_query(self) -> str:
        """Return the view as a short text for a URL, for example ``0.5,0.25,4,0.6,0.5``."""
        return ",".join(f"{value:.6f}".rstrip("0").rstrip(".") for value in astuple(self))

    @classmethod
    def from_query(cls, query: str) -> "View":
        """Read what `to_query` wrote.

        Args:
            query: Any text. A number that is missing or unreadable becomes that field's default,
                one outside its limits the nearest limit.
        """
        return tolerant_view(dict(zip(_LIMITS, query.split(","), strict=False)))


def tolerant_view(values: Mapping[str, object]) -> View:
    """Make a view of values that came from outside: a URL or a browser."""
    known = asdict(View())
    for name, (low, high) in _LIMITS.items():
        known[name] = min(high, max(low, _number(values.get(name), default=known[name])))
    return View(**known)


def _number(value: object, *, default: float) -> float:
    try:
        number = float(cast(str, value))
    except (TypeError, ValueError):
        return default
    return number if math.isfinite(number) else default


@dataclass(frozen=True, slots=True)
class ViewExchange:
    """What page and browser last told each other, kept between reruns.

    The browser moves the view by itself and reports it; the page may pass any view at any time. The
    two would fight, and megabytes of pictures would travel again for every move, if each report came
    back as new data. So `sent` stays as it is until the page asks for something really new.

    Attributes:
        sent: The view in the data that the browser has.
        revision: Counts the views sent; the browser takes each once.
        expected: The view that the page passed last and those that it was given since, oldest first.
            A page that keeps the view in the URL passes them on, late and in this order.
        outdated: The report that was there when `sent` was sent, and no longer says what is shown.
    """

    sent: View
    revision: int
    expected: tuple[View, ...]
    outdated: View | None

    @classmethod
    def start(cls, view: View) -> "ViewExchange":
        """Begin with the view of the page's first run."""
        return cls(sent=view, revision=0, expected=(view,), outdated=None)

    @property
    def returned(self) -> View:
        """What the browser shows, as far as is known."""
        return self.expected[-1]

    def advance(self, passed: View, reported: View | None) -> "ViewExchange":
        """Take the view of the page's present run and the browser's latest report."""
        if reported is None:  # the elements may be new, and then know of nothing but what was sent
            expected = (self.sent,)
        else:
            expected = (*self.expected, self.sent if reported == self.outdated else reported)
        queries = [view.to_query() for view in expected]  # both sides round alike
        if passed.to_query() not in queries:
            return ViewExchange(passed, self.revision + 1, expected=(passed,), outdated=reported)
        first, *later = expected[queries.index(passed.to_query()) :]
        return replace(self, expected=(first, *later[-_ON_THEIR_WAY:]))


# Who may choose: page and browser both can, and neither may undo what the other has just done.


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


# Pictures as text: what components in the browser take.


def png_data_uri(png: bytes) -> str:
    """A PNG as the address of an image element."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
