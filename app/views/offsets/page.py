"""Offsets: where a trained network reads its maps, on the visitor's own picture."""

import plotly.graph_objects as go
import streamlit as st

from app.components import arrows
from app.components.figure.block import figure_block
from app.components.offsets.canvas import offset_canvas
from app.memory import keep, kept
from app.settings import Subject
from app.shared import networks
from app.shared.cache import cached
from app.shared.cell import CELL_KEY, read_cell, write_cell
from app.shared.controls import offer, prose
from app.shared.links import page_link
from app.shared.subject import choose_network, step_labels
from app.views.offsets import compute, controls, figures
from dysample.ops.registry import OPERATORS

_OFFERED = "dysample+"
_CELL_TABLE_PX = 330


def page() -> None:
    """Draw the page."""
    controls.compact()
    st.title("Where the points go")
    prose("offsets")
    chosen = choose_network()
    if chosen is None:
        return
    subject, step = chosen.subject, chosen.step
    if not networks.points_move(subject, step):
        st.info(f"{OPERATORS[subject.upsampler].label} has no sampling points that move.")
        offer([_OFFERED], networks.trained(subject.task))
        return
    _map(subject, step)
    st.subheader("How far they go")
    _numbers(subject, step)
    st.subheader("All steps of this network")
    controls.numbers(figures.steps_table(compute.table(subject), step_labels(chosen.steps)), key="steps")
    prose("offsets", "table")


@st.fragment
def _map(subject: Subject, step: str) -> None:
    """Draw the map under its arrows, and the numbers of the chosen cell."""
    field = compute.field(subject, step)
    above = st.container()  # the map comes first, and shows what is chosen below it
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind, channel = controls.background_choice(compute.channels(subject, step))
        group = controls.group_choice(len(field.vectors))
        colour, factor, across = controls.arrow_choice()
    height, width = compute.map_size(subject, step)
    longest = arrows.longest_shown(field)
    picture, beside = above.columns([5, 3], gap="medium")
    with picture:
        cell = offset_canvas(
            arrows.map_png(compute.background(subject, step, kind, channel)),
            arrows.arrows(compute.initial(subject, step), field, group, colour, longest),
            size=(width, height),
            scale=arrows.colour_scale(colour, longest),
            label=f"Low-res map of {width} by {height} cells with the offsets of group {group + 1}",
            key="offsets",
            cell=_cell(width, height),
            step=arrows.overview_step(max(field.lengths.shape[1:])),
            exaggeration=factor,
            across=across or None,
        )
    with beside:
        _remember(cell)
        _chosen(subject, step, cell)


def _cell(width: int, height: int) -> tuple[int, int] | None:
    """Return the cell, as (column, row), in the address or from another page, if this map has it."""
    cell = read_cell(st.query_params.get(CELL_KEY, kept(CELL_KEY, "")), rows=height, columns=width)
    return None if cell is None else (cell[1], cell[0])


def _remember(cell: tuple[int, int] | None) -> None:
    if cell is not None:
        st.query_params[CELL_KEY] = keep(CELL_KEY, write_cell((cell[1], cell[0])))


def _chosen(subject: Subject, step: str, cell: tuple[int, int] | None) -> None:
    if cell is None:
        st.info("Click a cell, or walk with the arrow keys and press Enter, to see its points as numbers.")
        return
    column, row = cell
    st.markdown(
        f"**Cell in row {row}, column {column}**, its points by group and place (row, column in the cell); "
        "low-res pixels."
    )
    columns = figures.cell_table(compute.field(subject, step), row, column)
    controls.numbers(columns, key="cell_numbers", height=_CELL_TABLE_PX)
    page_link("point", label="Look at one point of this cell", icon=":material/center_focus_strong:")


def _numbers(subject: Subject, step: str) -> None:
    statistics, field = compute.statistics(subject, step), compute.field(subject, step)
    left, right = st.columns(2, gap="medium")
    with left:
        figure_block(
            _histograms(subject, step),
            caption=figures.histograms_caption(statistics.overall),
            alt=figures.histograms_alt(statistics.overall, scale=field.scale),
            name=f"Offset histogram {step}",
            data=figures.histogram_arrays(statistics.overall),
            key="histogram",
        )
    with right:
        figure_block(
            _group_lengths(subject, step),
            caption="Length of every point's offset in low-res pixels, group by group; the longest hundredth "
            "has the last colour. A pattern of single pixels is real: the points of a cell are predicted "
            "separately, and may move differently.",
            alt=figures.group_lengths_alt(field),
            name=f"Offset lengths {step}",
            data={"vectors": field.vectors, "lengths": field.lengths, "scopes": field.scopes},
            key="groups",
        )


@cached
def _histograms(subject: Subject, step: str) -> go.Figure:
    scale = compute.field(subject, step).scale
    return figures.histograms(compute.statistics(subject, step).overall, scale=scale)


@cached
def _group_lengths(subject: Subject, step: str) -> go.Figure:
    field = compute.field(subject, step)
    return figures.group_lengths(field, longest=arrows.longest_shown(field))


page()
