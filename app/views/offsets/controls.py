"""The Offsets page's controls."""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import streamlit as st

from app.memory import keep, restore
from app.settings import ArrowColour, Background

_BACKGROUNDS: dict[Background, str] = {
    "norm": "Feature norm",
    "components": "Components as colours",
    "photo": "Photograph",
    "channel": "One channel",
}
_COLOURS: dict[ArrowColour, str] = {"length": "Length", "direction": "Direction"}
_FACTORS = {1.0: "true length", 2.0: "×2", 4.0: "×4", 8.0: "×8"}
_WINDOWS: dict[int, str] = {0: "Whole map", 12: "12 cells"}


def background_choice(channels: int) -> tuple[Background, int]:
    """Choose what lies under the arrows; the second value is the channel, if one is shown."""
    restore("below", _BACKGROUNDS)
    chosen = st.selectbox(
        "Under the arrows",
        list(_BACKGROUNDS),
        format_func=lambda kind: _BACKGROUNDS[kind],
        key="below",
        bind="query-params",
        width=210,
        help="The low-res map: the length of each pixel's feature vector (lighter is longer), its "
        "three principal components as red, green and blue, one channel, or the photograph in its place.",
    )
    kind: Background = keep("below", chosen)
    if kind != "channel":
        return kind, 0
    channel = st.number_input(
        "Channel", 0, channels - 1, key="channel", bind="query-params", width=120, help="Counted from 0."
    )
    return kind, int(channel)


def group_choice(groups: int) -> int:
    """Choose a group of channels, counted from 0; there is nothing to choose where there is one."""
    if groups == 1:
        return 0
    restore("group", range(groups))
    chosen = st.segmented_control(
        "Group",
        list(range(groups)),
        default=0,
        required=True,
        format_func=lambda group: str(group + 1),
        key="group",
        bind="query-params",
        help="Channels are split into groups that are read at points of their own.",
    )
    return keep("group", chosen or 0)


def arrow_choice() -> tuple[ArrowColour, float, int]:
    """Choose the arrows' colour, the factor of their length, and how many cells to see, 0 for all."""
    colour = st.segmented_control(
        "Colour",
        list(_COLOURS),
        default="length",
        required=True,
        format_func=lambda each: _COLOURS[each],
        key="colour",
        bind="query-params",
    )
    factor = st.selectbox(
        "Arrows drawn at",
        list(_FACTORS),
        format_func=lambda each: _FACTORS[each],
        key="factor",
        bind="query-params",
        width=140,
        help="Only the drawing is longer; every number on the page is the true one.",
    )
    window = st.segmented_control(
        "Window",
        list(_WINDOWS),
        default=0,
        required=True,
        format_func=lambda each: _WINDOWS[each],
        key="window",
        bind="query-params",
    )
    return cast(ArrowColour, colour or "length"), factor, window or 0


def numbers(
    columns: Mapping[str, Sequence[str] | Sequence[float] | Sequence[float | None]],
    *,
    key: str,
    height: int | Literal["auto"] = "auto",
) -> None:
    """Draw a table of numbers with three decimals, percentages with one."""
    formats = {
        name: st.column_config.NumberColumn(format="%.1f" if name.endswith("(%)") else "%.3f")
        for name, values in columns.items()
        if values and not isinstance(values[0], str)
    }
    st.dataframe(
        dict(columns), hide_index=True, column_config=formats, key=key, height=height, placeholder="–"
    )
