"""What is run in processes of their own for a visitor of the page: begun, watched, and remembered."""

import shlex
from collections.abc import Callable, Mapping
from typing import Literal

import streamlit as st

from app.settings import ModelChoice, SwapChoice
from app.shared.worker import BusyError, Job, start
from dysample.trial.report import TrialReport, from_json

# Swaps that are really run: in a process of its own, by the command line that the page shows.


Stage = Literal["look", "measure", "deploy"]
_OPTIONS: Mapping[Stage, tuple[str, ...]] = {
    "look": (),
    "measure": ("--start", "--time"),
    "deploy": ("--deploy",),
}
_LIMITS_S: Mapping[Stage, float] = {"look": 300, "measure": 600, "deploy": 900}


def command(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> tuple[str, ...]:
    """Arguments of `python -m dysample` that do what a stage does."""
    words = ["trial", "--model", choice.name, "--input", f"1x3x{choice.height}x{choice.width}"]
    words += ["--to", swap.to]
    if swap.exceptions:
        words += ["--at", *(f"{site}={operator}" for site, operator in swap.exceptions)]
    return (*words, *_OPTIONS[stage])


def command_line(choice: ModelChoice, swap: SwapChoice) -> str:
    """The command line that does all that the page does."""
    words = command(choice, swap, "look")
    return shlex.join(["python", "-m", "dysample", *words, *_OPTIONS["measure"], *_OPTIONS["deploy"]])


def start_stage(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> Job:
    """Put a stage in line.

    Raises:
        BusyError: Too many wait already.
    """
    return start([*command(choice, swap, stage), "--json", "-"], limit_s=_LIMITS_S[stage])


def read_report(job: Job) -> TrialReport:
    """What a job found that is done."""
    return from_json(job.output)


_REPORTS = "model.reports"
_MOST = 24  # reports that are kept for a visitor
_LABELS: Mapping[Stage, str] = {
    "look": "Look at it",
    "measure": "Measure on this machine",
    "deploy": "Try to deploy it",
}


def report(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> TrialReport | None:
    """What was found for these settings, if it was."""
    return _reports().get(command(choice, swap, stage))


def any_report(choice: ModelChoice) -> TrialReport | None:
    """What was found of a model with any swap, if anything was: the model as it is does not depend on it."""
    wanted = (choice.name, (1, 3, choice.height, choice.width))
    found = reversed(_reports().values())
    return next((each for each in found if (each.model, each.survey.input) == wanted), None)


def collect() -> None:
    """Take the results of what has ended since."""
    for stage in _LABELS:
        job = _job(stage)
        if job is not None and job.state == "done":
            reports = _reports()
            try:
                reports[job.arguments[:-2]] = read_report(job)  # without the option that prints JSON
            except ValueError as error:
                st.session_state[f"model.busy.{stage}"] = f"The result cannot be read: {error}."
            while len(reports) > _MOST:
                del reports[next(iter(reports))]
            _forget(stage)


def offer(choice: ModelChoice, swap: SwapChoice, stage: Stage, *, disabled: bool = False) -> None:
    """Draw the button that begins a stage, or how far it is, and what went wrong with the last one."""
    job = _job(stage)
    if job is not None and job.going:
        _watch(stage)
        return
    if job is not None and job.state == "failed":
        st.error(f"{_LABELS[stage]}: {job.error}")
    if problem := st.session_state.get(f"model.busy.{stage}"):
        st.warning(problem)
    begin_button(
        _LABELS[stage],
        begin=lambda: begin(choice, swap, stage),
        again=report(choice, swap, stage) is not None,
        disabled=disabled,
        key=f"model_begin_{stage}",
    )


def begin(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> None:
    """Begin a stage, unless too many wait."""
    st.session_state.pop(f"model.busy.{stage}", None)
    try:
        st.session_state[f"model.job.{stage}"] = start_stage(choice, swap, stage)
    except BusyError as error:
        st.session_state[f"model.busy.{stage}"] = str(error)


def asked(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> bool:
    """Whether the last thing that was begun in a stage had these settings, whatever became of it."""
    job = _job(stage)
    return job is not None and job.arguments[:-2] == command(choice, swap, stage)


@st.fragment(run_every=0.7)
def _watch(stage: Stage) -> None:
    job = _job(stage)
    if job is None or not job.going:
        st.rerun()
        return
    now = job.poll()
    progress(now.words, now.share, cancel=job.cancel, key=f"model_cancel_{stage}")


def _job(stage: Stage) -> Job | None:
    return st.session_state.get(f"model.job.{stage}")


def _forget(stage: Stage) -> None:
    del st.session_state[f"model.job.{stage}"]


def _reports() -> dict[tuple[str, ...], TrialReport]:
    return st.session_state.setdefault(_REPORTS, {})


# A job on a page: the button that begins it, how far it is, and how to end it.


def begin_button(
    label: str, *, begin: Callable[[], None], key: str, again: bool, disabled: bool = False
) -> None:
    """Draw the button that begins a job; quieter where there is a result already."""
    st.button(
        f"{label} again" if again else label,
        icon=":material/refresh:" if again else ":material/play_arrow:",
        type="secondary" if again else "primary",
        on_click=begin,
        disabled=disabled,
        key=key,
    )


def progress(words: str, share: float, *, cancel: Callable[[], None], key: str) -> None:
    """Draw how far a job is."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(width=420):
            st.progress(share, words)
        st.button("Cancel", icon=":material/close:", on_click=cancel, key=key)
