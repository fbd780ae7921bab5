"""A visitor's choices, remembered from page to page: Streamlit forgets widgets that are not drawn."""

from collections.abc import Iterable
from typing import TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

T = TypeVar("T")


def keep(name: str, value: T) -> T:
    """Remember a value under a name for this visitor, and return it."""
    st.session_state[f"kept.{name}"] = value
    return value


def kept(name: str, otherwise: T) -> T:
    """Return the value remembered under a name, or `otherwise` where there is none."""
    return st.session_state.get(f"kept.{name}", otherwise)


def forget(name: str) -> None:
    """Forget the value remembered under a name, if there is one."""
    st.session_state.pop(f"kept.{name}", None)


def visitor() -> str:
    """Return the session whose page this thread runs; empty outside of pages."""
    context = get_script_run_ctx(suppress_warning=True)
    return "" if context is None else context.session_id


def restore(key: str, options: Iterable[object]) -> None:
    """Set a widget to the visitor's earlier choice before it is drawn, if that choice is still offered.

    A choice in the address takes precedence.
    """
    value = kept(key, None)
    if key not in st.session_state and key not in st.query_params and value in options:
        st.session_state[key] = value
