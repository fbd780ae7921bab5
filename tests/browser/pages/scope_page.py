"""The page about scope and overlap by itself, for the tests."""

import streamlit as st

from app.pages import page_at

PAGE = page_at("scope").file

st.set_page_config(page_title="Scope and overlap", layout="wide")
st.navigation([st.Page(PAGE, title="Scope and overlap")]).run()
