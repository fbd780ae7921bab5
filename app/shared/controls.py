"""Controls that several pages share: each draws itself, binds itself to the URL and returns a value."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeVar, cast

import streamlit as st
from streamlit.errors import StreamlitAPIException

from app.memory import keep, kept, restore
from app.settings import Show
from app.shared.texts import sections

T = TypeVar("T")
_AS_TRAINED = -1
_SIDES = {_AS_TRAINED: "As trained", 480: "480 px", 640: "640 px", 960: "960 px", 0: "Full size"}
_USUAL_UPSAMPLER = "dysample+"
_USUAL_UPSAMPLERS = ("nearest", "bilinear", "dysample", "dysample+")
_STEP_HELP = (
    "Every step enlarges one of the network's feature maps. Sizes are those of the maps; the picture is "
    "padded to a multiple of 32 pixels first."
)
_SIDE_HELP = (
    "Larger pictures are reduced to this; by default to the size that the network was trained on. In larger "
    "pictures things look larger to the network, and so nearer."
)

# The networks themselves leave out what has a lower score than the first.
_THRESHOLDS = (0.05, 0.95)
_USUAL_THRESHOLD, _THRESHOLD_STEP = 0.5, 0.05
_THRESHOLD_HELP = (
    "Objects to which the network gives a lower score are left out, here and where differences are counted. "
    "Nothing runs anew. Average precision ranks all objects, and does not change."
)


def task_choice(tasks: Mapping[str, str], *, suited: str, narrow: bool = False) -> str:
    """Choose a task; until the visitor has chosen one, it follows the picture.

    Args:
        tasks: Titles by name.
        suited: The task that suits the picture.
        narrow: Whether to draw a list instead of all titles side by side.
    """
    key = "task"
    if not _has_chosen(key, tasks):
        st.session_state[key] = keep(f"{key}.followed", suited)
    if narrow:
        return dropdown("Task", tasks, key=key, usual=suited, width=230, hidden=True)
    return segments("Task", tasks, key=key, usual=suited)


def _has_chosen(key: str, names: Mapping[str, str]) -> bool:
    """Return whether the visitor has chosen, here or by an address, so that nothing may choose instead."""
    followed: str | None = kept(f"{key}.followed", None)
    now, written = st.session_state.get(key), st.query_params.get(key)
    if followed is None:
        chosen = written in names.values() or kept(key, None) in names
    else:
        own = now not in (None, followed) or written not in (None, names.get(followed))
        chosen = kept(f"{key}.chosen", False) or own
    return keep(f"{key}.chosen", chosen)


def upsampler_choice(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Choose any number of upsamplers; `labels` holds display names in the table's order."""
    chosen = st.pills(
        "Upsamplers",
        list(labels),
        selection_mode="multi",
        default=[name for name in _USUAL_UPSAMPLERS if name in labels],
        format_func=lambda name: labels[name],
        key="up",
        bind="query-params",
    )
    return tuple(name for name in labels if name in chosen)


def one_upsampler_choice(labels: Mapping[str, str]) -> str:
    """Choose one upsampler; `labels` holds display names in the table's order."""
    usual = _USUAL_UPSAMPLER if _USUAL_UPSAMPLER in labels else None
    return dropdown("Upsampler", labels, usual=usual, width=170, key="op")


def step_choice(labels: Mapping[str, str], *, usual: str) -> str:
    """Choose one of a network's upsampling steps.

    Args:
        labels: Display names by step.
        usual: The default.
    """
    return dropdown("Upsampling step", labels, usual=usual, width=260, key="step", words=_STEP_HELP)


def offer(wanted: Sequence[str], labels: Mapping[str, str]) -> None:
    """Draw buttons that replace the chosen upsampler with another.

    Args:
        wanted: Names of the upsamplers to offer; those without weights are left out.
        labels: Display names of the upsamplers that have weights.
    """
    with st.container(horizontal=True):
        for name in wanted:
            if name in labels:
                words = f"Look at {labels[name]} instead"
                st.button(words, on_click=_take_upsampler, args=(name,), key=f"offer-{name}")


def _take_upsampler(name: str) -> None:
    st.session_state["op"] = keep("op", name)


def untrained_note(labels: Sequence[str]) -> None:
    """Draw a note on which upsamplers are not offered, and why."""
    if labels:
        st.caption(
            f"Not offered, because no weights for this task have been trained yet: {', '.join(labels)}. "
            "A network around an untrained upsampler would only show its random start."
        )


def working_side_choice(trained: int) -> int:
    """Choose the longer side, in pixels, that a larger picture is reduced to; 0 keeps its size.

    Args:
        trained: Longer side of the pictures that the network was trained on; the default.
    """
    chosen = dropdown("Longer side", _SIDES, width=140, key="side", words=_SIDE_HELP)
    return trained if chosen == _AS_TRAINED else chosen


def threshold_choice() -> float:
    """Choose the least score of the objects that are shown and compared."""
    key = "threshold"
    restore(key, [kept(key, _USUAL_THRESHOLD)])
    chosen = st.slider(
        "Score threshold",
        *_THRESHOLDS,
        value=_USUAL_THRESHOLD,
        step=_THRESHOLD_STEP,
        format="%.2f",
        key=key,
        bind="query-params",
        help=_THRESHOLD_HELP,
        width=200,
    )
    return keep(key, chosen)


