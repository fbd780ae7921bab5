"""Check yourself: predictions to make before the answer is shown."""

import streamlit as st

from app.components.figure.block import figure_block
from app.views.quiz import controls
from app.views.quiz.questions import wordings
from app.views.quiz.sections import ITEMS


def page() -> None:
    """Draw the page."""
    words = wordings()
    controls.read_answers(list(words))
    given = controls.replies(lambda name: ITEMS[name].question().right)
    number = controls.place(len(words))
    title, progress = st.columns([2, 3], vertical_alignment="bottom")
    title.title("Check yourself")
    with progress:
        controls.progress(number, len(words), list(given.values()))
    if number > len(words):
        controls.score(words, given)
    else:
        _ask(list(words)[number - 1], number, len(words))


def _ask(name: str, number: int, count: int) -> None:
    words, item = wordings()[name], ITEMS[name]
    st.subheader(f"{number}. {words.ask}")
    st.markdown(words.given)
    question = item.question()
    left, right = st.columns([3, 2], gap="large")
    with right:
        reply = controls.choice(name, list(wordings()), question.choices, question.right)
        if reply is not None:
            controls.verdict(reply, question.choices)
            st.markdown(words.why)
            controls.page_link(words)
        controls.navigation(number, count, answered=reply is not None)
        controls.keys()
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
