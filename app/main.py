"""Entry of the app: `streamlit run app/main.py`.

Streamlit imports this file once, for its server, and runs it as a script for every visitor.
"""

import importlib
import sys
from pathlib import Path

import streamlit as st

# Streamlit puts only this file's folder on the path; the app is a package of the checkout, never installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app import pages, server
from app.shared import departures, frame

# Plotly looks whether pandas is there, and fails where another visitor's page is only importing it.
importlib.import_module("pandas")


def draw() -> None:
    """Draw the page that a visitor has chosen."""
    departures.notice()
    st.set_page_config(page_title="DySample Lab", layout="wide")
    rows = {
        st.Page(
            row.script,
            title=row.title,
            url_path=row.address,
            default=row is pages.PAGES[0],
            visibility="visible" if row.listed else "hidden",
        ): row
        for row in pages.PAGES
    }
    sections: dict[str, list[st.Page]] = {}
    for page, row in rows.items():
        # Pages without a heading stand in the bar itself, before the groups.
        sections.setdefault("" if row is pages.PAGES[0] or not row.listed else row.group, []).append(page)
    chosen = st.navigation(sections, position="top")
    frame.begin(rows[chosen])
    chosen.run()
    frame.end(rows[chosen])


if __name__ == "__main__":
    draw()
else:
    application = st.App(__file__, middleware=server.middleware(), lifespan=server.lifespan)
