"""Scope and overlap: where sampling points start, how far they may go, and what comes of it."""

from dataclasses import replace

import numpy as np
import streamlit as st
from jaxtyping import Float32

from app.components.figure.block import figure_block
from app.settings import Subject
from app.shared import networks, photos
from app.shared.controls import offer, prose
from app.shared.subject import choose_network
from app.views.scope import compute, controls, figures, words
from dysample.explain.disorder import Disorder
from dysample.explain.features import Edge
from dysample.explain.overlap import Overlap, Reaches, cell_reaches, marginal_scope, overlap
from dysample.explain.scope import SQUASHES, Disturbance, ScopeMap, Squash
from dysample.geometry import InitialGrid
from dysample.ops.registry import OPERATORS
from dysample.scores.paper import paper_table

# The section about boundary disorder (Figure 4).


def disorder_section() -> None:
    """Draw the section."""
    prose("scope", "disorder")
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
        channel = controls.channel_choice(networks.step(subject, step).input.shape[1])
        disturbance, marked = _choices()
    _show(compute.Features(subject, step, channel), _slid(disturbance), marked=marked)


def _choices() -> tuple[Disturbance, bool]:
    disturbance = Disturbance(scale=controls.scale_choice(), seed=controls.draw_choice())
    return disturbance, controls.marks_choice()


def _slid(disturbance: Disturbance) -> Disturbance:
    reach, strength = st.columns(2, gap="large")
    with reach:
        chosen = controls.scope_choice(marginal_scope(disturbance.scale))
    with strength:
        return replace(disturbance, scope=chosen, strength=controls.strength_choice())


def _show(source: Edge | compute.Features, disturbance: Disturbance, *, marked: bool) -> None:
    found = compute.disorders(source, disturbance)
    low_res = compute.low_res_map(source)[0, 0].numpy()
    extent = (float(low_res.min()), float(low_res.max()))
    columns = st.columns(1 + len(SQUASHES))
    with columns[0]:
        _before(low_res, found[0], extent)
    for column, squash, each in zip(columns[1:], SQUASHES, found, strict=True):
        with column:
            _after(squash, each, extent, marked=marked)
    controls.table(words.disorder_table(found), label="Disorder in numbers")
    prose("scope", "remark")


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
    swapped = compute.swaps(found)
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


# The section about the dynamic scope of a trained network (Eq. 5).


def dynamic_section() -> None:
    """Draw the section."""
    prose("scope", "dynamic")
    network = choose_network()
    if network is None:
        return
    subject = network.subject
    if compute.dynamic_groups(subject, network.step):
        _scopes(subject, network.step)
    else:
        others = {name: spec.label for name, spec in OPERATORS.items() if spec.options.get("dynamic_scope")}
        st.info(
            f"{OPERATORS[subject.upsampler].label} predicts no scope: "
            f"only {' and '.join(others.values())} do."
        )
        offer(list(others), networks.trained(subject.task))


@st.fragment
def _scopes(subject: Subject, step: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        axis = controls.axis_choice()
        group = controls.group_choice(compute.dynamic_groups(subject, step))
    found = compute.chosen_scopes(subject, step, group, axis)
    sentence = words.scope_words(found, group, axis)
    photo, image, histogram = st.columns([4, 4, 3])
    with photo:
        _photo(subject, step)
    with image:
        _map(found, sentence, networks.step(subject, step).input.shape[3])
    with histogram:
        _histogram(found, sentence)


def _photo(subject: Subject, step: str) -> None:
    rows, columns = networks.step(subject, step).input.shape[2:]
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


def page() -> None:
    """Draw the page."""
    st.title("Scope and overlap")
    prose("scope")
    _SECTIONS[controls.section_choice(list(_SECTIONS))]()


@st.fragment
def _grids() -> None:
    prose("scope", "grids")
    scale = controls.scale_choice()
    pixels = cell_reaches(scale=scale, scope=0.0, initial="bilinear")
    left, right = st.columns(2, gap="large")
    with left:
        _grid(cell_reaches(scale=scale, scope=0.0, initial="nearest"), pixels, scale, "nearest")
    with right:
        _grid(pixels, pixels, scale, "bilinear")
    st.markdown(words.initial_sentence(paper_table("table1")))


def _grid(start: Reaches, pixels: Reaches, scale: int, initial: InitialGrid) -> None:
    caption = words.grid_caption(scale, initial)
    figure_block(
        figures.initial_grid(start, pixels),
        caption=caption,
        alt=f"Three by three cells. {caption}",
        name=f"Initial grid, {initial}",
        data={"points": start.centres, "cells": start.cells, "places": start.places},
        key=f"grid-{initial}",
    )


@st.fragment
def _reaches() -> None:
    prose("scope", "reach")
    grid, slider = st.columns([3, 5], gap="large", vertical_alignment="bottom")
    with grid, st.container(horizontal=True):
        scale, initial = controls.scale_choice(), controls.grid_choice()
    with slider:
        reach = controls.scope_choice(marginal_scope(scale, initial=initial))
    now = overlap(scale=scale, scope=reach, initial=initial)
    left, right = st.columns(2, gap="large")
    with left:
        _squares(scale, reach, initial, now)
    with right:
        controls.overlap_numbers(now)
        _curve(scale, reach, initial, now)
    table = paper_table("table2")
    st.markdown(f"**{words.FACTOR_TITLE}**")
    controls.table(words.factor_table(table, compute.factor_overlaps(table)), label=words.FACTOR_TITLE)


def _squares(scale: int, reach: float, initial: InitialGrid, now: Overlap) -> None:
    found = cell_reaches(scale=scale, scope=reach, initial=initial)
    figure_block(
        figures.reach_squares(found),
        caption=words.reach_caption(scale, reach, initial),
        alt=words.reach_alt(scale, reach, initial, now),
        name="Reaches",
        data={"points": found.centres, "rectangles": found.rectangles, "cells": found.cells},
        key="reaches",
    )


def _curve(scale: int, reach: float, initial: InitialGrid, now: Overlap) -> None:
    curve = compute.overlap_curve(scale, initial)
    figure_block(
        figures.overlap_curves(curve, reach, now),
        caption=words.curve_caption(scale, initial, now),
        alt=words.curve_alt(reach, now),
        name="Overlap against scope",
        data={
            "scope": np.array([each for each, _ in curve]),
            "overlapped": np.array([each.overlapped for _, each in curve]),
            "shared": np.array([each.shared for _, each in curve], np.float64),
        },
        key="curve",
    )


_SECTIONS = {
    "Initial grids": _grids,
    "Reach and overlap": _reaches,
    "Dynamic scope": dynamic_section,
    "Boundary disorder": disorder_section,
}


page()
