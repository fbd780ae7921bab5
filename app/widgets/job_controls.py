"""A job on a page: the button that begins it, how far it is, and how to end it."""

from collections.abc import Callable

import streamlit as st


def begin_button(
    label: str, *, begin: Callable[[], None], key: str, again: bool, disabled: bool = False
) -> None:
    """Draw the button that begins a job; quieter where there is a result already."""
    st.button(
        f"{label} again" if again else label,
        icon=":material/refresh:" if again else ":material/play_arrow:",
        type="secondary" if again else "primary",
        on_click=begin,
        disabled=disabled,
        key=key,
    )


def progress(words: str, share: float, *, cancel: Callable[[], None], key: str) -> None:
    """Draw how far a job is."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(width=420):
            st.progress(share, words)
        st.button("Cancel", icon=":material/close:", on_click=cancel, key=key)
