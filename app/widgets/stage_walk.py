"""Walking through the stages: a strip to choose from, with previous and next, by button and by key."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

import streamlit as st

from app.widgets.memory import keep, restore

Name = TypeVar("Name", bound=str)
_KEY = "stage"


def stage_walk(labels: Mapping[Name, str], *, walk: bool, instead: Name) -> Name:
    """Choose a stage; `labels` holds names for people by stage, in the order of the walk.

    Args:
        labels: At least one.
        walk: Whether to draw previous and next, and to listen to the arrow keys. Inputs that have the
            focus keep their keys.
        instead: What is shown if there is no longer such a stage as was chosen.
    """
    names = list(labels)
    if st.session_state.get(_KEY, instead) not in labels:
        go_to(instead)
    restore(_KEY, names)
    with st.container(horizontal=True, vertical_alignment="bottom", key="stage-walk"):
        chosen = st.segmented_control(
            "Stage",
            names,
            default=names[0],
            required=True,
            format_func=lambda name: labels[name],
            key=_KEY,
            bind="query-params",
        )
        name = keep(_KEY, chosen or names[0])
        if walk:
            step_buttons(names.index(name), len(names), lambda index: go_to(names[index]), what="stage")
    return name


def go_to(name: str) -> None:
    """Show a stage from the next run on."""
    st.session_state[_KEY] = keep(_KEY, name)


def step_buttons(index: int, count: int, go: Callable[[int], None], *, what: str) -> None:
    """Draw previous and next, which listen to the arrow keys as well.

    Args:
        index: The present step.
        count: How many there are.
        go: Called with the step to go to.
        what: The kind of step: makes keys that are unique on the page.
    """
    buttons: tuple[tuple[str, Literal["left", "right"], str, int], ...] = (
        ("Previous", "left", "Left", index - 1),
        ("Next", "right", "Right", index + 1),
    )
    for word, side, shortcut, other in buttons:
        st.button(
            word,
            icon=f":material/chevron_{side}:",
            icon_position=side,
            disabled=not 0 <= other < count,
            shortcut=shortcut,
            on_click=go,
            args=(other,),
            key=f"{what}-{word.lower()}",
        )
