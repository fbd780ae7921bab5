"""Check yourself: predictions to make before the answer is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

import streamlit as st

from app.components.figure.block import figure_block
from app.shared.cache import cached
from app.views.quiz import controls, figures, figures_counts, questions, reading
from app.views.quiz.figures import Illustration
from app.views.quiz.questions import F, Question, wordings


@dataclass(frozen=True, slots=True)
class _Item(Generic[F]):
    """A question, the figure that poses it, and the figure that solves it."""

    question: Callable[[], Question[F]]
    posed: Callable[[Question[F]], Illustration]
    solved: Callable[[Question[F]], Illustration]


_ITEMS: dict[str, _Item[Any]] = {
    "start": _Item(cached(reading.start), figures.start_posed, figures.start_solved),
    "value": _Item(cached(reading.value), figures.value_posed, figures.value_solved),
    "arrow": _Item(cached(reading.arrow), figures.arrow_posed, figures.arrow_solved),
    "double": _Item(cached(questions.double), figures_counts.double_posed, figures_counts.double_solved),
    "touch": _Item(cached(questions.touch), figures_counts.touch_posed, figures_counts.touch_solved),
    "shuffle": _Item(cached(questions.shuffle), figures_counts.shuffle_posed, figures_counts.shuffle_solved),
    "weight": _Item(cached(questions.weight), figures_counts.weight_posed, figures_counts.weight_solved),
    "border": _Item(cached(questions.border), figures.border_posed, figures.border_solved),
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
    words, item = wordings()[name], _ITEMS[name]
    st.subheader(f"{number}. {words.ask}")
    st.markdown(words.given)
    question = item.question()
    left, right = st.columns([3, 2], gap="large")
    with right:
        reply = controls.choice(name, question.choices, question.right)
        if reply is not None:
            controls.verdict(reply, question.choices)
            st.markdown(words.why)
            controls.page_link(words)
        controls.navigation(number, count, answered=reply is not None)
    with left:
        picture = item.posed(question) if reply is None else item.solved(question)
        figure_block(
            picture.figure,
            caption=picture.caption,
            alt=picture.alt,
            name=f"Question {number}, {words.title.lower()}{', answered' if reply else ''}",
            data=picture.data or None,
            key="quiz-picture",  # one key for all, because updating a chart is faster than replacing it
        )


page()
