"""Controls of the page "Anatomy": what to take apart, which output value to follow, and the stage shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import streamlit as st

from app.memory import keep, kept
from app.shared.cell import CELL_KEY, Cell, read_cell, write_cell
from app.shared.controls import segments, whole_number
from dysample.ops.dysample import Style

On = Literal["example", "picture"]
Scope = Literal["static", "dynamic"]
Name = TypeVar("Name", bound=str)
ON, STYLE, SCOPE = "anatomy_on", "anatomy_style", "anatomy_scope"
_ON: dict[On, str] = {"example": "4×4 example", "picture": "Picture"}
_STYLES: dict[Style, str] = {"lp": "LP", "pl": "PL"}
_SCOPES: dict[Scope, str] = {"static": "Static", "dynamic": "Dynamic"}
_STAGE = "stage"
_STYLE_HELP = "LP: linear layer, then pixel shuffle. PL: pixel shuffle, then linear layer (Figure 6)."
_SCOPE_HELP = "Static: a factor of 0.25. Dynamic: predicted, 0 to 0.5."


@dataclass(frozen=True, slots=True)
class OutputValue:
    """The place of one value of the output: row, column and channel."""

    row: int
    column: int
    channel: int


def on_choice() -> On:
    """Choose between the example and the picture."""
    return segments("Example", _ON, key=ON)


def style_choice() -> Style:
    """Choose the order of the stages."""
    return segments("Style", _STYLES, key=STYLE, words=_STYLE_HELP)


def dynamic_choice() -> bool:
    """Choose between static and dynamic scope."""
    return segments("Scope", _SCOPES, key=SCOPE, words=_SCOPE_HELP) == "dynamic"


def followed_choice(on: On, size: tuple[int, int, int], usual: OutputValue) -> OutputValue:
    """Choose the output value to follow.

    Args:
        on: What is taken apart.
        size: Channels, rows and columns of the output.
        usual: The value to begin with.
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
    return OutputValue(row, column, channel)


def followed_keys(on: On) -> tuple[str, str, str]:
    """Return the keys of the inputs for row, column and channel; example and picture have separate ones."""
    row, column, channel = (f"{on}_{index}" for index in ("row", "column", "channel"))
    return row, column, channel


def _index(name: str, count: int, start: int, key: str) -> int:
    if key in st.session_state:  # perhaps an index of a larger map
        st.session_state[key] = min(max(int(st.session_state[key]), 0), count - 1)
    return whole_number(f"{name} (to {count - 1})", 0, count - 1, start, key=key, width=130)


def kept_cell(rows: int, columns: int) -> Cell:
    """Return the low-res cell chosen on another page, if the map has it; else the middle one."""
    return read_cell(kept(CELL_KEY, ""), rows=rows, columns=columns) or (rows // 2, columns // 2)


def keep_cell(cell: Cell) -> None:
    """Remember the low-res cell for other pages."""
    keep(CELL_KEY, write_cell(cell))


def stage_walk(labels: Mapping[Name, str], *, walk: bool, instead: Name) -> Name:
    """Choose a stage from a strip, with buttons and arrow keys for the previous and the next one.

    Args:
        labels: Display names by stage, in order; at least one.
        walk: Whether to draw previous and next, and to listen to the arrow keys. Inputs that have the
            focus keep their keys.
        instead: The stage to show if the chosen one no longer exists.
    """
    names = list(labels)
    if st.session_state.get(_STAGE, instead) not in labels:
        go_to(instead)
    with st.container(horizontal=True, vertical_alignment="bottom", key="stage-walk"):
        name = segments("Stage", labels, key=_STAGE, hidden=not walk)
        if walk:
            step_buttons(names.index(name), len(names), lambda index: go_to(names[index]), what="stage")
    return name


def go_to(name: str) -> None:
    """Show a stage from the next run on."""
    st.session_state[_STAGE] = keep(_STAGE, name)


def step_buttons(index: int, count: int, go: Callable[[int], None], *, what: str) -> None:
    """Draw the buttons for the previous and the next step, which listen to the arrow keys too.

    Args:
        index: The current step.
        count: Number of steps.
        go: Called with the step to go to.
        what: The kind of step; prefix of the buttons' keys.
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
