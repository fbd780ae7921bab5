"""PAGES, the one table of the app's pages: navigation, links, README and tests read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Group = Literal["See", "Understand", "Use"]

APP = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the app, which lives in the folder `app/views/<address>/`.

    Attributes:
        address: Last part of its URL, and the name of its folder.
        title: Name in the navigation.
        group: What people come to it for.
        purpose: What it shows; one line, without a full stop.
    """

    address: str
    title: str
    group: Group
    purpose: str

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
        "compare",
        "Compare",
        "See",
        "one photograph, several upsamplers, side by side; where they differ, and by how much",
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
        "scope",
        "Scope and overlap",
        "Understand",
        "initial grids, reach and overlap of the points, the dynamic scope of your picture, "
        "boundary disorder",
    ),
    Page(
        "anatomy",
        "Anatomy",
        "Understand",
        "the operator stage by stage, on a 4×4 example and on your picture, with a guided tour",
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
        "evidence",
        "Evidence",
        "See",
        "what each upsampler scored in our runs and in the paper, with intervals, ablations and cost",
    ),
)


def page_at(address: str) -> Page:
    """Return the page at an address.

    Raises:
        KeyError: There is none.
    """
    return {row.address: row for row in PAGES}[address]
