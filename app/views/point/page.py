"""One point: what a single output pixel is made of (Figure 7)."""

import streamlit as st

from app.components.arrows import map_png
from app.components.figure.block import figure_block
from app.settings import Subject
from app.shared import networks
from app.shared.controls import offer, prose, table
from app.shared.subject import choose_network
from app.views.offsets.compute import background
from app.views.offsets.controls import group_choice
from app.views.point import compute, controls, words
from app.views.point.compute import Seen
from app.views.point.controls import Beneath, asked_cell, cell_map, forget_cell, remember_cell
from app.views.point.figures import Pane, Scene, footprints, window_figure
from dysample.explain.footprint import group_count
from dysample.models.hub import WeightsError
from dysample.ops.registry import OPERATORS
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
        with st.spinner("Asking the other upsamplers"):
            compute.decided(subject, name)
    except WeightsError as error:
        st.error(str(error))
        return
    _explore(subject, name)


def _explain(subject: Subject, record: SamplingRecord | KernelRecord | None) -> None:
    """Say what the upsampler has in the place of points that move, and offer one that moves them."""
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
    seen = compute.see(subject, name, _pixel(subject, name, corner), channel)
    with right:
        _window(subject, name, seen, beneath)
    left, right = st.columns(2, gap="large")
    with left:
        _arithmetic(seen)
    with right:
        _others(seen)
    _all_points(seen)


def _choices(subject: Subject, name: str) -> tuple[int, int, Beneath]:
    """Which output pixel of the cell, which channel, and what beneath."""
    groups = group_count(compute.decided(subject, name)[0].record)
    channels = networks.step(subject, name).input.shape[1] // groups
    corner, group = controls.point_choice(), group_choice(groups)

    def most_changed() -> int:
        return compute.most_changed(subject, name, _pixel(subject, name, corner), group)

    channel = controls.channel_choice(group * channels, channels, most_changed=most_changed)
    return corner, channel, controls.beneath_choice()


def _choose_cell(subject: Subject, name: str, beneath: Beneath, channel: int) -> None:
    rows, columns = networks.step(subject, name).input.shape[2:]
    asked = _cell(subject, name)
    cell = cell_map(
        map_png(background(subject, name, beneath, channel)),
        compute.mean_offsets(subject, name),
        cell=asked,
        label=f"Low-res map of step {name}, {columns} × {rows} cells: choose one",
        key="point_map",
    )
    if cell == compute.usual_cell(subject, name):
        forget_cell()
    else:
        remember_cell(cell)
    with st.container(horizontal=True):
        controls.cell_inputs(cell, rows=rows, columns=columns, tell=remember_cell)


def _cell(subject: Subject, name: str) -> tuple[int, int]:
    rows, columns = networks.step(subject, name).input.shape[2:]
    return asked_cell(rows=rows, columns=columns, usual=compute.usual_cell(subject, name))


def _pixel(subject: Subject, name: str, corner: int) -> tuple[int, int]:
    return compute.output_pixel(subject, name, _cell(subject, name), corner)


def _window(subject: Subject, name: str, seen: Seen, beneath: Beneath) -> None:
    channel = seen.point.reading.channel
    if beneath == "photo":
        under, quantity = compute.photo(subject, name, seen.window), "the picture"
    else:
        only = channel if beneath == "channel" else None
        under = compute.values(subject, name, only, seen.window)
        quantity = "length of the feature vector" if only is None else f"channel {channel}"
    scene = Scene(seen.window, seen.cell, under, quantity, seen.moved, seen.point)
    figure_block(
        window_figure(scene),
        caption=words.window_caption(scene),
        alt=words.window_alt(scene),
        name="One point",
        data=words.window_data(scene),
        key="point-window",
    )


def _arithmetic(seen: Seen) -> None:
    st.subheader("The arithmetic")
    move = seen.point.reading.move
    if move is not None:
        st.markdown(words.moves(move))
        st.latex(words.move_latex(move))
        st.markdown(words.LANDING)
        st.latex(words.weights_latex(move))
    st.markdown("The output is the weighted sum:")
    st.latex(words.sum_latex(seen.point))
    st.markdown(words.check(seen.point))
    controls.before_and_after(seen.point.before, seen.point.after)
    table(words.pixels_table(seen.point), label="The pixels of the sum")
    prose("point", "distance")


def _others(seen: Seen) -> None:
    st.subheader("Under every upsampler")
    panes = [
        Pane(
            OPERATORS[each.name].label,
            words.status(each.name, trained=each.trained),
            words.start(each.name, trained=each.trained),
            found,
        )
        for each, found in seen.others
    ]
    figure_block(
        footprints(panes, seen.window, cell=seen.cell),
        caption=words.footprints_caption(panes),
        alt=words.footprints_alt(panes),
        name="Footprints of one output pixel",
        data=words.footprints_data(panes, seen.window),
        key="point-footprints",
    )
    prose("point", "others")


def _all_points(seen: Seen) -> None:
    if seen.moved:
        st.subheader(f"All points of the cell in group {seen.point.reading.group + 1}")
        table(words.points_table(seen.points, controls.CORNERS), label="The points of the cell")


page()
