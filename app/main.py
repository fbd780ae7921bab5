"""Entry of the app: `streamlit run app/main.py`."""

import importlib

import streamlit as st

# Plotly looks whether pandas is there, and fails where another visitor's page is only importing it.
importlib.import_module("pandas")
st.set_page_config(page_title="DySample Lab", layout="wide")
# Streamlit leaves six rems free above the title, which a projector has better use for.
st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")
st.navigation(
    [
        st.Page("views/compare.py", title="Compare", url_path="compare", default=True),
        st.Page("views/offsets.py", title="Offsets", url_path="offsets"),
        st.Page("views/point.py", title="One point", url_path="point"),
        st.Page("views/scope.py", title="Scope and overlap", url_path="scope"),
        st.Page("views/anatomy.py", title="Anatomy", url_path="anatomy"),
        st.Page("views/learn.py", title="Watch it learn", url_path="learn"),
        st.Page("views/quiz.py", title="Check yourself", url_path="quiz"),
        st.Page("views/model.py", title="Your model", url_path="model"),
        st.Page("views/cost.py", title="Cost", url_path="cost"),
        st.Page("views/evidence.py", title="Evidence", url_path="evidence"),
    ],
    position="top",
).run()
