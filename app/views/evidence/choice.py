"""What the sections about evidence share: which evidence, score and way of training to show."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import streamlit as st

from app.memory import keep, restore
from app.shared.controls import segments
from app.views.evidence import compute
from app.views.evidence.compute import Missing
from dysample.models.tasks import Kind
from dysample.scores.evidence import Evidence, Trained
from dysample.scores.specs import score_spec


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a section shows.

    Attributes:
        task: Name of the task.
        found: Its evidence.
        score: Name of the score.
        trained: How the rows were trained.
    """

    task: str
    found: Evidence
    score: str
    trained: Trained


def choose_evidence(kind: Kind | None = None) -> Chosen | None:
    """Draw the choices; None, with a sentence, where nothing was measured.

    Args:
        kind: Of the tasks to choose from; by default all.
    """
    task = task_choice(compute.tasks(kind), kind)
    found = compute.evidence(task)
    if isinstance(found, Missing):
        missing(found.reason, found.commands, damaged=found.damaged)
        return None
    with st.container(horizontal=True, gap="large"):
        score = score_choice(found.kind, found.headline)
        trained = trained_choice(ways(found))
    return Chosen(task, found, score, trained)


def ways(found: Evidence) -> tuple[Trained, ...]:
    """How the rows were trained, in the order of the rows."""
    return tuple(dict.fromkeys(row.trained for row in found.rows))


# The controls, tables and notes of the page about evidence.


Clock = Literal["here", "paper"]
T = TypeVar("T")
_TRAINED: Mapping[Trained, str] = {"heads": "Heads on a shared encoder", "end-to-end": "End to end"}
_CLOCKS: Mapping[Clock, str] = {"here": "Measured here", "paper": "Printed in the paper"}


def section_choice(titles: Sequence[str]) -> str:
    """Choose a section of the page."""
    return segments("Section", {title: title for title in titles}, key="evidence_section", hidden=True)


def task_choice(titles: Mapping[str, str], kind: Kind | None = None) -> str:
    """Choose a task, of all or of one kind."""
    return segments("Task", titles, key=f"evidence_task_{kind}" if kind else "evidence_task")


def score_choice(kind: Kind, scores: Sequence[str]) -> str:
    """Choose a score."""
    labels = {name: score_spec(name).label for name in scores}
    return segments("Score", labels, key=f"evidence_score_{kind}")


def trained_choice(there: Sequence[Trained]) -> Trained:
    """Choose how the networks were trained; there is nothing to choose where all were trained one way."""
    if len(there) == 1:
        return there[0]
    return segments("Trained", {each: _TRAINED[each] for each in there}, key="evidence_trained")


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
    """Draw a table that can be sorted; a dash where there is no number."""
    settings = {
        name: st.column_config.NumberColumn(format=formats[name]) for name in columns if name in formats
    }
    # A short table is shown whole.
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
    """Draw a button that saves a table."""
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
    """Say that there is no number, and what makes it."""
    if damaged:
        st.error(reason)
        return
    st.info(f"{reason}{' These commands make it:' if commands else ''}", icon=":material/hourglass_empty:")
    if commands:
        st.code("\n".join(commands), language="bash", wrap_lines=True)
