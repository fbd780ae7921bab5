"""Check yourself: predictions to make before the answer shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

import streamlit as st

from app.compute import quiz
from app.figures import quiz_border, quiz_cost, quiz_point, quiz_scope, quiz_start
from app.figures.quiz_drawing import Drawing
from app.questions.question import F, Question
from app.questions.wording import wordings
from app.widgets import quiz_controls as controls
from app.widgets.figure_block import figure_block


@dataclass(frozen=True, slots=True)
class _Asked(Generic[F]):
    """A question, the figure that asks it, and the figure that answers it."""

    question: Callable[[], Question[F]]
    posed: Callable[[Question[F]], Drawing]
    solved: Callable[[Question[F]], Drawing]


_ASKED: dict[str, _Asked[Any]] = {
    "start": _Asked(quiz.start, quiz_start.posed, quiz_start.solved),
    "value": _Asked(quiz.value, quiz_point.value_posed, quiz_point.value_solved),
    "arrow": _Asked(quiz.arrow, quiz_point.arrow_posed, quiz_point.arrow_solved),
    "double": _Asked(quiz.double, quiz_scope.double_posed, quiz_scope.double_solved),
    "touch": _Asked(quiz.touch, quiz_scope.touch_posed, quiz_scope.touch_solved),
    "shuffle": _Asked(quiz.shuffle, quiz_cost.shuffle_posed, quiz_cost.shuffle_solved),
    "weight": _Asked(quiz.weight, quiz_cost.weight_posed, quiz_cost.weight_solved),
    "border": _Asked(quiz.border, quiz_border.posed, quiz_border.solved),
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
