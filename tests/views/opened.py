"""The app without a browser, at any of its pages."""

import re

import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from app.shared.cache import CACHE
from tests import ROOT

MAIN = ROOT / "app" / "main.py"
PATIENCE_S = 120


def markdown(app: AppTest) -> str:
    """Return all prose of a page, as it is read: without the links that open terms."""
    prose = "\n".join(text.value for text in app.markdown)
    return re.sub(r"\[([^]]+)\]\(#term-[a-z-]+\)", r"\1", prose)


def open_page(address: str) -> AppTest:
    """The app before its first run, as somebody opens it who has the address of a page."""
    app = AppTest.from_file(str(MAIN), default_timeout=PATIENCE_S)
    app._page_hash = calc_hash(address)  # AppTest.switch_page knows only the older kind of pages
    return app


def forget() -> None:
    """Forget what the pages have kept for all visitors, so that other weights and data are read."""
    st.cache_resource.clear()
    st.cache_data.clear()
    CACHE.clear()
