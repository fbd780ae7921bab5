"""The sections of the handout: pictures, figures, questions, answers, and words."""

import base64
import html
from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st

from app.settings import CompareSettings, Source
from app.shared import glossary
from app.shared.cache import cached
from app.shared.controls import prose
from app.views.anatomy.figures import blocks
from app.views.compare import compute, sheet
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


@dataclass(frozen=True, slots=True)
class Sheets:
    """Two PNGs of 180 mm at 300 dpi.

    Attributes:
        whole: The photograph and all answers.
        close_up: The part in which the answers differ most.
    """

    whole: bytes
    close_up: bytes


@cached
def sheets(source: Source, settings: CompareSettings, title: str) -> Sheets:
    """Draw a comparison for print; `title` is the name of the photograph.

    Raises:
        ImageError: If the file cannot be used.
        WeightsError: If weights are missing or damaged.
        EngineError: If a network cannot be run now.
    """
    comparison = compute.comparison(source, settings)
    usual = drawing(comparison.task).opacity
    near = compute.close_up(comparison)
    return Sheets(
        sheet.printed(compute.shown(comparison), "answers", opacity=usual, title=title),
        sheet.printed(near, "answers", opacity=max(_CLOSE_UP_OPACITY, usual), title="close-up"),
    )


def answers(pictures: Sheets, title: str, names: str) -> None:
    """Draw the answers of several upsamplers."""
    prose("handout", "answers")
    _picture(1, pictures.whole, words.whole(title, names))
    _picture(2, pictures.close_up, words.close_up())


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
    prose("handout", "questions")
    for number, (name, wording) in enumerate(wordings().items(), start=1):
        item = ITEMS[name]
        question = item.question()
        with st.container(key=f"handout-question-{name}"):
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


def _picture(number: int, png: bytes, caption: str) -> None:
    source = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
    text = html.escape(caption)
    st.html(
        f'<figure style="margin:0"><img src="{source}" alt="{text}" style="max-width:100%;max-height:240mm">'
        f"<figcaption>Figure {number}. {text}</figcaption></figure>"
    )


def _chart(number: int, figure: go.Figure, caption: str, alt: str, *, key: str) -> None:
    with st.container(key=f"handout-figure-{key}", gap="xsmall"):
        st.plotly_chart(figure, key=f"handout-{key}", config=_CONFIG, alt=alt)
        st.caption(f"Figure {number}. {caption}")
