"""Scope and overlap: where sampling points start, how far they may go, and the effect on the output."""

from dataclasses import replace

import numpy as np
import streamlit as st
from jaxtyping import Float32

from app.components.figure.block import figure_block
from app.settings import Subject
from app.shared import networks, photos
from app.shared.controls import offer, prose, table
from app.shared.subject import choose_network
from app.views.scope import compute, controls, figures, words
from dysample.explain.disorder import Disorder
from dysample.explain.features import Edge
from dysample.explain.overlap import Overlap, Reaches, cell_reaches, marginal_scope, overlap
from dysample.explain.scope import SQUASHES, Disturbance, ScopeMap, Squash
from dysample.geometry import InitialGrid
from dysample.ops.registry import OPERATORS
from dysample.scores.paper import paper_table


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
    paper = paper_table("table2")
    st.markdown(f"**{words.FACTOR_TITLE}**")
    table(words.factor_table(paper, compute.factor_overlaps(paper)), label=words.FACTOR_TITLE)


def _squares(scale: int, reach: float, initial: InitialGrid, now: Overlap) -> None:
    reaches = cell_reaches(scale=scale, scope=reach, initial=initial)
    figure_block(
        figures.reach_squares(reaches),
        caption=words.reach_caption(scale, reach, initial),
        alt=words.reach_alt(scale, reach, initial, now),
        name="Reaches",
        data={"points": reaches.centres, "rectangles": reaches.rectangles, "cells": reaches.cells},
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
            "scope": np.array([x for x, _ in curve]),
            "overlapped": np.array([y.overlapped for _, y in curve]),
            "shared": np.array([y.shared for _, y in curve], np.float64),
        },
        key="curve",
    )


def _dynamic() -> None:
    """Draw the section about the dynamic scope of a trained network (Eq. 5)."""
    prose("scope", "dynamic")
    network = choose_network()
    if network is None:
        return
    subject = network.subject
    if compute.dynamic_groups(subject, network.step):
        _dynamic_scopes(subject, network.step)
    else:
        others = {name: spec.label for name, spec in OPERATORS.items() if spec.options.get("dynamic_scope")}
        st.info(
            f"{OPERATORS[subject.upsampler].label} predicts no scope: "
            f"only {' and '.join(others.values())} do."
        )
        offer(list(others), networks.trained(subject.task))


@st.fragment
def _dynamic_scopes(subject: Subject, step: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        axis = controls.axis_choice()
        group = controls.group_choice(compute.dynamic_groups(subject, step))
    scopes = compute.chosen_scopes(subject, step, group, axis)
    sentence = words.scope_words(scopes, group, axis)
    photo, image, histogram = st.columns([4, 4, 3])
    with photo:
        _photo(subject, step)
    with image:
        _map(scopes, sentence, networks.step(subject, step).input.shape[3])
    with histogram:
        _histogram(scopes, sentence)


def _photo(subject: Subject, step: str) -> None:
    rows, columns = networks.step(subject, step).input.shape[2:]
    caption = words.photo_caption(rows, columns)
    figure = figures.photo(photos.padded(subject), cells=columns)
    figure_block(figure, caption=caption, alt=caption, name="Photograph", key="scope-photo")


def _map(scopes: ScopeMap, sentence: str, columns: int) -> None:
    figure_block(
        figures.scope_image(scopes, cells=columns),
        caption=f"Scope of every output point, {sentence}.",
        alt=f"Map of the dynamic scope over the photograph, {sentence}.",
        name="Dynamic scope",
        data={"scope": scopes.values},
        key="scope-map",
    )


def _histogram(scopes: ScopeMap, sentence: str) -> None:
    figure_block(
        figures.scope_histogram(scopes),
        caption="How often each scope occurs, every point, group and direction by itself.",
        alt=f"Histogram of the dynamic scope from 0 to {scopes.limit:g} low-res pixels, {sentence}.",
        name="Histogram of the scope",
        data={"counts": scopes.histogram.counts, "edges": scopes.histogram.edges},
        key="scope-histogram",
    )


def _disorder() -> None:
    """Draw the section about boundary disorder (Figure 4)."""
    prose("scope", "disorder")
    origin = controls.origin_choice()
    if origin != "features":
        _edge_disorder(origin)
        return
    network = choose_network()
    if network is not None:
        _feature_disorder(network.subject, network.step)


@st.fragment
def _edge_disorder(edge: Edge) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        disturbance, marked = _choices()
    _show_disorder(edge, _with_sliders(disturbance), marked=marked)


@st.fragment
def _feature_disorder(subject: Subject, step: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        channel = controls.channel_choice(networks.step(subject, step).input.shape[1])
        disturbance, marked = _choices()
    _show_disorder(compute.Features(subject, step, channel), _with_sliders(disturbance), marked=marked)


def _choices() -> tuple[Disturbance, bool]:
    disturbance = Disturbance(scale=controls.scale_choice(), seed=controls.draw_choice())
    return disturbance, controls.marks_choice()


def _with_sliders(disturbance: Disturbance) -> Disturbance:
    reach, strength = st.columns(2, gap="large")
    with reach:
        chosen = controls.scope_choice(marginal_scope(disturbance.scale))
    with strength:
        return replace(disturbance, scope=chosen, strength=controls.strength_choice())


def _show_disorder(source: Edge | compute.Features, disturbance: Disturbance, *, marked: bool) -> None:
    disorders = compute.disorders(source, disturbance)
    low_res = compute.low_res_map(source)[0, 0].numpy()
    extent = (float(low_res.min()), float(low_res.max()))
    view = compute.edge_view(disorders[0].at_edge, scale=disturbance.scale)
    columns = st.columns(1 + len(SQUASHES))
    with columns[0]:
        _before(low_res, disorders[0], extent, view)
    for column, squash, disorder in zip(columns[1:], SQUASHES, disorders, strict=True):
        with column:
            _after(squash, disorder, extent, view, marked=marked)
    table(words.disorder_table(disorders), label="Disorder in numbers")
    prose("scope", "remark")


def _before(
    low_res: Float32[np.ndarray, "h w"], disorder: Disorder, extent: tuple[float, float], view: figures.View
) -> None:
    st.markdown("**Without offsets**")
    figure_block(
        figures.before(low_res, disorder.bilinear[0], extent, view=view),
        caption=words.before_caption(low_res.shape, disorder),
        alt=words.before_alt(low_res.shape),
        name="Before",
        data={"map": low_res, "bilinear": disorder.bilinear},
        key="before",
    )


def _after(
    squash: Squash, disorder: Disorder, extent: tuple[float, float], view: figures.View, *, marked: bool
) -> None:
    st.markdown(f"**{words.SQUASH_TITLES[squash]}**")
    swapped = compute.swaps(disorder)
    seen = compute.at_edge(swapped, disorder.at_edge)
    marks = figures.borders(seen.horizontal, seen.vertical) if marked else None
    figure_block(
        figures.after(disorder.output[0], disorder.bilinear[0], extent, marks=marks, view=view),
        caption=words.disorder_caption(disorder),
        alt=words.disorder_alt(squash, disorder),
        name=f"After, {squash}",
        data={
            "output": disorder.output,
            "bilinear": disorder.bilinear,
            "points": disorder.record.points.numpy(),
            "swapped_horizontally": swapped.horizontal,
            "swapped_vertically": swapped.vertical,
        },
        key=f"after-{squash}",
    )


_SECTIONS = {
    "Initial grids": _grids,
    "Reach and overlap": _reaches,
    "Dynamic scope": _dynamic,
    "Boundary disorder": _disorder,
}


page()
