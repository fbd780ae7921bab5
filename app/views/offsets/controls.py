"""Controls of the page "Offsets"."""

from collections.abc import Mapping, Sequence
from typing import Literal

import streamlit as st

from app.settings import ArrowColour, Background
from app.shared.controls import dropdown, segments, whole_number

_BACKGROUNDS: dict[Background, str] = {
    "photo": "Photograph",
    "norm": "Feature norm",
    "components": "Components as colours",
    "channel": "One channel",
}
_COLOURS: dict[ArrowColour, str] = {"length": "Length", "direction": "Direction"}
_FACTORS = {1.0: "true length", 2.0: "×2", 4.0: "×4", 8.0: "×8"}
_WINDOWS: dict[int, str] = {0: "Whole map", 12: "12 cells"}
_BACKGROUND_HELP = (
    "The photograph, or the low-res map in its place: the length of each pixel's feature vector (lighter is "
    "longer), its three principal components as red, green and blue, or one channel."
)
_FACTOR_HELP = "Only the drawing is longer; every number on the page is the true one."
_GROUP_HELP = "Channels are split into groups that are read at points of their own."


# The map is what the page is about: as much of it as can be has to be on a projector's first screen.
_COMPACT = """<style>
.stMainBlockContainer { padding-top: 4rem; gap: 0.5rem; }
.stMainBlockContainer h1 { padding: 0; font-size: 1.8rem; line-height: 1.2; }
</style>"""


def compact() -> None:
    """Draw the title smaller than elsewhere."""
    st.html(_COMPACT)


def background_choice(channels: int) -> tuple[Background, int]:
    """Choose what lies under the arrows, and the channel (0 where none is shown)."""
    kind = dropdown("Under the arrows", _BACKGROUNDS, width=210, key="below", words=_BACKGROUND_HELP)
    if kind != "channel":
        return kind, 0
    words = "Counted from 0."
    return kind, whole_number("Channel", 0, channels - 1, 0, key="channel", width=120, words=words)


def group_choice(groups: int) -> int:
    """Choose a group of channels, counted from 0; draw nothing where there is only one."""
    if groups == 1:
        return 0
    names = {group: str(group + 1) for group in range(groups)}
    return segments("Group", names, key="group", words=_GROUP_HELP)


def arrow_choice() -> tuple[ArrowColour, float, int]:
    """Choose the arrows' colour, the factor of their length, and how many cells to show (0 for all)."""
    colour = segments("Colour", _COLOURS, key="colour", remember=False)
    factor = dropdown(
        "Arrows drawn at", _FACTORS, width=140, key="factor", words=_FACTOR_HELP, remember=False
    )
    cells = segments("Window", _WINDOWS, key="window", remember=False)
    return colour, factor, cells


def numbers(
    columns: Mapping[str, Sequence[str] | Sequence[float] | Sequence[float | None]],
    *,
    key: str,
    height: int | Literal["auto"] = "auto",
) -> None:
    """Draw a table of numbers with three decimals, or one for percentages; a dash where there is none."""
    formats = {
        name: st.column_config.NumberColumn(format="%.1f" if name.endswith("(%)") else "%.3f")
        for name, values in columns.items()
        if values and not isinstance(values[0], str)
    }
    st.dataframe(
        dict(columns), hide_index=True, column_config=formats, key=key, height=height, placeholder="–"
    )
