"""The sections of the handout: pictures, figures, questions, answers, and words."""

from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st

from app.components.assets import png_data_uri
from app.records import Layer, Legend
from app.settings import CompareSettings, Source
from app.shared import glossary
from app.shared.cache import cached
from app.shared.controls import prose
from app.shared.drawing import photo_png
from app.views.anatomy.figures import blocks
from app.views.compare import compute
from app.views.compare.kinds import drawing
from app.views.handout import words
from app.views.quiz.questions import LETTERS, wordings
from app.views.quiz.sections import ITEMS
from app.views.scope.figures import reach_squares
from app.views.scope.words import reach_alt, reach_caption
from dysample.explain.anatomy import dissect, example, trace
from dysample.explain.overlap import cell_reaches, overlap

_CLOSE_UP_OPACITY = 0.75  # as on the page "Compare"
_AT = (3, 4)  # row and column of the output value on the example's edge that the page "Anatomy" follows
_CONFIG = {"staticPlot": True, "displayModeBar": False}
_HEIGHT = 270  # CSS pixels of a figure: two questions on a page of A4


@dataclass(frozen=True, slots=True)
class PrintedPanes:
    """A photograph and the answers over it.

    Attributes:
        photo: The photograph as PNG.
        layers: The answers.
        opacity: Of the layers, 0 to 1.
        legend: Meaning of the colours.
    """

    photo: bytes
    layers: tuple[Layer, ...]
    opacity: float
    legend: Legend


@cached
def panes(source: Source, settings: CompareSettings) -> tuple[PrintedPanes, PrintedPanes]:
    """Return the answers of several upsamplers for the picture, and for the part in which they differ most.

    Raises:
        ImageError: If the file cannot be used.
        WeightsError: If weights are missing or damaged.
        EngineError: If a network cannot be run now.
    """
    whole = compute.comparison(source, settings)
    near, draw = compute.close_up(whole), drawing(whole.task)
    shown = ((compute.shown(whole), draw.opacity), (near, max(_CLOSE_UP_OPACITY, draw.opacity)))
    first, second = (
        PrintedPanes(
            photo_png(comparison.picture.image),
            draw.panes(comparison, "answers"),
            opacity,
            draw.legend(comparison, "answers"),
        )
        for comparison, opacity in shown
    )
    return first, second


def answers(whole: PrintedPanes, close_up: PrintedPanes, *, title: str, names: str) -> None:
    """Draw the answers of several upsamplers."""
    prose("handout", "answers")
    _picture(1, whole, words.whole(title, names))
    _picture(2, close_up, words.close_up())


def method() -> None:
    """Draw where points may go, and one output value of the example."""
    prose("handout", "points")
    reaches, now = cell_reaches(scale=2, scope=0.25), overlap(scale=2, scope=0.25)
    caption = reach_caption(2, 0.25, "bilinear")
    _chart(3, reach_squares(reaches), caption, reach_alt(2, 0.25, "bilinear", now), key="reaches")
    prose("handout", "example")
    op, x = example("lp", dynamic=False)
    anatomy = dissect(op, x)
    block = blocks(anatomy, "grid", trace(anatomy, at=_AT, channel=0), None)[0]
    _chart(4, block.figure, block.caption, block.alt, key="example")


def questions() -> None:
    """Draw the questions with their figures, without answers."""
    with st.container(key="handout-questions"):
        prose("handout", "questions")
    for number, (name, wording) in enumerate(wordings().items(), start=1):
        item = ITEMS[name]
        question = item.question()
        with st.container(key=f"handout-question-{name}", gap="xsmall"):
            st.markdown(f"**{number}. {wording.ask}** {wording.given}")
            posed = item.posed(question)
            _chart(4 + number, posed.figure, posed.caption, posed.alt, key=name)
            st.markdown(words.choices(question.choices))


def solutions() -> None:
    """Draw the answers to the questions, and the glossary, on pages of their own."""
    with st.container(key="handout-solutions"):
        st.markdown("## Answers")
        for number, (name, wording) in enumerate(wordings().items(), start=1):
            question = ITEMS[name].question()
            right = f"{LETTERS[question.right]}: {question.choices[question.right]}."
            st.markdown(f"**{number}. {right}** {wording.why}")
        st.markdown("## Words")
        st.markdown(glossary.listed())


def _picture(number: int, shown: PrintedPanes, caption: str) -> None:
    layers = [words.pane("Photograph", "", png_data_uri(shown.photo), "", "Photograph", 0)]
    layers += [
        words.pane(
            layer.title,
            layer.note,
            png_data_uri(shown.photo),
            png_data_uri(layer.png),
            layer.alt,
            shown.opacity,
        )
        for layer in shown.layers
    ]
    st.html(words.figure(layers, shown.legend, f"Figure {number}. {caption}"))


def _chart(number: int, figure: go.Figure, caption: str, alt: str, *, key: str) -> None:
    with st.container(key=f"handout-figure-{key}", gap="xsmall"):
        st.plotly_chart(figure, key=f"handout-{key}", config=_CONFIG, alt=alt, height=_HEIGHT)
        st.caption(f"Figure {number}. {caption}")
