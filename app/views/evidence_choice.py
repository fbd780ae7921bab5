"""What the sections about evidence share: which evidence, score and way of training to show."""

from dataclasses import dataclass

import streamlit as st

from app.compute import evidence as compute
from app.compute.evidence import Missing
from app.widgets import evidence_controls as controls
from dysample.analysis.evidence import Evidence, Trained
from dysample.models.manifest import Kind


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
    task = controls.task_choice(compute.tasks(kind), kind)
    found = compute.evidence(task)
    if isinstance(found, Missing):
        controls.missing(found.reason, found.commands, damaged=found.damaged)
        return None
    with st.container(horizontal=True, gap="large"):
        score = controls.score_choice(found.kind, found.headline)
        trained = controls.trained_choice(ways(found))
    return Chosen(task, found, score, trained)


def ways(found: Evidence) -> tuple[Trained, ...]:
    """How the rows were trained, in the order of the rows."""
    return tuple(dict.fromkeys(row.trained for row in found.rows))
