"""PAGES, the one table of the app's pages: navigation, links, README and tests read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Group = Literal["Start", "See", "Understand", "Use"]

APP = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the app, which lives in the folder `app/views/<address>/`.

    Attributes:
        address: Last part of its URL, and the name of its folder.
        title: Name in the navigation.
        group: What people come to it for.
        purpose: What it shows; one line, without a full stop.
        listed: Whether it is in the navigation; other pages are reached by links.
    """

    address: str
    title: str
    group: Group
    purpose: str
    listed: bool = True

    @property
    def script(self) -> str:
        """Path of the script that draws it, relative to `app/`, as Streamlit's links take it."""
        return f"views/{self.address}/page.py"

    @property
    def file(self) -> Path:
        """Path of that script on this machine."""
        return APP / self.script


# In the order of the navigation; the first is where a visitor arrives.
PAGES: tuple[Page, ...] = (
    Page(
        "start",
        "Start",
        "Start",
        "what an upsampler does, before and after, and the ways in: see it, teach it, decide",
    ),
    Page(
        "compare",
        "Compare",
        "See",
        "one photograph, several upsamplers, side by side; where they differ, and by how much",
    ),
    Page(
        "evidence",
        "Evidence",
        "See",
        "what each upsampler scored in our runs and in the paper, with intervals, ablations and cost",
    ),
    Page(
        "anatomy",
        "Anatomy",
        "Understand",
        "the operator stage by stage, on a 4×4 example and on your picture, with a guided tour",
    ),
    Page(
        "scope",
        "Scope and overlap",
        "Understand",
        "initial grids, reach and overlap of the points, the dynamic scope of your picture, "
        "boundary disorder",
    ),
    Page(
        "offsets",
        "Offsets",
        "Understand",
        "where a trained network reads its feature maps, as arrows, for every step and group, in numbers",
    ),
    Page(
        "point",
        "One point",
        "Understand",
        "the arithmetic of a single output pixel, and its footprint under every upsampler",
    ),
    Page(
        "learn",
        "Watch it learn",
        "Understand",
        "a tiny DySample trained before your eyes, against bilinear on pixels it never saw",
    ),
    Page(
        "quiz",
        "Check yourself",
        "Understand",
        "eight predictions to make before the answer shows",
    ),
    Page(
        "model",
        "Your model",
        "Use",
        "swap upsamplers in a network: what changes, what it costs here, whether it can be deployed, as code",
    ),
    Page(
        "cost",
        "Cost",
        "Use",
        "what each upsampler takes in time, memory and operations, measured on your machine while you wait",
    ),
    Page(
        "handout",
        "Handout",
        "Start",
        "figures, captions and questions for print or PDF, of your picture, task and upsamplers",
        listed=False,
    ),
    Page(
        "lecture",
        "Lecture notes",
        "Start",
        "notes for a lecture of 45 minutes: what to open, say and ask, and what people get wrong",
        listed=False,
    ),
)


def page_at(address: str) -> Page:
    """Return the page at an address.

    Raises:
        KeyError: There is none.
    """
    return {row.address: row for row in PAGES}[address]


def course() -> tuple[Page, ...]:
    """Return the pages of the course, in the order in which they build on each other."""
    return tuple(row for row in PAGES if row.group == "Understand")


def lecture() -> tuple[Page, ...]:
    """Return the pages of a lecture, from the first to the last slide."""
    return (page_at("start"), page_at("compare"), *course(), page_at("evidence"))
