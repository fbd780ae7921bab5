"""The guided tour of the page "Anatomy": steps that each set the whole view."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from app.memory import keep
from app.shared.cell import read_whole
from app.views.anatomy.controls import ON, SCOPE, STYLE, On, Scope, followed_keys, go_to, step_buttons
from dysample.explain.anatomy import StageName
from dysample.ops.dysample import Style

_STEP = "tour"  # parameter of the address, counted from 1
# A step has to fit on a projector of 1280 × 720 pixels, with its figures and its arithmetic.
_COMPACT = """<style>
.stMainBlockContainer { padding-top: 4rem; }
.st-key-tour-head h1 { padding: 0; font-size: 1.6rem; line-height: 1.2; }
.st-key-tour-card { padding: 0.5rem 0.75rem; }
.st-key-tour-card, .st-key-anatomy-text { gap: 0.5rem; }
.st-key-anatomy-text p { font-size: 0.9rem; line-height: 1.4; margin-bottom: 0.35rem; }
.st-key-tour-card [data-testid=stMarkdownContainer] { margin-bottom: 0; }
.st-key-anatomy-text .katex-display { margin: 0.25rem 0; }
.st-key-anatomy-text .katex { font-size: 1em; }
</style>"""


@dataclass(frozen=True, slots=True)
class TourStep:
    """The view of one step.

    Attributes:
        stage: The stage to show.
        on: What is taken apart.
        style: Style of the example.
        scope: Scope of the example.
        at: Row, column and channel of the example's value that is followed.
    """

    stage: StageName
    on: On = "example"
    style: Style = "lp"
    scope: Scope = "static"
    at: tuple[int, int, int] = (3, 4, 0)


TOUR = (
    TourStep("input"),
    TourStep("linear"),
    TourStep("scope"),
    TourStep("shuffle"),
    TourStep("grid"),
    TourStep("sample"),
    TourStep("factor", scope="dynamic"),
    TourStep("shuffle", style="pl"),
    TourStep("linear", style="pl"),
    TourStep("grid", on="picture"),
    TourStep("sample", on="picture"),
)


def tour_step() -> int | None:
    """Return the current step, counted from 0; None outside the tour."""
    number = st.query_params.get(_STEP, "")
    place = read_whole(number)
    if place is None or not 1 <= place <= len(TOUR):
        return None
    if st.session_state.get(_STEP) != number:  # a link: choices that it names take precedence
        st.session_state[_STEP] = number
        if not {"stage", ON, STYLE, SCOPE} & set(st.query_params):
            _show(place - 1)
    return place - 1


def compact() -> None:
    """Draw title and text of a step smaller than elsewhere, so that all of it is on one screen."""
    st.html(_COMPACT)


def tour_button() -> None:
    """Draw the button that starts the tour."""
    st.button(
        "Take the tour", icon=":material/tour:", type="primary", on_click=_go, args=(0,), key="tour-start"
    )


def tour_card(step: int, texts: Mapping[str, str]) -> None:
    """Draw a step of the tour.

    Args:
        step: Counted from 0.
        texts: Markdown of each step by its title.
    """
    title, text = list(texts.items())[step]
    with st.container(border=True, key="tour-card"):
        st.markdown(f"**{step + 1} of {len(TOUR)}: {title}**\n\n{text}")
        with st.container(horizontal=True, vertical_alignment="center"):
            step_buttons(step, len(TOUR), _go, what="tour")
            st.button("Leave the tour", type="tertiary", shortcut="Esc", on_click=_leave, key="tour-leave")


def _go(step: int) -> None:
    st.query_params[_STEP] = st.session_state[_STEP] = str(step + 1)
    _show(step)


def _leave() -> None:
    del st.query_params[_STEP]


def _show(step: int) -> None:
    """Set every choice of the page to the view of a step."""
    view = TOUR[step]
    go_to(view.stage)
    st.session_state[ON] = keep(ON, view.on)
    if view.on == "picture":
        return
    st.session_state[STYLE] = keep(STYLE, view.style)
    st.session_state[SCOPE] = keep(SCOPE, view.scope)
    for key, value in zip(followed_keys("example"), view.at, strict=True):
        st.session_state[key] = value
