"""The sections of the One point page: window, arithmetic, all upsamplers, all points of the cell."""

import streamlit as st

from app.components.figure.block import figure_block
from app.settings import Subject
from app.shared.controls import prose, table
from app.views.point import compute, controls, words
from app.views.point.compute import PointView
from app.views.point.controls import Beneath
from app.views.point.figures import Pane, PointScene, footprints, window_figure
from dysample.ops.registry import OPERATORS


def window(subject: Subject, name: str, view: PointView, beneath: Beneath) -> None:
    """Draw the cell's points over the low-res map or the picture."""
    channel = view.point.reading.channel
    if beneath == "photo":
        under, quantity = compute.photo(subject, name, view.window), "the picture"
    else:
        only = channel if beneath == "channel" else None
        under = compute.values(subject, name, only, view.window)
        quantity = "length of the feature vector" if only is None else f"channel {channel}"
    scene = PointScene(view.window, view.cell, under, quantity, view.arrows, view.point)
    figure_block(
        window_figure(scene),
        caption=words.window_caption(scene),
        alt=words.window_alt(scene),
        name="One point",
        data=words.window_data(scene),
        key="point-window",
    )


def arithmetic(view: PointView) -> None:
    """Draw the equations of the output pixel with its numbers, and the pixels of its sum."""
    st.subheader("The arithmetic")
    move = view.point.reading.move
    if move is not None:
        st.markdown(words.moves(move))
        st.latex(words.move_latex(move))
        st.markdown(words.LANDING)
        st.latex(words.weights_latex(move))
    st.markdown("The output is the weighted sum:")
    st.latex(words.sum_latex(view.point))
    st.markdown(words.check(view.point))
    controls.before_and_after(view.point.before, view.point.after)
    table(words.pixels_table(view.point), label="The pixels of the sum")
    prose("point", "distance")


def every_upsampler(view: PointView) -> None:
    """Draw the footprint of the output pixel under every upsampler."""
    st.subheader("Under every upsampler")
    panes = [
        Pane(
            OPERATORS[plan.name].label,
            words.status(plan.name, trained=plan.trained),
            words.start(plan.name, trained=plan.trained),
            reading,
        )
        for plan, reading in view.readings
    ]
    figure_block(
        footprints(panes, view.window, cell=view.cell),
        caption=words.footprints_caption(panes),
        alt=words.footprints_alt(panes),
        name="Footprints of one output pixel",
        data=words.footprints_data(panes, view.window),
        key="point-footprints",
    )
    prose("point", "others")


def every_point(view: PointView) -> None:
    """Draw a table of the cell's points in the chosen group; nothing for kernels."""
    if view.arrows:
        st.subheader(f"All points of the cell in group {view.point.reading.group + 1}")
        table(words.points_table(view.points, controls.CORNERS), label="The points of the cell")
