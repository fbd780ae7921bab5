"""The Compare page's controls: each draws itself, binds itself to the URL and returns a value."""

from collections.abc import Mapping, Sequence
from typing import cast

import streamlit as st

from app.records import Layer
from app.settings import Mode, Show

_SHOW: dict[Show, str] = {"classes": "Classes", "changes": "Changes from bilinear", "errors": "Errors"}
_MODES: dict[Mode, str] = {"panes": "Side by side", "slider": "Before / after"}
_SIDES = {480: "480 px", 640: "640 px", 960: "960 px", 0: "Full size"}
_USUAL_UPSAMPLERS = ("nearest", "bilinear", "dysample", "dysample+")


def task_choice(tasks: Mapping[str, str]) -> str:
    """Choose what to segment; `tasks` holds titles by name."""
    names = list(tasks)
    chosen = st.segmented_control(
        "What the network knows",
        names,
        default=names[0],
        required=True,
        format_func=lambda name: tasks[name],
        key="task",
        bind="query-params",
    )
    return chosen or names[0]


def upsampler_choice(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Choose any number of upsamplers; `labels` holds names for people, in the table's order."""
    chosen = st.pills(
        "Upsamplers",
        list(labels),
        selection_mode="multi",
        default=[name for name in _USUAL_UPSAMPLERS if name in labels],
        format_func=lambda name: labels[name],
        key="up",
        bind="query-params",
    )
    return tuple(name for name in labels if name in chosen)


def untrained_note(labels: Sequence[str]) -> None:
    """Name the upsamplers that are not offered, and why."""
    if labels:
        st.caption(
            f"Not offered, because no weights for this task have been trained yet: {', '.join(labels)}. "
            "A network around an untrained upsampler would only show its random start."
        )


def working_side_choice() -> int:
    """Choose the longer side, in pixels, that a larger picture is reduced to; 0 keeps its size."""
    return st.selectbox(
        "Longer side",
        list(_SIDES),
        index=1,
        format_func=lambda side: _SIDES[side],
        key="side",
        bind="query-params",
        width=140,
        help="Larger pictures are reduced to this. The networks were trained on pictures of about 500 px.",
    )


def show_choice(*, truth: bool) -> Show:
    """Choose what lies over the photograph; errors can be shown only where the truth is known."""
    options: list[Show] = ["classes", "changes", "errors"] if truth else ["classes", "changes"]
    chosen = st.segmented_control(
        "Show",
        options,
        default="classes",
        required=True,
        format_func=lambda show: _SHOW[show],
        key="show",
        bind="query-params",
    )
    return cast(Show, chosen or "classes")


def mode_choice() -> Mode:
    """Choose the arrangement of the pictures."""
    chosen = st.segmented_control(
        "Arrange",
        list(_MODES),
        default="panes",
        required=True,
        format_func=lambda mode: _MODES[mode],
        key="mode",
        bind="query-params",
    )
    return cast(Mode, chosen or "panes")


def two_of(layers: Sequence[Layer]) -> tuple[Layer, Layer]:
    """Choose what stands on either side of the before/after bar."""
    by_title = {layer.title: layer for layer in layers}
    titles = list(by_title)
    before, after = st.columns(2)
    with before:
        left = st.selectbox("Left of the bar", titles, index=0, key="left", bind="query-params")
    with after:
        right = st.selectbox(
            "Right of the bar", titles, index=len(titles) - 1, key="right", bind="query-params"
        )
    return by_title[left], by_title[right]
