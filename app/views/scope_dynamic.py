"""The section about the dynamic scope of a trained network (Eq. 5)."""

import streamlit as st

from app.compute import explore, networks, photos, scope
from app.figures import scope_map as figures
from app.figures import scope_words as words
from app.settings import Subject
from app.views.subject import choose_network
from app.widgets import scope_controls as controls
from app.widgets.controls import offer
from app.widgets.figure_block import figure_block
from app.widgets.prose import prose
from dysample.analysis.scope_map import ScopeMap
from dysample.ops.registry import OPERATORS

_DYNAMIC = ("dysample+", "dysample-s+")


def dynamic_section() -> None:
    """Draw the section."""
    prose("scope_dynamic")
    network = choose_network()
    if network is None:
        return
    subject = network.subject
    if scope.dynamic_groups(subject, network.step):
        _scopes(subject, network.step)
    else:
        st.info(f"{OPERATORS[subject.upsampler].label} predicts no scope: only DySample+ and DySample-S+ do.")
        offer(_DYNAMIC, networks.trained(subject.task))


@st.fragment
def _scopes(subject: Subject, step: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        axis = controls.axis_choice()
        group = controls.group_choice(scope.dynamic_groups(subject, step))
    found = scope.chosen_scopes(subject, step, group, axis)
    sentence = words.scope_words(found, group, axis)
    photo, image, histogram = st.columns([4, 4, 3])
    with photo:
        _photo(subject, step)
    with image:
        _map(found, sentence, explore.step(subject, step).input.shape[3])
    with histogram:
        _histogram(found, sentence)


def _photo(subject: Subject, step: str) -> None:
    rows, columns = explore.step(subject, step).input.shape[2:]
    caption = words.photo_caption(rows, columns)
    figure = figures.photo(photos.padded(subject), cells=columns)
    figure_block(figure, caption=caption, alt=caption, name="Photograph", key="scope-photo")


def _map(found: ScopeMap, sentence: str, columns: int) -> None:
    figure_block(
        figures.scope_image(found, cells=columns),
        caption=f"Scope of every output point, {sentence}.",
        alt=f"Map of the dynamic scope over the photograph, {sentence}.",
        name="Dynamic scope",
        data={"scope": found.values},
        key="scope-map",
    )


def _histogram(found: ScopeMap, sentence: str) -> None:
    figure_block(
        figures.scope_histogram(found),
        caption="How often each scope occurs, every point, group and direction by itself.",
        alt=f"Histogram of the dynamic scope from 0 to {found.limit:g} low-res pixels, {sentence}.",
        name="Histogram of the scope",
        data={"counts": found.histogram.counts, "edges": found.histogram.edges},
        key="scope-histogram",
    )
