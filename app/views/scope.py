"""Scope and overlap: where sampling points start, how far they may go, and what comes of it."""

import numpy as np
import streamlit as st

from app.compute import scope
from app.figures import scope as cells
from app.figures import scope_words as words
from app.views.scope_disorder import disorder_section
from app.views.scope_dynamic import dynamic_section
from app.widgets import scope_controls as controls
from app.widgets.figure_block import figure_block
from app.widgets.prose import prose
from dysample.analysis.overlap import Overlap, Reaches, cell_reaches, marginal_scope, overlap
from dysample.analysis.paper import paper_table
from dysample.geometry import InitialGrid


def page() -> None:
    """Draw the page."""
    st.title("Scope and overlap")
    prose("scope")
    _SECTIONS[controls.section_choice(list(_SECTIONS))]()


@st.fragment
def _grids() -> None:
    prose("scope_grids")
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
        cells.initial_grid(start, pixels),
        caption=caption,
        alt=f"Three by three cells. {caption}",
        name=f"Initial grid, {initial}",
        data={"points": start.centres, "cells": start.cells, "places": start.places},
        key=f"grid-{initial}",
    )


@st.fragment
def _reaches() -> None:
    prose("scope_reach")
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
    controls.table(words.factor_table(table, scope.factor_overlaps(table)), label=words.FACTOR_TITLE)


def _squares(scale: int, reach: float, initial: InitialGrid, now: Overlap) -> None:
    found = cell_reaches(scale=scale, scope=reach, initial=initial)
    figure_block(
        cells.reach_squares(found),
        caption=words.reach_caption(scale, reach, initial),
        alt=words.reach_alt(scale, reach, initial, now),
        name="Reaches",
        data={"points": found.centres, "rectangles": found.rectangles, "cells": found.cells},
        key="reaches",
    )


def _curve(scale: int, reach: float, initial: InitialGrid, now: Overlap) -> None:
    curve = scope.overlap_curve(scale, initial)
    figure_block(
        cells.overlap_curves(curve, reach, now),
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
