"""A choice of one among few, side by side."""

from collections.abc import Mapping
from typing import TypeVar

import streamlit as st

from app.widgets.memory import keep, restore

T = TypeVar("T")


def segments(
    label: str,
    names: Mapping[T, str],
    *,
    key: str,
    usual: T | None = None,
    words: str | None = None,
    hidden: bool = False,
    wrap: bool | None = None,
) -> T:
    """Choose one of several; remembered, and in the address.

    Args:
        label: What is chosen.
        names: Names for people by option.
        key: In the address and the memory.
        usual: The option to begin with; by default the first.
        words: Help.
        hidden: Tell the label to screen readers alone.
        wrap: Take another line where the window is narrow; None leaves it to Streamlit.
    """
    options = list(names)
    restore(key, options)
    default = options[0] if usual is None else usual
    chosen = st.segmented_control(
        label,
        options,
        default=default,
        required=True,
        format_func=lambda option: names[option],
        key=key,
        bind="query-params",
        help=words,
        label_visibility="collapsed" if hidden else "visible",
        wrap=wrap,
    )
    return keep(key, default if chosen is None else chosen)
