"""Entry of the app: `streamlit run app/main.py`.

Streamlit imports this file once, for its server, and runs it as a script for every visitor.
"""

import importlib
import sys
from pathlib import Path

import streamlit as st

# Streamlit puts only this file's folder on the path; the app is a package of the checkout, never installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app import server
from app.pages import PAGES
from app.shared import departures
from app.shared.engine import local

# Plotly looks whether pandas is there, and fails where another visitor's page is only importing it.
importlib.import_module("pandas")


def draw() -> None:
    """Draw the page that a visitor has chosen."""
    departures.notice()
    st.set_page_config(page_title="DySample Lab", layout="wide")
    # Streamlit leaves six rems free above the title, which a projector has better use for.
    st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")
    pages = [
        st.Page(row.script, title=row.title, url_path=row.address, default=row is PAGES[0]) for row in PAGES
    ]
    st.navigation(pages, position="top").run()
    st.caption(local.sentence())


if __name__ == "__main__":
    draw()
else:
    application = st.App(__file__, middleware=server.middleware(), lifespan=server.lifespan)
