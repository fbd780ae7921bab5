"""Controls of the page "Watch it learn"."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import streamlit as st
from streamlit.components.v2 import component

from app.components.assets import read_joined
from app.memory import keep, restore
from app.shared.controls import segments, whole_number
from dysample.explain.learn import LearnSettings
from dysample.explain.learn_tasks import Task
from dysample.geometry import InitialGrid
from dysample.ops.dysample import Style

PictureOrigin = Literal["rings", "photo"]
Extent = Literal["detail", "whole"]
LearnState = Literal["ready", "going", "paused", "finished"]
_ORIGINS: Mapping[PictureOrigin, str] = {"rings": "Rings", "photo": "Photograph"}
_TASKS: Mapping[Task, str] = {"picture": "Undo a ×2 reduction", "mask": "Enlarge a coarse mask"}
_GRIDS: Mapping[InitialGrid, str] = {"bilinear": "Bilinear", "nearest": "Nearest"}
_STYLES: Mapping[Style, str] = {"lp": "LP", "pl": "PL"}
_EXTENTS: Mapping[Extent, str] = {"detail": "Hardest square", "whole": "Whole input"}
_SCOPES = (0.1, 0.25, 0.5, 1.0)
_MOST_SEED = 999
_STEP_LABEL = "Step that is shown"
_TIME, _PASSING = "learn_time", "learn_passing"
_STYLE_HELP = "Linear layer, then pixel shuffle (LP), or the other way round (PL), which has fewer weights."
_SCOPE_HELP = (
    "Factor of the raw offsets (Eq. 4), in low-res pixels; of a dynamic scope, the value at the start."
)
_DYNAMIC_HELP = "Predict the scope of every point as well (Eq. 5)."
_SEED_HELP = "Of the random weights at the start. Equal settings with equal seeds learn the same."
_EXTENT_HELP = "The held-out square that bilinear interpolation gets most wrong, and a pixel around it."
# Sets the pace of learning: reports when the browser has drawn the last look.
_PACER = component(
    "learn_pacer",
    html="<span hidden></span>",
    js=read_joined(Path(__file__).parent, "pacer.js"),
)


# Curves and arrows have to be seen while they move, on a projector of 1280 × 720 pixels too.
_COMPACT = """<style>
.stMainBlockContainer { padding-top: 4rem; gap: 0.5rem; }
.stMainBlockContainer h1 { padding: 0; font-size: 1.8rem; line-height: 1.2; }
</style>"""


class TimeControl(Protocol):
    """A slider over the steps; it returns the step to show."""

    def __call__(self, *, steps: int, every: int, newest: int) -> int:
        """Draw the slider."""
        ...


def compact() -> None:
    """Draw the title smaller than elsewhere, so that the result is on the first screen."""
    st.html(_COMPACT)


def problem_choice() -> tuple[PictureOrigin, Task, int, int]:
    """Choose what to learn from, what to learn, the upsampling factor, and the picture's side in pixels."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        origin = segments("Picture", _ORIGINS, usual="rings", wrap=True, key="learn_from")
        task = segments("Task", _TASKS, usual="picture", wrap=True, key="learn_task")
        scale = 2
        if task == "mask":
            scale = segments("Enlargement", {2: "×2", 4: "×4"}, usual=2, wrap=True, key="learn_scale")
        side = segments("Size", {96: "96 px", 144: "144 px"}, usual=96, wrap=True, key="learn_side")
    return origin, task, scale, side


