"""The Anatomy page's controls: what to take apart, and which output value to follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import streamlit as st

from app.memory import keep, kept, restore
from dysample.ops.dysample import Style

On = Literal["example", "picture"]
Scope = Literal["static", "dynamic"]
ON, STYLE, SCOPE = "anatomy_on", "anatomy_style", "anatomy_scope"
_ON: dict[On, str] = {"example": "4×4 example", "picture": "Picture"}
_STYLES: dict[Style, str] = {"lp": "LP", "pl": "PL"}
_SCOPES: dict[Scope, str] = {"static": "Static", "dynamic": "Dynamic"}

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Followed:
    """An output value: its row, its column, its channel."""

    row: int
    column: int
    channel: int


def on_choice() -> On:
    """Choose between the example and the picture."""
    return _one_of("Take apart", _ON, ON)


def style_choice() -> Style:
    """Choose the order of the stages."""
    words = "LP: linear layer, then pixel shuffle. PL: pixel shuffle, then linear layer (Figure 6)."
    return _one_of("Style", _STYLES, STYLE, words)


def dynamic_choice() -> bool:
    """Choose whether the scope is dynamic."""
    return (
        _one_of("Scope", _SCOPES, SCOPE, "Static: a factor of 0.25. Dynamic: predicted, 0 to 0.5.")
        == "dynamic"
    )


def followed_keys(on: On) -> tuple[str, str, str]:
    """Keys of the inputs for row, column and channel, which example and picture each have of their own."""
    row, column, channel = (f"{on}_{each}" for each in ("row", "column", "channel"))
    return row, column, channel


def followed_choice(on: On, size: tuple[int, int, int], usual: Followed) -> Followed:
    """Choose the output value that is followed.

    Args:
        on: What is taken apart.
        size: Channels, rows and columns of the output.
        usual: What is followed at first.
    """
    channels, rows, columns = size
    row, column, channel = (
        _index(name, count, start, key)
        for name, count, start, key in zip(
            ("Row", "Column", "Channel"),
            (rows, columns, channels),
            (usual.row, usual.column, usual.channel),
            followed_keys(on),
            strict=True,
        )
    )
    return Followed(row, column, channel)


def kept_cell(rows: int, columns: int) -> tuple[int, int]:
    """The low-res cell that was chosen on another page, if the map has it; else the middle one."""
    row, _, column = kept("cell", "").partition(",")
    if row.isdecimal() and column.isdecimal() and int(row) < rows and int(column) < columns:
        return int(row), int(column)
    return rows // 2, columns // 2


def keep_cell(cell: tuple[int, int]) -> None:
    """Let other pages show the low-res cell."""
    keep("cell", f"{cell[0]},{cell[1]}")


def _one_of(label: str, options: Mapping[Choice, str], key: str, words: str | None = None) -> Choice:
    restore(key, options)
    names = list(options)
    chosen = st.segmented_control(
        label,
        names,
        default=names[0],
        required=True,
        format_func=lambda name: options[name],
        key=key,
        bind="query-params",
        help=words,
    )
    return keep(key, chosen or names[0])


def _index(name: str, count: int, start: int, key: str) -> int:
    if key in st.session_state:  # of a larger map, maybe
        st.session_state[key] = min(max(int(st.session_state[key]), 0), count - 1)
    entered = st.number_input(
        f"{name} (to {count - 1})", 0, count - 1, value=start, step=1, key=key, bind="query-params", width=130
    )
    return int(entered)


# Walking through the stages: a strip to choose from, with previous and next, by button and by key.


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
