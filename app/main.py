"""Entry of the app: `streamlit run app/main.py`."""

import streamlit as st

st.set_page_config(page_title="DySample Lab", layout="wide")
# Streamlit leaves six rems free above the title, which a projector has better use for.
st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")
st.navigation(
    [
        st.Page("pages/compare.py", title="Compare", url_path="compare", default=True),
        st.Page("pages/offsets.py", title="Offsets", url_path="offsets"),
        st.Page("pages/point.py", title="One point", url_path="point"),
        st.Page("pages/scope.py", title="Scope and overlap", url_path="scope"),
        st.Page("pages/anatomy.py", title="Anatomy", url_path="anatomy"),
        st.Page("pages/learn.py", title="Watch it learn", url_path="learn"),
        st.Page("pages/quiz.py", title="Check yourself", url_path="quiz"),
    ],
    position="top",
).run()
