"""Swaps that are run in processes of their own for a visitor: started, watched, and their reports kept."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from app.memory import visitor
from app.settings import ModelChoice, SwapChoice
from app.shared.literal import plain
from app.shared.worker import BusyError, Command, start
from dysample.trial.report import TrialReport, from_json

Stage = Literal["look", "measure", "deploy"]
_LABELS: Mapping[Stage, str] = {
    "look": "Look at it",
    "measure": "Measure on this machine",
    "deploy": "Try to deploy it",
}
_OPTIONS: Mapping[Stage, tuple[str, ...]] = {
    "look": (),
    "measure": ("--start", "--time"),
    "deploy": ("--deploy",),
}
_LIMITS_S: Mapping[Stage, float] = {"look": 300, "measure": 600, "deploy": 900}
_REPORTS = "model.reports"
_MOST_REPORTS = 24  # for each visitor


@dataclass(frozen=True, slots=True)
class Trial:
    """A report, and the processor cores that the server kept busy while it was made."""

    report: TrialReport
    load: float


def command_line(choice: ModelChoice, swap: SwapChoice) -> str:
    """Return the command line that does all that the page does."""
    words = _command(choice, swap, "look")
    return shlex.join(["python", "-m", "dysample", *words, *_OPTIONS["measure"], *_OPTIONS["deploy"]])


def _command(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> tuple[str, ...]:
    """Return the arguments of `python -m dysample` that run a stage."""
    words = ["trial", "--model", choice.name, "--input", f"1x3x{choice.height}x{choice.width}"]
    words += ["--to", swap.to]
    if swap.exceptions:
        words += ["--at", *(f"{site}={operator}" for site, operator in swap.exceptions)]
    return (*words, *_OPTIONS[stage])


def collect() -> None:
    """Keep the reports of the jobs that are done."""
    for stage in _LABELS:
        job = _job(stage)
        if job is not None and job.state == "done":
            reports = _reports()
            try:
                reports[job.arguments] = Trial(from_json(job.result), job.load)
            except ValueError as error:
                st.session_state[f"model.busy.{stage}"] = f"The result cannot be read: {plain(str(error))}."
            while len(reports) > _MOST_REPORTS:
                del reports[next(iter(reports))]
            del st.session_state[_job_key(stage)]


def report(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> TrialReport | None:
    """Return the report of a stage for these settings, if there is one."""
    trial = _reports().get(_command(choice, swap, stage))
    return None if trial is None else trial.report


def load(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> float:
    """Return the processor cores that the server kept busy while a report was made; 0 without a report."""
    trial = _reports().get(_command(choice, swap, stage))
    return 0.0 if trial is None else trial.load


def any_report(choice: ModelChoice) -> TrialReport | None:
    """Return the latest report on a model, if there is one; its survey does not depend on the swap."""
    wanted = (choice.name, (1, 3, choice.height, choice.width))
    reports = (trial.report for trial in reversed(_reports().values()))
    return next((report for report in reports if (report.model, report.survey.input) == wanted), None)


def offer_look(choice: ModelChoice, swap: SwapChoice) -> None:
    """Start the stage "look" unless it was started with these settings, and draw its progress or failure."""
    job = _job("look")
    if job is None or job.arguments != _command(choice, swap, "look"):
        _begin(choice, swap, "look")
    offer(choice, swap, "look")


def offer(choice: ModelChoice, swap: SwapChoice, stage: Stage, *, disabled: bool = False) -> None:
    """Draw a stage's progress, or the button that starts it below the last failure."""
    job = _job(stage)
    if job is not None and job.going:
        _watch(stage)
        return
    if job is not None and job.state == "failed":
        st.error(f"{_LABELS[stage]}: {plain(job.error)}")
    if problem := st.session_state.get(f"model.busy.{stage}"):
        st.warning(problem)
    _start_button(
        _LABELS[stage],
        begin=lambda: _begin(choice, swap, stage),
        again=report(choice, swap, stage) is not None,
        disabled=disabled,
        key=f"model_begin_{stage}",
    )


def _begin(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> None:
    """Queue a stage in the place of an earlier job of it, or note that too many jobs are waiting."""
    st.session_state.pop(f"model.busy.{stage}", None)
    earlier = _job(stage)
    if earlier is not None:
        earlier.cancel()
    try:
        job = start(_command(choice, swap, stage), limit_s=_LIMITS_S[stage], visitor=visitor())
        st.session_state[_job_key(stage)] = job
    except BusyError as error:
        st.session_state[f"model.busy.{stage}"] = str(error)


def _start_button(
    label: str, *, begin: Callable[[], None], key: str, again: bool, disabled: bool = False
) -> None:
    """Draw the button that starts a job; quieter where there is a report already."""
    st.button(
        f"{label} again" if again else label,
        icon=":material/refresh:" if again else ":material/play_arrow:",
        type="secondary" if again else "primary",
        on_click=begin,
        disabled=disabled,
        key=key,
    )


@st.fragment(run_every=0.7)
def _watch(stage: Stage) -> None:
    job = _job(stage)
    if job is None or not job.going:
        st.rerun()
        return
    progress = job.poll()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(width=420):
            st.progress(progress.share, plain(progress.words))
        st.button("Cancel", icon=":material/close:", on_click=job.cancel, key=f"model_cancel_{stage}")


def _job(stage: Stage) -> Command | None:
    return st.session_state.get(_job_key(stage))


def _job_key(stage: Stage) -> str:
    return f"model.job.{stage}"


def _reports() -> dict[tuple[str, ...], Trial]:
    return st.session_state.setdefault(_REPORTS, {})
