"""Entry of the app: `streamlit run app/main.py`."""

import streamlit as st

st.set_page_config(page_title="DySample Lab", layout="wide")
st.navigation(
    [
        st.Page("pages/compare.py", title="Compare", url_path="compare", default=True),
    ]
).run()
