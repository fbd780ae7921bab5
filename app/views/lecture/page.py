"""Lecture notes: what to open, say and ask in 45 minutes, as they stand in `docs/lecture.md`."""

import re

import streamlit as st

from app.pages import APP

_NOTES = APP.parent / "docs" / "lecture.md"
_HERE = "http://localhost:8501/"  # where the notes suppose the app
_WIDTH = 760  # CSS pixels: a line that is easy to read
_DOCUMENT = re.compile(r"\[([^]]+)\]\([\w-]+\.md\)")  # other documents are not served


def page() -> None:
    """Draw the page."""
    title, _, text = _NOTES.read_text(encoding="utf-8").partition("\n")
    st.title(title.removeprefix("# "))
    st.html("<style>.st-key-notes h2 { font-size: 1.375rem; }</style>")
    with st.container(width=_WIDTH, key="notes"):
        st.markdown(_DOCUMENT.sub(r"\1", text.replace(_HERE, "./")))


page()