def show_choice(answers: str, reference: str, *, truth: bool) -> Show:
    """Choose the layers over the photograph.

    Args:
        answers: Label of the networks' outputs.
        reference: Name of the upsampler that the others are compared with, as within a sentence.
        truth: Whether the truth is known; without it errors are not offered.
    """
    names: dict[Show, str] = {
        "answers": answers,
        "changes": f"Changes from {reference}",
        "errors": "Errors",
    }
    options: list[Show] = ["answers", "changes", "errors"] if truth else ["answers", "changes"]
    chosen = st.segmented_control(
        "Show",
        options,
        default="answers",
        required=True,
        format_func=lambda show: names[show],
        key="show",
        bind="query-params",
    )
    return cast(Show, chosen or "answers")


def two_of(titles: Sequence[str], *, left: str, right: str) -> tuple[str, str]:
    """Choose the layers on either side of the before/after bar.

    Args:
        titles: Titles of all layers.
        left: The usual one on the left.
        right: The usual one on the right.
    """
    before = st.selectbox(
        "Left of the bar", titles, index=titles.index(left), key="left", bind="query-params", width=170
    )
    st.button(
        "Swap",
        icon=":material/swap_horiz:",
        help="Swap left and right",
        key="swap",
        on_click=_swap,
    )
    after = st.selectbox(
        "Right of the bar", titles, index=titles.index(right), key="right", bind="query-params", width=170
    )
    return before, after


def _swap() -> None:
    st.session_state["left"], st.session_state["right"] = st.session_state["right"], st.session_state["left"]


def segments(
    label: str,
    names: Mapping[T, str],
    *,
    key: str,
    usual: T | None = None,
    words: str | None = None,
    hidden: bool = False,
    wrap: bool | None = None,
    remember: bool = True,
) -> T:
    """Choose one of several options side by side, and keep the choice in the address.

    Args:
        label: Label of the control.
        names: Display names by option.
        key: Key in the address and in the memory.
        usual: The default; None for the first option.
        words: Help text.
        hidden: Whether to show the label to screen readers only.
        wrap: Whether to wrap in a narrow window; None leaves it to Streamlit.
        remember: Whether to keep the choice when the visitor goes to another page.
    """
    options = list(names)
    if remember:
        restore(key, options)
    default = options[0] if usual is None else usual
    chosen = st.segmented_control(
        label,
        options,
        default=default,
        required=True,
        format_func=lambda option: names[option],
        key=key,
        bind="query-params",
        help=words,
        label_visibility="collapsed" if hidden else "visible",
        wrap=wrap,
    )
    choice = default if chosen is None else chosen
    return keep(key, choice) if remember else choice


def dropdown(
    label: str,
    names: Mapping[T, str],
    *,
    key: str,
    usual: T | None = None,
    width: int,
    words: str | None = None,
    hidden: bool = False,
    remember: bool = True,
) -> T:
    """Choose one of many options from a list, and keep the choice in the address.

    Args:
        label: Label of the control.
        names: Display names by option.
        key: Key in the address and in the memory.
        usual: The default; None for the first option.
        width: Width in CSS pixels.
        words: Help text.
        hidden: Whether to show the label to screen readers only.
        remember: Whether to keep the choice when the visitor goes to another page.
    """
    options = list(names)
    if remember:
        restore(key, options)
    chosen = st.selectbox(
        label,
        options,
        index=0 if usual is None else options.index(usual),
        format_func=lambda option: names[option],
        key=key,
        bind="query-params",
        width=width,
        help=words,
        label_visibility="collapsed" if hidden else "visible",
    )
    return keep(key, chosen) if remember else chosen


def whole_number(
    label: str,
    least: int,
    most: int,
    usual: int,
    *,
    key: str,
    width: int,
    step: int = 1,
    words: str | None = None,
) -> int:
    """Choose a whole number, and keep the choice in the address.

    Args:
        label: Label of the control.
        least: Smallest number.
        most: Largest number.
        usual: The default, also where the address holds no such number.
        key: Key in the address and in the session.
        width: Width in CSS pixels.
        step: What the buttons add or take away.
        words: Help text.
    """
    chosen = st.number_input(
        label,
        least,
        most,
        usual,
        step=step,
        key=key,
        bind=None if _is_endless(key) else "query-params",
        width=width,
        help=words,
    )
    return int(chosen)


def _is_endless(key: str) -> bool:
    """Return whether this visitor's address held infinity for a whole number, which Streamlit cannot round.

    Such a field is not bound to the address until the page is opened anew.
    """
    memory = f"endless.{key}"
    written = st.query_params.get_all(key)
    if written and _is_infinite(written[-1]):
        st.session_state[memory] = True
        with suppress(StreamlitAPIException):  # where the field was bound by an earlier run
            del st.query_params[key]
    return st.session_state.get(memory, False)


def _is_infinite(text: str) -> bool:
    try:
        return math.isinf(float(text))
    except ValueError:
        return False


def table(columns: Mapping[str, Sequence[str]], *, label: str) -> None:
    """Draw a table of formatted numbers; `label` is its text alternative."""
    st.table(dict(columns), border="horizontal", hide_index=True, alt=label)


def prose(address: str, section: str = "intro") -> None:
    """Draw a section of a page's `texts.md`."""
    st.markdown(sections(address)[section])
