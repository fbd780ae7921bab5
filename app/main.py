"""Entry of the app: `streamlit run app/main.py`."""

import importlib
import sys
from pathlib import Path

import streamlit as st

# Streamlit puts only this file's folder on the path; the app is a package of the checkout, never installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.pages import PAGES
from app.shared.engine import devices

# Plotly looks whether pandas is there, and fails where another visitor's page is only importing it.
importlib.import_module("pandas")
st.set_page_config(page_title="DySample Lab", layout="wide")
# Streamlit leaves six rems free above the title, which a projector has better use for.
st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")
st.navigation(
    [st.Page(row.script, title=row.title, url_path=row.address, default=row is PAGES[0]) for row in PAGES],
    position="top",
).run()
st.caption(devices.sentence())
