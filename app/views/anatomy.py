"""Anatomy: DySample stage by stage, on an example with all its numbers and on the picture."""

from typing import cast

import numpy as np
import streamlit as st
from jaxtyping import UInt8
from streamlit.delta_generator import DeltaGenerator

from app.compute import anatomy as compute
from app.compute import networks, photos
from app.figures import anatomy_words as words
from app.figures.anatomy_blocks import blocks
from app.settings import Subject
from app.views.subject import choose_network
from app.widgets import anatomy_controls as controls
from app.widgets.anatomy_prose import sections
from app.widgets.anatomy_tour import tour_button, tour_card, tour_step
from app.widgets.controls import offer
from app.widgets.figure_block import figure_block
from app.widgets.prose import prose
from app.widgets.stage_walk import stage_walk
from dysample.analysis.anatomy import Anatomy, StageName
from dysample.analysis.anatomy_trace import Trace, trace

_OFFERED = "dysample+"
_WIDTHS = (10, 13, 13)  # of the words, and of the two figures


def page() -> None:
    """Draw the page."""
    tour = tour_step()
    st.title("Anatomy of DySample")
    prose("anatomy")
    row, body = st.container(horizontal=True, vertical_alignment="bottom"), st.container()
    with row:
        on = controls.on_choice()
    if on == "example":
        with row:
            anatomy = compute.example(controls.style_choice(), dynamic=controls.dynamic_choice())
            chosen = _follow(anatomy, on, controls.Followed(3, 4, 0), tour)
        with body:
            _show(anatomy, chosen, tour, photo=None)
    else:
        _picture(row, body, tour)


def _picture(row: DeltaGenerator, body: DeltaGenerator, tour: int | None) -> None:
    """Figures first, for they are projected; what they are of is chosen below."""
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
    usual = controls.Followed(scale * cell[0], scale * cell[1], compute.liveliest_channel(subject, name))
    with row:
        chosen = _follow(anatomy, "picture", usual, tour)
    controls.keep_cell((chosen.row // scale, chosen.column // scale))
    with body:
        _show(anatomy, chosen, tour, photo=photos.padded(subject))


def _follow(
    anatomy: Anatomy, on: controls.On, usual: controls.Followed, tour: int | None
) -> controls.Followed:
    chosen = controls.followed_choice(on, anatomy.output_size, usual)
    if tour is None:
        tour_button()
    return chosen


def _only_tour(body: DeltaGenerator, tour: int | None) -> None:
    if tour is not None:
        with body:
            tour_card(tour, sections("anatomy_tour"))


def _instead(subject: Subject) -> None:
    labels = networks.trained(subject.task)
    st.info(f"{labels[subject.upsampler]} predicts no sampling points: there is nothing to take apart.")
    offer([_OFFERED], labels)


def _show(
    anatomy: Anatomy, chosen: controls.Followed, tour: int | None, *, photo: UInt8[np.ndarray, "h w 3"] | None
) -> None:
    """The stages; outside the tour, which changes more, a step runs nothing but them again."""
    walk = st.fragment(_walk) if tour is None else _walk
    walk(anatomy, chosen, tour, photo=photo)


def _walk(
    anatomy: Anatomy, chosen: controls.Followed, tour: int | None, *, photo: UInt8[np.ndarray, "h w 3"] | None
) -> None:
    followed = trace(anatomy, at=(chosen.row, chosen.column), channel=chosen.channel)
    labels = {stage.name: words.STAGES[stage.name] for stage in anatomy.stages}
    name = cast(StageName, stage_walk(labels, walk=tour is None, instead="scope"))
    told, *places = st.columns(_WIDTHS, gap="medium")
    with told:
        if tour is not None:
            tour_card(tour, sections("anatomy_tour"))
        _tell(anatomy, name, followed, brief=tour is not None)
    drawn = blocks(anatomy, name, followed, photo)
    for place, side, block in zip(places, ("left", "right"), drawn, strict=True):
        with place:
            figure_block(
                block.figure,
                caption=block.caption,
                alt=block.alt,
                name=block.name,
                data=block.data,
                key=f"anatomy-{side}",  # one for all stages: drawn anew, not made anew
            )


def _tell(anatomy: Anatomy, name: StageName, followed: Trace, *, brief: bool) -> None:
    """Equation, sentences and shape of a stage, and its arithmetic; in brief, equation and arithmetic."""
    text = sections("anatomy_stages")[words.section(anatomy, name)]
    st.markdown(text.partition("\n\n")[0] if brief else text)
    st.markdown(f"{words.shape(anatomy, name)}.")
    st.markdown(words.lead(name, followed))
    st.latex(words.formula(anatomy, name, followed))


page()
