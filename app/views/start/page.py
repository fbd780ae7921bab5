"""Start: what an upsampler is, one picture before and after, and three ways on."""

from pathlib import Path

import streamlit as st

from app.components.viewer.viewer import View, compare_viewer
from app.shared.controls import prose
from app.shared.drawing import photo_png
from app.shared.engine.turns import EngineError
from app.shared.links import CARRIED, page_link
from app.shared.literal import plain
from app.views.start import compute, figures, words
from dysample.models.hub import WeightsError
from dysample.ops.registry import OPERATORS

_OPACITY = 0.75
_STYLE = Path(__file__).with_name("page.css")


def page() -> None:
    """Draw the page."""
    _forget_comparison()
    st.html(f"<style>{_STYLE.read_text(encoding='utf-8')}</style>")
    with st.container(key="start"):
        with st.container():
            st.title("DySample Lab")
            prose("start")
        with st.container(key="start-picture"):
            _picture()
        with st.container(key="start-doors", gap="small"):
            _doors()


def _doors() -> None:
    with st.container(border=True, gap=None):
        page_link("compare", label="**See it**: a minute", icon=":material/compare:")
        prose("start", "see")
    with st.container(border=True, gap=None):
        with st.container(horizontal=True, gap="xsmall"):
            page_link("anatomy", label="**Teach it**: a lecture", icon=":material/school:")
            page_link("lecture", label="Notes")
            page_link("handout", label="Handout")
        prose("start", "teach")
    with st.container(border=True, gap=None):
        page_link("model", label="**Decide**: two minutes", icon=":material/rule:")
        prose("start", "decide")


def _forget_comparison() -> None:
    """Take out of the address what Compare has left in it: at the root, it would lead back to Compare.

    Picture and task are remembered without it.
    """
    left = {"view", *CARRIED} - {"present"}
    if not left.isdisjoint(st.query_params):
        rest = {key: st.query_params.get_all(key) for key in st.query_params if key not in left}
        st.query_params.from_dict(rest)


@st.fragment
def _picture() -> None:
    try:
        with st.spinner("Running the network"):
            pictures = compute.before_after()
    except (EngineError, WeightsError) as error:
        st.error(plain(str(error)))
        return
    if pictures is None:
        st.info("There are no trained networks that this page could show.")
        return
    height, width = pictures.image.shape[:2]
    compare_viewer(
        photo_png(pictures.image),
        figures.layers(pictures),
        mode="slider",
        size=(width, height),
        view=View(opacity=_OPACITY),
        legend=figures.legend(pictures),
        key="start-viewer",
    )
    st.caption(words.caption(pictures))
    with st.container(horizontal=True):
        page_link(
            "compare",
            label="Open this comparison",
            icon=":material/open_in_full:",
            chosen={
                "picture": compute.PICTURE,
                "task": pictures.task.title,
                "up": [OPERATORS[name].label for name in compute.UPSAMPLERS],
                "side": "Full size",
            },
        )
        page_link("evidence", label="On test sets", icon=":material/bar_chart:")


page()
