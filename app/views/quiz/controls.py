"""Controls of the page "Check yourself": progress, choices, verdicts, navigation and the score.

The address holds the number of the question and a letter for every answer, so that both survive a reload.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component
from streamlit.errors import StreamlitPageNotFoundError

from app.components.assets import read_joined
from app.memory import keep, kept
from app.shared import links
from app.shared.cell import read_whole
from app.views.quiz.questions import LETTERS, Wording

_CHOSEN = "quiz.answers"  # in the visitor's memory
_ANSWERS, _PLACE = "answers", "question"  # in the address
_OPEN = "-"  # stands for a question without an answer in `_ANSWERS`
_KEYS = component("quiz_keys", html="<span hidden></span>", js=read_joined(Path(__file__).parent, "keys.js"))
_KEYS_NOTE = "Keys: A to D choose, Enter checks and goes on, → and ← move between questions."
_SCORE = "score"  # value of `_PLACE` after the last question


@dataclass(frozen=True, slots=True)
class Reply:
    """A visitor's locked choice, and the right one; indices of choices."""

    chosen: int
    right: int

    @property
    def correct(self) -> bool:
        """Whether the choice is right."""
        return self.chosen == self.right


def read_answers(names: Sequence[str]) -> None:
    """Take the answers in the address, if there are any; else write the visitor's earlier ones into it.

    Args:
        names: Names of all questions, in order.
    """
    written = st.query_params.get(_ANSWERS, "")
    if len(written) == len(names) and set(written) <= {*LETTERS, _OPEN}:
        answers = zip(names, written, strict=True)
        keep(_CHOSEN, {name: LETTERS.index(letter) for name, letter in answers if letter != _OPEN})
    else:
        _write_answers(names)


def _write_answers(names: Sequence[str]) -> None:
    chosen = _chosen()
    if chosen:
        letters = [LETTERS[chosen[name]] if name in chosen else _OPEN for name in names]
        st.query_params[_ANSWERS] = "".join(letters)
    elif _ANSWERS in st.query_params:
        del st.query_params[_ANSWERS]


def _chosen() -> Mapping[str, int]:
    return kept(_CHOSEN, {})


def replies(right: Callable[[str], int]) -> Mapping[str, Reply]:
    """Return the visitor's replies so far by the name of the question.

    Args:
        right: Returns the right choice of a question.
    """
    return {name: Reply(index, right(name)) for name, index in _chosen().items()}


def keys() -> None:
    """Listen to the keys, and say which there are."""
    _KEYS(key="quiz-keys")
    st.caption(_KEYS_NOTE)


def place(count: int) -> int:
    """Return the number of the question to show, from 1; count + 1 is the score."""
    written = st.query_params.get(_PLACE, str(kept(_PLACE, 1)))
    number = count + 1 if written == _SCORE else read_whole(written) or 1
    number = number if number <= count + 1 else 1
    _go(number, count)
    return number


def progress(number: int, count: int, given: Sequence[Reply]) -> None:
    """Draw the number of the question, and the score so far."""
    right = sum(reply.correct for reply in given)
    where = f"Question {number} of {count}" if number <= count else "Your score"
    st.progress((number - 1) / count, f"{where} · {right} of {len(given)} right so far")


def choice(name: str, names: Sequence[str], choices: Sequence[str], right: int) -> Reply | None:
    """Draw the choices and a button that locks one; return the reply once there is one.

    Args:
        name: Name of the question.
        names: Names of all questions, in order.
        choices: The choices in words.
        right: Index of the right one.
    """
    if name in _chosen():
        given = Reply(_chosen()[name], right)
        st.markdown("\n".join(f"- {_marked(index, choices, given)}" for index in range(len(choices))))
        return given
    chosen = st.radio(
        "Your prediction",
        range(len(choices)),
        index=None,
        format_func=lambda index: _named(index, choices),
        key=f"quiz-{name}",
    )
    st.button(
        "Check",
        type="primary",
        key=f"quiz-{name}-check",
        disabled=chosen is None,
        on_click=lambda: _lock(name, names, chosen) if chosen is not None else None,
    )
    return None


def _named(index: int, choices: Sequence[str]) -> str:
    return f"**{LETTERS[index]}**: {choices[index]}"


