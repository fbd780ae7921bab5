"""What is run in processes of their own for a visitor of the page: begun, watched, and remembered."""

from collections.abc import Mapping

import streamlit as st

from app.compute import trials
from app.compute.trials import Stage
from app.compute.worker import BusyError, Job
from app.settings import ModelChoice, SwapChoice
from app.widgets import job_controls as controls
from dysample.analysis.trial.report import TrialReport

_REPORTS = "model.reports"
_MOST = 24  # reports that are kept for a visitor
_LABELS: Mapping[Stage, str] = {
    "look": "Look at it",
    "measure": "Measure on this machine",
    "deploy": "Try to deploy it",
}


def report(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> TrialReport | None:
    """What was found for these settings, if it was."""
    return _reports().get(trials.command(choice, swap, stage))


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
                reports[job.arguments[:-2]] = trials.report(job)  # without the option that prints JSON
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
    controls.begin_button(
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
        st.session_state[f"model.job.{stage}"] = trials.begin(choice, swap, stage)
    except BusyError as error:
        st.session_state[f"model.busy.{stage}"] = str(error)


def asked(choice: ModelChoice, swap: SwapChoice, stage: Stage) -> bool:
    """Whether the last thing that was begun in a stage had these settings, whatever became of it."""
    job = _job(stage)
    return job is not None and job.arguments[:-2] == trials.command(choice, swap, stage)


@st.fragment(run_every=0.7)
def _watch(stage: Stage) -> None:
    job = _job(stage)
    if job is None or not job.going:
        st.rerun()
        return
    now = job.look()
    controls.progress(now.words, now.share, cancel=job.cancel, key=f"model_cancel_{stage}")


def _job(stage: Stage) -> Job | None:
    return st.session_state.get(f"model.job.{stage}")


def _forget(stage: Stage) -> None:
    del st.session_state[f"model.job.{stage}"]


def _reports() -> dict[tuple[str, ...], TrialReport]:
    return st.session_state.setdefault(_REPORTS, {})