def settings_choice() -> tuple[LearnSettings, int, int]:
    """Choose the options of DySample, the seed, and the number of steps."""
    with (
        st.expander("Settings of DySample", icon=":material/tune:"),
        st.container(horizontal=True, gap="medium"),
    ):
        initial = segments("Initial grid", _GRIDS, usual="bilinear", wrap=True, key="learn_grid")
        groups = segments(
            "Groups", {count: str(count) for count in (1, 2, 4, 8)}, usual=4, wrap=True, key="learn_groups"
        )
        style = segments("Style", _STYLES, usual="lp", wrap=True, key="learn_style", words=_STYLE_HELP)
        scopes = {scope: f"{scope:g}" for scope in _SCOPES}
        scope = segments(
            "Scope (low-res px)", scopes, usual=0.25, wrap=True, key="learn_scope", words=_SCOPE_HELP
        )
        restore("learn_dynamic", (True, False))
        dynamic = st.toggle("Dynamic scope", key="learn_dynamic", bind="query-params", help=_DYNAMIC_HELP)
        lengths = {count: str(count) for count in (40, 100, 200, 400)}
        steps = segments("Steps", lengths, usual=200, wrap=True, key="learn_steps")
        restore("learn_seed", range(_MOST_SEED + 1))
        seed = whole_number("Seed", 0, _MOST_SEED, 0, key="learn_seed", width=150, words=_SEED_HELP)
    keep("learn_dynamic", dynamic)
    keep("learn_seed", seed)
    return LearnSettings(scope, groups, initial, style, dynamic), seed, steps


def commands(
    state: LearnState,
    *,
    start: Callable[[], None],
    go: Callable[[], None],
    pause: Callable[[], None],
    reset: Callable[[], None],
) -> None:
    """Draw the buttons that control a run; those that do not fit its state are disabled."""
    labels = {"ready": "Start", "going": "Start", "paused": "Continue", "finished": "Start again"}
    begin = go if state == "paused" else start
    with st.container(horizontal=True, gap="small"):
        st.button(
            labels[state],
            icon=":material/play_arrow:",
            type="primary",
            key="learn_go",
            on_click=begin,
            disabled=state == "going",
            width="stretch",
        )
        st.button(
            "Pause",
            icon=":material/pause:",
            key="learn_pause",
            on_click=pause,
            disabled=state != "going",
            width=128,
        )
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            key="learn_reset",
            on_click=reset,
            disabled=state == "ready",
            width=128,
        )


def look_again(look: int, *, key: str) -> None:
    """Rerun the surrounding fragment as soon as the browser is ready.

    Args:
        look: A different number for each look.
        key: Unique on the page.
    """
    _PACER(key=key, data={"look": look}, on_drawn_change=lambda: None)


def time_choice(*, steps: int, every: int, newest: int) -> int:
    """Choose the step whose snapshot to show; the newest at first.

    Args:
        steps: Last step of the run.
        every: Steps between snapshots.
        newest: Step of the last snapshot so far.
    """
    if st.session_state.get(_TIME, steps + 1) > newest:
        show_step(newest)
    return st.slider(_STEP_LABEL, 0, steps, step=every, key=_TIME, disabled=newest == 0)


def time_passing(*, steps: int, every: int, newest: int) -> int:
    """Draw the slider of `time_choice` disabled and at the newest step, under a key of its own."""
    st.session_state[_PASSING] = newest
    return st.slider(_STEP_LABEL, 0, steps, step=every, key=_PASSING, disabled=True)


def show_step(step: int) -> None:
    """Set the step of `time_choice`; call before it is drawn."""
    st.session_state[_TIME] = step


def verdict(text: str, *, better: bool | None) -> None:
    """Draw how DySample compares to bilinear, in plain text while that is undecided (None)."""
    if better is None:
        st.markdown(text)
    else:
        (st.success if better else st.warning)(text)


def arrows_choice(groups: int) -> tuple[int, Extent]:
    """Choose a group, counted from 0, and the part of the input that arrows are drawn over."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        extent = segments(
            "Arrows over", _EXTENTS, usual="detail", wrap=True, key="learn_extent", words=_EXTENT_HELP
        )
        if groups == 1:
            return 0, extent
        names = {group: str(group + 1) for group in range(groups)}
        # The last group has the largest mixing weight at the start, and usually keeps it.
        return segments("Group", names, usual=groups - 1, wrap=True, key="learn_group"), extent


def sortable_table(
    columns: Mapping[str, Sequence[str] | Sequence[float]], *, formats: Mapping[str, str], key: str
) -> None:
    """Draw numbers as a sortable table."""
    settings = {name: st.column_config.NumberColumn(format=text) for name, text in formats.items()}
    st.dataframe(dict(columns), hide_index=True, column_config=settings, key=key)
