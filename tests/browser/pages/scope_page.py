"""The page about scope and overlap by itself, for the tests."""

from pathlib import Path

import streamlit as st

PAGE = Path(__file__).parents[3] / "app" / "views" / "scope.py"

st.set_page_config(page_title="Scope and overlap", layout="wide")
st.navigation([st.Page(PAGE, title="Scope and overlap")]).run()
