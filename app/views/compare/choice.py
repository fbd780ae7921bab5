"""The choice of picture, task and settings on the Compare page, and what to choose where little is found."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.memory import keep, kept
from app.records import Comparison
from app.settings import CompareSettings, Source
from app.shared import controls, networks, photos
from app.shared.cache import cached
from app.shared.engine.turns import EngineError
from app.shared.subject import choose_picture, choose_task, suited
from app.views.compare import compute, words
from app.views.compare.kinds import drawing
from dysample.models.hub import WeightsError
from dysample.models.manifest import Manifest
from dysample.models.tasks import Task
from dysample.scores.objects import SURE

_PICTURE = "picture_open"


@dataclass(frozen=True, slots=True)
class Offer:
    """Another task for a picture.

    Attributes:
        task: The task.
        found: Number of classes or objects that its network finds; None where that was not asked.
    """

    task: Task
    found: int | None = None


def choose(manifest: Manifest) -> tuple[Source, CompareSettings]:
    """Draw the choices in one row, all but the task folded."""
    picture = _picture()
    task = choose_task(manifest, picture, narrow=True)
    with st.popover("Upsamplers", icon=":material/checklist:", key="upsamplers_open"):
        upsamplers = controls.upsampler_choice(networks.trained(task.name))
        controls.untrained_note(networks.untrained(task.name))
    with st.popover("Settings", icon=":material/tune:", key="settings_open"):
        longer_side = controls.working_side_choice(task.working_side)
        threshold = controls.threshold_choice() if drawing(task).count else None
    with st.popover("About", icon=":material/info:", key="about_open"):
        controls.prose("compare")
        st.markdown(f"**{task.title}.** {drawing(task).sentence(task)} {task.limits}")
    return picture, CompareSettings(task.name, upsamplers, longer_side, threshold)


def _picture() -> Source:
    """Draw the choice of the picture, which is folded again once a picture is chosen."""
    memory, chosen = "gallery.chosen", st.session_state.get("gallery")
    if chosen != kept(memory, None):
        keep(memory, chosen)
        st.session_state[_PICTURE] = False
    with st.popover("Picture", icon=":material/image:", key=_PICTURE, on_change="rerun"):
        return choose_picture(photos.FIRST)


def title_of(picture: Source) -> str:
    """Return the name of a picture for people."""
    return picture.name if picture.data is not None else photos.gallery()[picture.name].title


def better_suited(manifest: Manifest, picture: Source, task: Task) -> Offer | None:
    """Return a task that knows the picture, if the chosen one does not and another does."""
    known = suited(manifest, picture)
    return None if not known or task in known else Offer(known[0])


def differ(comparison: Comparison[Any]) -> bool:
    """Return whether any upsampler's output differs from the reference's."""
    kind = drawing(comparison.task)
    rows = [row for row in comparison.compared if row.difference is not None]
    return not rows or any(not kind.same(row.difference) for row in rows)


def emptiness(comparison: Comparison[Any]) -> str:
    """Return in words that no upsampler finds more than next to nothing; empty if one does."""
    kind = drawing(comparison.task)
    found = [kind.empty(comparison.task, row.answer.annotation) for row in comparison.compared]
    return min(found) if all(found) else ""


def finds_most(manifest: Manifest, picture: Source, task: Task) -> Offer | None:
    """Return the task that finds most on a picture, if that is more than the chosen one finds.

    Tasks that know the picture come first, whatever others find. Only the network with the reference runs.
    """
    known = suited(manifest, picture)
    here = _found(picture, task.name)
    offers = [Offer(other, _found(picture, other.name)) for other in manifest.tasks if other != task]
    more = [offer for offer in offers if (offer.found or 0) > (here or 0)]
    return max(more, key=lambda offer: (offer.task in known, offer.found or 0), default=None)


@cached
def _found(picture: Source, name: str) -> int | None:
    """Return the number of classes or objects that a task's reference finds; None if it cannot be counted."""
    task = photos.manifest().task(name)
    count = drawing(task).found
    if count is None:
        return None
    try:
        run = compute.run(picture, name, task.working_side, task.reference)
    except (EngineError, WeightsError):
        return None
    return count(task, compute.answer(task, run, SURE, scored=False).annotation)


def draw_offer(offer: Offer, *, key: str) -> None:
    """Draw a button that changes the task."""
    st.button(words.offer(offer.task.title, offer.found), key=key, on_click=_take, args=(offer.task.name,))


def _take(task: str) -> None:
    st.session_state["task"] = keep("task", task)
