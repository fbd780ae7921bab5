"""The controls, tables and notes of the page about evidence."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

import streamlit as st

from app.widgets.memory import keep, restore
from app.widgets.segments import segments
from dysample.analysis.evidence import Trained
from dysample.analysis.score_specs import score_spec
from dysample.models.manifest import Kind

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
