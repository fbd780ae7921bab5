"""One point: what a single output pixel is made of (Figure 7)."""

import streamlit as st

from app.components.arrows import map_png
from app.settings import Subject
from app.shared import networks
from app.shared.controls import offer, prose
from app.shared.literal import plain
from app.shared.subject import choose_network
from app.views.offsets.compute import background
from app.views.offsets.controls import group_choice
from app.views.point import compute, controls, sections
from app.views.point.controls import Beneath
from dysample.explain.footprint import group_count
from dysample.models.hub import WeightsError
from dysample.types import KernelRecord, SamplingRecord

_OFFERED = "dysample+"


def page() -> None:
    """Draw the page."""
    st.title("One point")
    prose("point")
    chosen = choose_network()
    if chosen is None:
        return
    subject, name = chosen.subject, chosen.step
    record = networks.record(subject, name)
    _explain(subject, record)
    if record is None:
        return
    try:
        with st.spinner("Running the other upsamplers"):
            compute.plans(subject, name)
    except WeightsError as error:
        st.error(plain(str(error)))
        return
    _explore(subject, name)


def _explain(subject: Subject, record: SamplingRecord | KernelRecord | None) -> None:
    """Draw what the upsampler has instead of points that move, and offer one that moves them."""
    if isinstance(record, SamplingRecord) and record.offset.any():
        return
    if record is None:
        prose("point", "none")
    else:
        prose("point", "fixed" if isinstance(record, SamplingRecord) else "kernel")
    offer([_OFFERED], networks.trained(subject.task))


@st.fragment
def _explore(subject: Subject, name: str) -> None:
    left, right = st.columns([5, 6], gap="large")
    with left:
        above = st.container()  # the map shows what is chosen below it
        with st.container(horizontal=True, vertical_alignment="bottom"):
            corner, channel, beneath = _choices(subject, name)
    with above:
        _choose_cell(subject, name, beneath, channel)
    view = compute.view_point(subject, name, _pixel(subject, name, corner), channel)
    with right:
        sections.window(subject, name, view, beneath)
    left, right = st.columns(2, gap="large")
    with left:
        sections.arithmetic(view)
    with right:
        sections.every_upsampler(view)
    sections.every_point(view)


def _choices(subject: Subject, name: str) -> tuple[int, int, Beneath]:
    """Choose the output pixel of the cell, the channel, and the background."""
    groups = group_count(compute.plans(subject, name)[0].record)
    channels = networks.step(subject, name).input.shape[1] // groups
    corner, group = controls.point_choice(), group_choice(groups)

    def most_changed() -> int:
        return compute.most_changed(subject, name, _pixel(subject, name, corner), group)

    channel = controls.channel_choice(group * channels, channels, most_changed=most_changed)
    return corner, channel, controls.beneath_choice()


def _choose_cell(subject: Subject, name: str, beneath: Beneath, channel: int) -> None:
    rows, columns = networks.step(subject, name).input.shape[2:]
    cell = controls.cell_map(
        map_png(background(subject, name, beneath, channel)),
        compute.mean_offsets(subject, name),
        cell=_cell(subject, name),
        label=f"Low-res map of step {name}, {columns} × {rows} cells: choose one",
        key="point_map",
    )
    if cell == compute.usual_cell(subject, name):
        controls.forget_cell()
    else:
        controls.remember_cell(cell)
    with st.container(horizontal=True):
        controls.cell_inputs(cell, rows=rows, columns=columns, store=controls.remember_cell)


def _cell(subject: Subject, name: str) -> tuple[int, int]:
    rows, columns = networks.step(subject, name).input.shape[2:]
    return controls.chosen_cell(rows=rows, columns=columns, usual=compute.usual_cell(subject, name))


def _pixel(subject: Subject, name: str, corner: int) -> tuple[int, int]:
    return compute.output_pixel(subject, name, _cell(subject, name), corner)


page()
