"""The Anatomy page alone, as wide as in the app, for the tests."""

import runpy

import streamlit as st

from app.pages import page_at

st.set_page_config(page_title="anatomy", layout="wide")
runpy.run_path(str(page_at("anatomy").file))
