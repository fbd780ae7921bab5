"""One point: what a single output pixel is made of (Figure 7)."""

import streamlit as st

from app.compute import explore, networks, point, point_maps
from app.compute.offsets import background
from app.compute.point import Seen
from app.figures import point_maths as maths
from app.figures import point_words as words
from app.figures.arrows import map_png
from app.figures.point_footprints import Pane, footprints
from app.figures.point_window import Scene, window_figure
from app.settings import Subject
from app.views.subject import choose_network
from app.widgets import point_controls as controls
from app.widgets.controls import offer
from app.widgets.figure_block import figure_block
from app.widgets.offset_controls import group_choice
from app.widgets.point_cell import asked_cell, forget_cell, remember_cell
from app.widgets.point_controls import Beneath
from app.widgets.point_map import cell_map
from app.widgets.prose import prose
from dysample.analysis.reading import group_count
from dysample.models.manifest import WeightsError
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
    record = explore.record(subject, name)
    _explain(subject, record)
    if record is None:
        return
    try:
        with st.spinner("Asking the other upsamplers"):
            point.decided(subject, name)
    except WeightsError as error:
        st.error(str(error))
        return
    _explore(subject, name)


def _explain(subject: Subject, record: SamplingRecord | KernelRecord | None) -> None:
    """Say what the upsampler has in the place of points that move, and offer one that moves them."""
    if isinstance(record, SamplingRecord) and record.offset.any():
        return
    if record is None:
        prose("point_none")
    else:
        prose("point_fixed" if isinstance(record, SamplingRecord) else "point_kernel")
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
    seen = point.see(subject, name, _pixel(subject, name, corner), channel)
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
    groups = group_count(point.decided(subject, name)[0].record)
    channels = explore.step(subject, name).input.shape[1] // groups
    corner, group = controls.point_choice(), group_choice(groups)

    def most_changed() -> int:
        return point.most_changed(subject, name, _pixel(subject, name, corner), group)

    channel = controls.channel_choice(group * channels, channels, most_changed=most_changed)
    return corner, channel, controls.beneath_choice()


def _choose_cell(subject: Subject, name: str, beneath: Beneath, channel: int) -> None:
    rows, columns = explore.step(subject, name).input.shape[2:]
    asked = _cell(subject, name)
    cell = cell_map(
        map_png(background(subject, name, beneath, channel)),
        point.mean_offsets(subject, name),
        cell=asked,
        label=f"Low-res map of step {name}, {columns} × {rows} cells: choose one",
        key="point_map",
    )
    if cell == point.usual_cell(subject, name):
        forget_cell()
    else:
        remember_cell(cell)
    with st.container(horizontal=True):
        controls.cell_inputs(cell, rows=rows, columns=columns, tell=remember_cell)


def _cell(subject: Subject, name: str) -> tuple[int, int]:
    rows, columns = explore.step(subject, name).input.shape[2:]
    return asked_cell(rows=rows, columns=columns, usual=point.usual_cell(subject, name))


def _pixel(subject: Subject, name: str, corner: int) -> tuple[int, int]:
    return point.output_pixel(subject, name, _cell(subject, name), corner)


def _window(subject: Subject, name: str, seen: Seen, beneath: Beneath) -> None:
    channel = seen.point.reading.channel
    if beneath == "photo":
        under, quantity = point_maps.photo(subject, name, seen.window), "the picture"
    else:
        only = channel if beneath == "channel" else None
        under = point_maps.values(subject, name, only, seen.window)
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
        st.latex(maths.move_latex(move))
        st.markdown(words.LANDING)
        st.latex(maths.weights_latex(move))
    st.markdown("The output is the weighted sum:")
    st.latex(maths.sum_latex(seen.point))
    st.markdown(words.check(seen.point))
    controls.before_and_after(seen.point.before, seen.point.after)
    controls.table(words.pixels_table(seen.point), label="The pixels of the sum")
    prose("point_distance")


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
    prose("point_others")


def _all_points(seen: Seen) -> None:
    if seen.moved:
        st.subheader(f"All points of the cell in group {seen.point.reading.group + 1}")
        controls.table(words.points_table(seen.points, controls.CORNERS), label="The points of the cell")


page()
