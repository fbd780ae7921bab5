"""The One point page's controls: cell, point, group, channel, and what lies beneath."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

import streamlit as st

from app.widgets.memory import keep, restore

Beneath = Literal["norm", "channel", "photo"]
_BEFORE = "Nothing learned: read bilinearly where the point starts or, for kernels, at the output pixel."
_BENEATH: dict[Beneath, str] = {"norm": "Feature norm", "channel": "Channel", "photo": "Photograph"}
CORNERS = ("Top left", "Top right", "Bottom left", "Bottom right")


def cell_inputs(
    cell: tuple[int, int], *, rows: int, columns: int, tell: Callable[[tuple[int, int]], None]
) -> None:
    """Draw row and column of a cell as numbers.

    Args:
        cell: Row and column to show.
        rows: Of the map.
        columns: Of the map.
        tell: Called with the row and column that the visitor enters.
    """
    keys = ("point_row", "point_column")

    def entered() -> None:
        tell((st.session_state[keys[0]], st.session_state[keys[1]]))

    for key, name, index, count in zip(keys, ("Row", "Column"), cell, (rows, columns), strict=True):
        st.session_state[key] = index
        st.number_input(
            f"{name} (0 to {count - 1})", 0, count - 1, step=1, key=key, on_change=entered, width=150
        )


def point_choice() -> int:
    """Choose one of the four output pixels of a cell, row by row."""
    restore("point", range(len(CORNERS)))
    chosen = st.segmented_control(
        "Output pixel of the cell",
        range(len(CORNERS)),
        default=0,
        required=True,
        format_func=lambda index: CORNERS[index],
        key="point",
        bind="query-params",
        wrap=True,
    )
    return keep("point", chosen or 0)


def channel_choice(first: int, count: int, *, most_changed: Callable[[], int]) -> int:
    """Choose the channel whose arithmetic is shown.

    Args:
        first: First channel of the group.
        count: How many it has.
        most_changed: Finds the channel of the group that the upsampler changed most.
    """
    key = "point_channel"

    def find() -> None:
        st.session_state[key] = most_changed() - first

    if key in st.session_state:
        st.session_state[key] = min(max(st.session_state[key], 0), count - 1)
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        chosen = st.number_input(
            f"Channel of the group (0 to {count - 1})",
            0,
            count - 1,
            value=0,
            step=1,
            key=key,
            bind="query-params",
            width=190,
        )
        st.button(
            "Most changed",
            on_click=find,
            key="point_most_changed",
            help="The channel of the group that is farthest from plain interpolation at this output pixel.",
        )
    return first + int(chosen or 0)


def beneath_choice() -> Beneath:
    """Choose what to see under the points."""
    chosen = st.segmented_control(
        "Beneath",
        list(_BENEATH),
        default="norm",
        required=True,
        format_func=lambda beneath: _BENEATH[beneath],
        key="point_beneath",
        bind="query-params",
        wrap=True,
        help="The length of each low-res pixel's feature vector, the channel that is shown, or the picture.",
    )
    return cast(Beneath, chosen or "norm")


def table(columns: Mapping[str, Sequence[str]], *, label: str) -> None:
    """Draw a table of finished numbers."""
    st.table(dict(columns), border="horizontal", hide_index=True, alt=label)


def before_and_after(before: float, after: float) -> None:
    """Draw the channel's value with nothing learned and as it is."""
    with st.container(horizontal=True, gap="large"):
        st.metric("Before", f"{before:.4f}", width="content", help=_BEFORE)
        st.metric("After", f"{after:.4f}", width="content", help="The weighted sum.")
        st.metric("Change", f"{after - before:+.4f}", width="content")
