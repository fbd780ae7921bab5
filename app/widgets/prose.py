"""The pages' prose."""

from pathlib import Path

import streamlit as st

_TEXTS = Path(__file__).parents[1] / "texts"


def prose(name: str) -> None:
    """Draw a text by the name of its file."""
    st.markdown((_TEXTS / f"{name}.md").read_text(encoding="utf-8"))
