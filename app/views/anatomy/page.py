"""Anatomy: DySample stage by stage, on an example with all its numbers and on the visitor's picture."""

from typing import cast

import numpy as np
import streamlit as st
from jaxtyping import UInt8
from streamlit.delta_generator import DeltaGenerator

from app.components.figure.block import figure_block
from app.settings import Subject
from app.shared import networks, photos
from app.shared.controls import offer, prose
from app.shared.subject import choose_network
from app.shared.texts import sections, split
from app.views.anatomy import compute, controls, words
from app.views.anatomy.controls import OutputValue, stage_walk
from app.views.anatomy.figures import blocks
from app.views.anatomy.tour import compact, tour_button, tour_card, tour_step
from dysample.explain.anatomy import Anatomy, StageName, Trace, trace

_OFFERED = "dysample+"
_WIDTHS = (10, 13, 13)  # relative: the words, and the two figures


def page() -> None:
    """Draw the page."""
    tour = tour_step()
    if tour is None:
        st.title("Anatomy of DySample")
        prose("anatomy")
        row, body = _row(), st.container()
    else:
        compact()
        body, row = st.container(), _row()  # the tour sets the choices, so they can wait below
    with row:
        on = controls.on_choice()
    if on == "example":
        with row:
            anatomy = compute.of_example(controls.style_choice(), dynamic=controls.dynamic_choice())
            chosen = _follow(anatomy, on, OutputValue(3, 4, 0), tour)
        with body:
            _show(anatomy, chosen, tour, photo=None)
    else:
        _picture(row, body, tour)


def _row() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="bottom")


def _picture(row: DeltaGenerator, body: DeltaGenerator, tour: int | None) -> None:
    """Draw the figures in `row` and `body`, above the choice of what they show: they are projected."""
    st.subheader("Picture, network and step")
    network = choose_network()
    if network is None:
        _only_tour(body, tour)
        return
    subject, name = network.subject, network.step
    anatomy = compute.of_step(subject, name)
    if anatomy is None:
        _only_tour(body, tour)
        with body:
            _instead(subject)
        return
    scale, (_, rows, columns) = anatomy.op.scale, anatomy.input_size
    cell = controls.kept_cell(rows, columns)
    channel = compute.liveliest_channel(subject, name)
    place = (scale * cell[0], scale * cell[1]) if tour is None else compute.edge_pixel(subject, name, channel)
    usual = OutputValue(*place, channel)
    with row:
        chosen = _follow(anatomy, "picture", usual, tour)
    controls.keep_cell((chosen.row // scale, chosen.column // scale))
    with body:
        _show(anatomy, chosen, tour, photo=photos.padded(subject))


def _follow(anatomy: Anatomy, on: controls.On, usual: OutputValue, tour: int | None) -> OutputValue:
    chosen = controls.followed_choice(on, anatomy.output_size, usual)
    if tour is None:
        tour_button()
    return chosen


def _only_tour(body: DeltaGenerator, tour: int | None) -> None:
    if tour is not None:
        with body:
            st.title("Anatomy of DySample")
            tour_card(tour, split(sections("anatomy")["tour"], "## "))


def _instead(subject: Subject) -> None:
    labels = networks.trained(subject.task)
    st.info(f"{labels[subject.upsampler]} predicts no sampling points: there is nothing to take apart.")
    offer([_OFFERED], labels)


def _show(
    anatomy: Anatomy,
    chosen: OutputValue,
    tour: int | None,
    *,
    photo: UInt8[np.ndarray, "h w 3"] | None,
) -> None:
    """Draw the stages; outside the tour, which changes more of the page, a step reruns only them."""
    walk = st.fragment(_walk) if tour is None else _walk
    walk(anatomy, chosen, tour, photo=photo)


def _walk(
    anatomy: Anatomy,
    chosen: OutputValue,
    tour: int | None,
    *,
    photo: UInt8[np.ndarray, "h w 3"] | None,
) -> None:
    followed = trace(anatomy, at=(chosen.row, chosen.column), channel=chosen.channel)
    labels = {stage.name: words.STAGES[stage.name] for stage in anatomy.stages}
    if tour is None:
        name = cast(StageName, stage_walk(labels, walk=True, instead="scope"))
    else:
        with st.container(horizontal=True, vertical_alignment="center", key="tour-head"):
            st.title("Anatomy of DySample", width="content")
            name = cast(StageName, stage_walk(labels, walk=False, instead="scope"))
    text, *places = st.columns(_WIDTHS, gap="medium")
    with text, st.container(key="anatomy-text"):
        if tour is not None:
            tour_card(tour, split(sections("anatomy")["tour"], "## "))
        _explain(anatomy, name, followed, brief=tour is not None)
    pair = blocks(anatomy, name, followed, photo)
    for place, side, block in zip(places, ("left", "right"), pair, strict=True):
        with place:
            figure_block(
                block.figure,
                caption=block.caption,
                alt=block.alt,
                name=block.name,
                data=block.data,
                key=f"anatomy-{side}",  # one for all stages, so that the chart is updated and not replaced
            )


def _explain(anatomy: Anatomy, name: StageName, followed: Trace, *, brief: bool) -> None:
    """Draw equation, sentences, shape and arithmetic of a stage; `brief` leaves the sentences out."""
    text = split(sections("anatomy")["stages"], "## ")[words.section(anatomy, name)]
    st.markdown(text.partition("\n\n")[0] if brief else text)
    st.markdown(f"{words.shape(anatomy, name)}.")
    st.markdown(words.lead(name, followed))
    st.latex(words.formula(anatomy, name, followed))


page()
