"""Controls, tables and notes that sections about evidence share, and the choice of evidence."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from app.memory import keep, restore
from app.shared.controls import segments
from app.shared.evidence import Missing, evidence
from app.views.evidence import compute
from dysample.models.tasks import Kind
from dysample.scores.evidence import Evidence, Trained
from dysample.scores.specs import score_spec

Clock = Literal["here", "paper"]
_TRAINED: Mapping[Trained, str] = {"heads": "Heads on a shared encoder", "end-to-end": "End to end"}
_CLOCKS: Mapping[Clock, str] = {"paper": "Printed in the paper", "here": "Measured here"}


@dataclass(frozen=True, slots=True)
class EvidenceChoice:
    """The evidence that a section shows.

    Attributes:
        task: Name of the task.
        evidence: Evidence of the task.
        score: Name of the score.
        trained: How the rows were trained.
    """

    task: str
    evidence: Evidence
    score: str
    trained: Trained


def choose_evidence(kind: Kind | None = None) -> EvidenceChoice | None:
    """Draw the choice of task, score and way of training.

    Args:
        kind: Kind of the tasks to choose from; by default all.

    Returns:
        The choice; None, after a note, where nothing was measured.
    """
    task = task_choice(compute.tasks(kind), kind)
    known = evidence(task)
    if isinstance(known, Missing):
        missing(known.reason, known.commands, damaged=known.damaged)
        return None
    with st.container(horizontal=True, gap="large"):
        score = score_choice(known.kind, known.headline)
        trained = trained_choice(ways(known))
    return EvidenceChoice(task, known, score, trained)


def ways(evidence: Evidence) -> tuple[Trained, ...]:
    """Return the ways in which rows were trained, in the order of the rows."""
    return tuple(dict.fromkeys(row.trained for row in evidence.rows))


def section_choice(titles: Sequence[str]) -> str:
    """Choose a section of the page."""
    return segments("Section", {title: title for title in titles}, key="evidence_section", hidden=True)


def task_choice(titles: Mapping[str, str], kind: Kind | None = None) -> str:
    """Choose a task; `kind` is that of the offered tasks."""
    return segments("Task", titles, key=f"evidence_task_{kind}" if kind else "evidence_task")


def score_choice(kind: Kind, scores: Sequence[str]) -> str:
    """Choose a score."""
    labels = {name: score_spec(name).label for name in scores}
    return segments("Score", labels, key=f"evidence_score_{kind}")


def trained_choice(offered: Sequence[Trained]) -> Trained:
    """Choose how the networks were trained; not drawn where all were trained one way."""
    if len(offered) == 1:
        return offered[0]
    return segments("Trained", {way: _TRAINED[way] for way in offered}, key="evidence_trained")


def table_choice(titles: Mapping[str, str]) -> str:
    """Choose a table of the paper."""
    key = "evidence_table"
    restore(key, titles)
    chosen = st.selectbox(
        "The paper’s table",
        list(titles),
        format_func=lambda name: titles[name],
        key=key,
        bind="query-params",
        width=560,
    )
    return keep(key, chosen)


def clock_choice() -> Clock:
    """Choose whose latencies are drawn."""
    return segments("Latency", _CLOCKS, key="evidence_clock")


def table(
    columns: Mapping[str, Sequence[str | float | None]], formats: Mapping[str, str], *, key: str
) -> None:
    """Draw a sortable table; a dash where there is no number."""
    settings = {
        name: st.column_config.NumberColumn(format=formats[name]) for name in columns if name in formats
    }
    # Rows of 35 px, so that a short table is shown whole.
    height = 35 * (1 + len(next(iter(columns.values())))) + 3
    st.dataframe(
        dict(columns),
        hide_index=True,
        column_config=settings,
        placeholder="–",
        height=min(height, 560),
        key=key,
    )


def table_download(text: Callable[[], str], name: str, *, key: str) -> None:
    """Draw a button that downloads a table."""
    stem = re.sub(r"\W+", "-", name.lower())
    st.download_button(
        f"{name} (CSV)",
        text,
        f"{stem}.csv",
        "text/csv",
        key=key,
        on_click="ignore",
        type="tertiary",
    )


def missing(reason: str, commands: Sequence[str], *, damaged: bool = False) -> None:
    """Draw why there is no number, and the commands that produce it."""
    if damaged:
        st.error(reason)
        return
    st.info(f"{reason}{' These commands make it:' if commands else ''}", icon=":material/hourglass_empty:")
    if commands:
        st.code("\n".join(commands), language="bash", wrap_lines=True)
