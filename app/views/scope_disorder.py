"""The section about boundary disorder (Figure 4)."""

from dataclasses import replace

import numpy as np
import streamlit as st
from jaxtyping import Float32

from app.compute import explore, scope
from app.figures import scope_disorder as figures
from app.figures import scope_words as words
from app.settings import Subject
from app.views.subject import choose_network
from app.widgets import scope_controls as controls
from app.widgets.figure_block import figure_block
from app.widgets.prose import prose
from dysample.analysis.disorder import Disorder
from dysample.analysis.disturbance import SQUASHES, Disturbance, Squash
from dysample.analysis.edges import Edge
from dysample.analysis.overlap import marginal_scope


def disorder_section() -> None:
    """Draw the section."""
    prose("scope_disorder")
    origin = controls.origin_choice()
    if origin != "features":
        _made(origin)
        return
    network = choose_network()
    if network is not None:
        _features(network.subject, network.step)


@st.fragment
def _made(edge: Edge) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        disturbance, marked = _choices()
    _show(edge, _slid(disturbance), marked=marked)


@st.fragment
def _features(subject: Subject, step: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        channel = controls.channel_choice(explore.step(subject, step).input.shape[1])
        disturbance, marked = _choices()
    _show(scope.Features(subject, step, channel), _slid(disturbance), marked=marked)


def _choices() -> tuple[Disturbance, bool]:
    disturbance = Disturbance(scale=controls.scale_choice(), seed=controls.draw_choice())
    return disturbance, controls.marks_choice()


def _slid(disturbance: Disturbance) -> Disturbance:
    reach, strength = st.columns(2, gap="large")
    with reach:
        chosen = controls.scope_choice(marginal_scope(disturbance.scale))
    with strength:
        return replace(disturbance, scope=chosen, strength=controls.strength_choice())


def _show(source: Edge | scope.Features, disturbance: Disturbance, *, marked: bool) -> None:
    found = scope.disorders(source, disturbance)
    low_res = scope.low_res_map(source)[0, 0].numpy()
    extent = (float(low_res.min()), float(low_res.max()))
    columns = st.columns(1 + len(SQUASHES))
    with columns[0]:
        _before(low_res, found[0], extent)
    for column, squash, each in zip(columns[1:], SQUASHES, found, strict=True):
        with column:
            _after(squash, each, extent, marked=marked)
    controls.table(words.disorder_table(found), label="Disorder in numbers")
    prose("scope_remark")


def _before(low_res: Float32[np.ndarray, "h w"], found: Disorder, extent: tuple[float, float]) -> None:
    st.markdown("**Without offsets**")
    figure_block(
        figures.before(low_res, found.bilinear[0], extent),
        caption=words.before_caption(low_res.shape, found),
        alt=words.before_alt(low_res.shape),
        name="Before",
        data={"map": low_res, "bilinear": found.bilinear},
        key="before",
    )


def _after(squash: Squash, found: Disorder, extent: tuple[float, float], *, marked: bool) -> None:
    st.markdown(f"**{words.SQUASH_TITLES[squash]}**")
    swapped = scope.swaps(found)
    marks = figures.borders(swapped.horizontal, swapped.vertical) if marked else None
    figure_block(
        figures.after(found.output[0], found.bilinear[0], extent, marks=marks),
        caption=words.disorder_caption(found),
        alt=words.disorder_alt(squash, found),
        name=f"After, {squash}",
        data={
            "output": found.output,
            "bilinear": found.bilinear,
            "points": found.record.points.numpy(),
            "swapped_horizontally": swapped.horizontal,
            "swapped_vertically": swapped.vertical,
        },
        key=f"after-{squash}",
    )
