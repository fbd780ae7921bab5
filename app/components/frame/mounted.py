"""The frame's part in the browser: terms that open, a presentation's pages, and charts on paper."""

from collections.abc import Mapping

from streamlit.components.v2 import component

from app.components.assets import read_joined
from app.components.frame import FOLDER

_COMPONENT = component(
    "frame",
    html=read_joined(FOLDER, "frame.html"),
    css=read_joined(FOLDER, "terms.css"),
    js=read_joined(FOLDER, "terms.js", "stage.js", "frame.js"),
)


def frame_in_browser(terms: Mapping[str, Mapping[str, str]], *, page: str, presenting: bool) -> None:
    """Mount it, once on a page.

    Args:
        terms: Title and meaning of every term of the glossary, by its name.
        page: Address of the page.
        presenting: Whether the page is presented.
    """
    _COMPONENT(key="frame", data={"terms": terms, "page": page, "presenting": presenting})