def _marked(index: int, choices: Sequence[str], given: Reply) -> str:
    words = _named(index, choices)
    if index == given.right:
        return f"{words} **✓ {'your prediction' if given.correct else 'the answer'}**"
    return f"{words} **✗ your prediction**" if index == given.chosen else words


def _lock(name: str, names: Sequence[str], chosen: int) -> None:
    keep(_CHOSEN, {**_chosen(), name: chosen})
    _write_answers(names)


def verdict(reply: Reply, choices: Sequence[str]) -> None:
    """Draw whether the prediction is right, and the right answer."""
    right = _named(reply.right, choices)
    if reply.correct:
        st.success(f"Right: {right}.", icon=":material/check_circle:")
    else:
        st.warning(f"Not this one. The answer is {right}.", icon=":material/cancel:")


def page_link(words: Wording) -> None:
    """Draw the link to the page on which to try it."""
    try:
        links.page_link(words.page, label=words.link, icon=":material/arrow_forward:")
    except StreamlitPageNotFoundError:
        st.caption(f"To go on: {words.link}.")  # this page is served on its own, so there is no other


def navigation(number: int, count: int, *, answered: bool) -> None:
    """Draw the buttons for the previous and the next question."""
    onwards = "See your score" if number == count else "Next question" if answered else "Skip"
    with st.container(horizontal=True):
        st.button("Previous", key="quiz-back", disabled=number == 1, on_click=_go, args=(number - 1, count))
        kind = "primary" if answered else "secondary"
        st.button(onwards, key="quiz-on", type=kind, on_click=_go, args=(number + 1, count))


def _go(number: int, count: int) -> None:
    """Put the place into the address, except for the first question."""
    keep(_PLACE, number)
    if number > 1:
        st.query_params[_PLACE] = _SCORE if number > count else str(number)
    elif _PLACE in st.query_params:
        del st.query_params[_PLACE]


def score(questions: Mapping[str, Wording], given: Mapping[str, Reply]) -> None:
    """Draw the result question by question, and the links and buttons that lead on from it."""
    count = len(questions)
    right = sum(reply.correct for reply in given.values())
    st.subheader(f"You predicted {right} of {count}")
    st.markdown(_praise(right, len(given), count))
    st.table(
        {
            "Question": [
                f"{number} · {words.title}" for number, words in enumerate(questions.values(), start=1)
            ],
            "You": [LETTERS[given[name].chosen] if name in given else "–" for name in questions],
            "Answer": [LETTERS[given[name].right] if name in given else "–" for name in questions],
            "Result": [_result(given.get(name)) for name in questions],
        },
        hide_index=True,
    )
    unanswered = [number for number, name in enumerate(questions, start=1) if name not in given]
    with st.container(horizontal=True):
        st.button("Previous", key="quiz-back", on_click=_go, args=(count, count))
        if unanswered:
            label = f"Go to question {unanswered[0]}"
            st.button(label, type="primary", key="quiz-open", on_click=_go, args=(unanswered[0], count))
        st.button("Start again", key="quiz-again", on_click=_start_again, args=(list(questions),))
    _links(questions, given)


def _links(questions: Mapping[str, Wording], given: Mapping[str, Reply]) -> None:
    """Draw links to the pages of the questions that were not answered right, or of all if all were."""
    missed = [name for name in questions if name not in given or not given[name].correct]
    st.markdown("**Try them on their pages**")
    drawn: set[str] = set()
    for name in missed or questions:
        if questions[name].link not in drawn:
            page_link(questions[name])
        drawn.add(questions[name].link)


def _praise(right: int, given: int, count: int) -> str:
    if given < count:
        return f"{given} of {count} questions are answered; the others are still open."
    if right == count:
        return "All of them. You know how DySample works."
    if 2 * right >= count:
        return "Well predicted. Go back to the others: each says why, and where to try it."
    return (
        "These ideas are not obvious. Go back through the answers, try them on the pages below, and start "
        "again."
    )


def _result(reply: Reply | None) -> str:
    if reply is None:
        return "not answered"
    return "✓ right" if reply.correct else "✗ wrong"


def _start_again(names: Sequence[str]) -> None:
    keep(_CHOSEN, {})
    _write_answers(names)
    _go(1, len(names))
