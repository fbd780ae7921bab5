"""Check yourself: predictions to make before the answer shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

import streamlit as st

from app.components.figure.block import figure_block
from app.views.quiz import controls, figures, figures_counts, questions, reading
from app.views.quiz.figures import Drawing
from app.views.quiz.questions import F, Question, wordings

# The questions of “Check yourself”, computed once for all visitors.


_once = st.cache_resource(show_spinner=False)

start = _once(reading.start)
value = _once(reading.value)
arrow = _once(reading.arrow)
double = _once(questions.double)
touch = _once(questions.touch)
shuffle = _once(questions.shuffle)
weight = _once(questions.weight)
border = _once(questions.border)


@dataclass(frozen=True, slots=True)
class _Asked(Generic[F]):
    """A question, the figure that asks it, and the figure that answers it."""

    question: Callable[[], Question[F]]
    posed: Callable[[Question[F]], Drawing]
    solved: Callable[[Question[F]], Drawing]


_ASKED: dict[str, _Asked[Any]] = {
    "start": _Asked(start, figures.start_posed, figures.start_solved),
    "value": _Asked(value, figures.value_posed, figures.value_solved),
    "arrow": _Asked(arrow, figures.arrow_posed, figures.arrow_solved),
    "double": _Asked(double, figures_counts.double_posed, figures_counts.double_solved),
    "touch": _Asked(touch, figures_counts.touch_posed, figures_counts.touch_solved),
    "shuffle": _Asked(shuffle, figures_counts.shuffle_posed, figures_counts.shuffle_solved),
    "weight": _Asked(weight, figures_counts.weight_posed, figures_counts.weight_solved),
    "border": _Asked(border, figures.border_posed, figures.border_solved),
}


def page() -> None:
    """Draw the page."""
    words = wordings()
    number = controls.place(len(words))
    title, progress = st.columns([2, 3], vertical_alignment="bottom")
    title.title("Check yourself")
    with progress:
        controls.progress(number, len(words))
    if number > len(words):
        controls.score(words)
    else:
        _ask(list(words)[number - 1], number, len(words))


def _ask(name: str, number: int, count: int) -> None:
    words, asked = wordings()[name], _ASKED[name]
    st.subheader(f"{number}. {words.ask}")
    st.markdown(words.given)
    question = asked.question()
    left, right = st.columns([3, 2], gap="large")
    with right:
        answer = controls.choice(name, question.choices, question.right)
        if answer is not None:
            controls.verdict(answer, question.choices)
            st.markdown(words.why)
            controls.go_on(words)
        controls.navigation(number, count, answered=answer is not None)
    with left:
        drawing = asked.posed(question) if answer is None else asked.solved(question)
        figure_block(
            drawing.figure,
            caption=drawing.caption,
            alt=drawing.alt,
            name=f"Question {number}, {words.title.lower()}{', answered' if answer else ''}",
            data=drawing.data or None,
            key="quiz-picture",  # one chart that changes, which is quicker than another one in its place
        )


page()
