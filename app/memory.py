"""What a visitor chose, kept when they go to another page: Streamlit forgets widgets that are not drawn."""

from collections.abc import Iterable
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def keep(name: str, value: T) -> T:
    """Remember a value under a name for this visitor; gives it back."""
    st.session_state[f"kept.{name}"] = value
    return value


def kept(name: str, otherwise: T) -> T:
    """What was kept under a name."""
    return st.session_state.get(f"kept.{name}", otherwise)


def forget(name: str) -> None:
    """Drop what was kept under a name, if anything was."""
    st.session_state.pop(f"kept.{name}", None)


def restore(key: str, options: Iterable[object]) -> None:
    """Before a widget is drawn on a new page, give it the choice of the last one, if it is still offered.

    An address that names a choice goes before.
    """
    value = kept(key, None)
    if key not in st.session_state and key not in st.query_params and value in options:
        st.session_state[key] = value
