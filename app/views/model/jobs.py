"""Swaps that are run in processes of their own for a visitor: started, watched, and their reports kept."""

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from app.memory import visitor
from app.settings import ModelChoice, SwapChoice
from app.shared.literal import plain
from app.shared.worker import BusyError, Command, load_words, start
from dysample.trial.decision import Decision, merged
from dysample.trial.decision import from_json as from_decision_json
from dysample.trial.report import TrialReport, from_json

Stage = Literal["look", "measure", "deploy"]
Name = Stage | Literal["decide"]
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
_DECIDE = "Compare all upsamplers"
_DECIDE_HELP = (
    "Puts each of them into this network, in a process of its own on this machine: operations, time, "
    "training memory and exports, within two minutes."
)
_DECIDE_LIMIT_S = 300.0  # it begins nothing new after a third of that
_DECISIONS = "model.decisions"
_MOST_DECISIONS = 8  # for each visitor
_REPORTS = "model.reports"
_MOST_REPORTS = 24  # for each visitor


@dataclass(frozen=True, slots=True)
class Trial:
    """A report, and the processor cores that the server kept busy while it was made."""

    report: TrialReport
    load: float


@dataclass(frozen=True, slots=True)
class KeptDecision:
    """A comparison of all upsamplers, and the processor cores that the server kept busy meanwhile."""

    decision: Decision
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
    _queue(stage, _command(choice, swap, stage), limit_s=_LIMITS_S[stage])


def _queue(name: Name, arguments: tuple[str, ...], *, limit_s: float) -> None:
    """Queue a job in the place of an earlier one of its name, or note that too many jobs are waiting."""
    st.session_state.pop(f"model.busy.{name}", None)
    earlier = _job(name)
    if earlier is not None:
        earlier.cancel()
    try:
        st.session_state[_job_key(name)] = start(arguments, limit_s=limit_s, visitor=visitor())
    except BusyError as error:
        st.session_state[f"model.busy.{name}"] = str(error)


def _start_button(
    label: str,
    *,
    begin: Callable[[], None],
    key: str,
    again: bool,
    disabled: bool = False,
    words: str | None = None,
) -> None:
    """Draw the button that starts a job; quieter where there is a report already."""
    st.button(
        f"{label} again" if again else label,
        icon=":material/refresh:" if again else ":material/play_arrow:",
        type="secondary" if again else "primary",
        on_click=begin,
        disabled=disabled,
        help=words,
        key=key,
    )


@st.fragment(run_every=0.7)
def _watch(stage: Stage) -> None:
    job = _job(stage)
    if job is None or not job.going:
        st.rerun()
        return
    _progress(job, stage)


def _progress(job: Command, name: Name) -> None:
    progress = job.poll()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(width=420):
            st.progress(progress.share, plain(progress.words))
        st.button("Cancel", icon=":material/close:", on_click=job.cancel, key=f"model_cancel_{name}")


def _job(name: Name) -> Command | None:
    return st.session_state.get(_job_key(name))


def _job_key(name: Name) -> str:
    return f"model.job.{name}"


def _reports() -> dict[tuple[str, ...], Trial]:
    return st.session_state.setdefault(_REPORTS, {})


# --- All upsamplers ---


def offer_decision(
    title: str,
    choice: ModelChoice,
    where: tuple[str, ...],
    *,
    disabled: bool,
    draw: Callable[[Decision | None], None],
) -> None:
    """Draw the comparison of all upsamplers as far as it is known, and its progress or its button.

    Args:
        title: Heading of the section.
        choice: The model.
        where: Names of the sites; none for those that are swapped by default.
        disabled: Whether it cannot be started.
        draw: Draws a comparison; None if there is none yet.
    """
    arguments, job = _decide_command(choice, where), _job("decide")
    if job is not None and not job.going:
        _keep_decision(job)
    elif job is not None and job.arguments == arguments:
        st.subheader(title)
        _watch_decision(arguments, draw)
        return
    found = _decisions().get(arguments)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.subheader(title, width="content")
        _start_button(
            _DECIDE,
            begin=lambda: _queue("decide", arguments, limit_s=_DECIDE_LIMIT_S),
            again=found is not None,
            disabled=disabled,
            key="model_begin_decide",
            words=_DECIDE_HELP,
        )
    if problem := st.session_state.get("model.busy.decide"):
        st.warning(problem)
    draw(found.decision if found else None)
    if found and (busy := load_words(found.load)):
        st.caption(busy)


@st.fragment(run_every=2.0)
def _watch_decision(arguments: tuple[str, ...], draw: Callable[[Decision | None], None]) -> None:
    job = _job("decide")
    if job is None or not job.going or job.arguments != arguments:
        st.rerun()
        return
    _progress(job, "decide")
    draw(_so_far(job))


def _keep_decision(job: Command) -> None:
    """Keep what a job that has ended has found, and note why it is not complete."""
    del st.session_state[_job_key("decide")]
    try:
        found = from_decision_json(job.result) if job.state == "done" else _so_far(job)
    except ValueError as error:
        found = None
        st.session_state["model.busy.decide"] = f"The result cannot be read: {plain(str(error))}."
    if job.state == "failed":
        st.session_state["model.busy.decide"] = f"{_DECIDE}: {plain(job.error)}"
    if job.state == "cancelled" and found is not None:
        st.session_state["model.busy.decide"] = "Cancelled; what had been measured is kept."
    kept = _decisions()
    if found is not None:
        kept[job.arguments] = KeptDecision(found, job.load)
    while len(kept) > _MOST_DECISIONS:
        del kept[next(iter(kept))]


def _so_far(job: Command) -> Decision | None:
    """Return what a job has reported; a killed process may leave half a line."""
    parts = list[Decision]()
    for line in job.json_lines:
        with suppress(ValueError):
            parts.append(from_decision_json(line))
    return merged(parts)


def _decide_command(choice: ModelChoice, where: tuple[str, ...]) -> tuple[str, ...]:
    words = ["decide", "--model", choice.name, "--input", f"1x3x{choice.height}x{choice.width}"]
    return (*words, *(("--where", *where) if where else ()), "--progress")


def _decisions() -> dict[tuple[str, ...], KeptDecision]:
    return st.session_state.setdefault(_DECISIONS, {})
