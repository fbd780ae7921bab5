"""What stands around every page: the course's steps, presentation, print, and the glossary."""

from dataclasses import asdict
from functools import cache

import streamlit as st

from app import pages
from app.components.assets import read_joined
from app.components.frame import FOLDER
from app.components.frame.mounted import frame_in_browser
from app.pages import Page
from app.shared import glossary
from app.shared.engine import local
from app.shared.links import open_page, page_link

_PRESENT = "present"  # in the address
_KEYS = "PageUp and PageDown turn the pages of the lecture, Esc leaves. F11 fills the screen."


def begin(page: Page) -> None:
    """Draw what comes before a page: styles for print and, in a presentation, its keys."""
    presenting = _presenting()
    with st.container():  # one element, whatever is in it: the page below stays as it is
        st.html(_styles(presenting=presenting))
        if presenting:
            _turn(page)


def end(page: Page) -> None:
    """Draw the foot of a page."""
    if page in pages.course():
        _steps(page)
    with st.container(horizontal=True, vertical_alignment="center", key="frame-foot"):
        st.button(
            "Present",
            icon=":material/present_to_all:",
            type="tertiary",
            help=f"Without controls, for a projector. {_KEYS}",
            on_click=_enter,
            key="frame-present",
        )
        page_link("handout", label="Handout", icon=":material/print:")
        with st.popover("Glossary", icon=":material/dictionary:", type="tertiary"):
            st.markdown(glossary.listed())
    with st.container(key="frame-device"):
        st.caption(local.sentence())
    terms = {name: asdict(term) for name, term in glossary.terms().items()}
    frame_in_browser(terms, page=page.address, presenting=_presenting())


@cache
def _styles(*, presenting: bool) -> str:
    controls = read_joined(FOLDER, "controls.css")
    always = read_joined(FOLDER, "frame.css")
    shown = f"{controls}\n{read_joined(FOLDER, 'present.css')}" if presenting else ""
    printed = f"{controls}\n{read_joined(FOLDER, 'print.css')}"
    return f"<style>{always}\n{shown}\n@media print {{ {printed} }}</style>"


def _presenting() -> bool:
    return st.query_params.get(_PRESENT) == "1"


def _enter() -> None:
    st.query_params[_PRESENT] = "1"


def _turn(page: Page) -> None:
    """Draw the keys of a presentation, and follow them."""
    slides = pages.lecture()
    place = slides.index(page) if page in slides else -1
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="present-bar"):
        back = st.button("Previous", shortcut="PageUp", disabled=place == 0, key="present-previous")
        st.markdown(f"{place + 1} of {len(slides)} · {page.title}" if place >= 0 else page.title)
        on = st.button("Next", shortcut="PageDown", disabled=place == len(slides) - 1, key="present-next")
        leave = st.button("Leave", shortcut="Escape", key="present-leave")
    if back:
        open_page(slides[max(place - 1, 0)].address)
    if on:
        open_page(slides[place + 1].address)
    if leave:
        del st.query_params[_PRESENT]
        st.rerun()


def _steps(page: Page) -> None:
    """Draw the place of a page in the course, with the pages before and after it."""
    steps = pages.course()
    place = steps.index(page)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="course-foot"
    ):
        before = steps[place - 1] if place else pages.page_at("compare")
        page_link(before.address, label=before.title, icon=":material/arrow_back:")
        st.markdown(f"Step {place + 1} of {len(steps)}")
        after = steps[place + 1] if place + 1 < len(steps) else pages.page_at("model")
        page_link(after.address, label=after.title, icon=":material/arrow_forward:")
