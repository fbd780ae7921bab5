"""The Anatomy page alone, as wide as in the app, for the tests."""

import runpy
from pathlib import Path

import streamlit as st

st.set_page_config(page_title="anatomy", layout="wide")
runpy.run_path(str(Path(__file__).parents[3] / "app" / "views" / "anatomy.py"))
