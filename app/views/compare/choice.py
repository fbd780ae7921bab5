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
_FOLDED, _NOTHING = "gallery.folded", repr(None)


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
    if _reported() != kept(_FOLDED, _NOTHING):
        st.session_state[_PICTURE] = False
    with st.popover("Picture", icon=":material/image:", key=_PICTURE, on_change="rerun"):
        return choose_picture(photos.FIRST)


def _reported() -> str:
    """Return the choice that the gallery has reported last."""
    return repr((st.session_state.get("gallery") or {}).get("report"))


def finish() -> None:
    """Take the gallery for folded, at the end of a run: one that is cut short may not have folded it."""
    keep(_FOLDED, _reported())


def title_of(picture: Source) -> str:
    """Return the name of a picture for people."""
    return picture.name if picture.data is not None else photos.gallery()[picture.name].title


def differ(comparison: Comparison[Any]) -> bool:
    """Return whether any upsampler's output differs from the reference's."""
    kind = drawing(comparison.task)
    rows = [row for row in comparison.compared if row.difference is not None]
    return not rows or any(not kind.same(row.difference) for row in rows)


def emptiness(comparison: Comparison[Any]) -> str:
    """Return in words that no upsampler finds more than next to nothing; empty if one does."""
    kind = drawing(comparison.task)
    found = [kind.empty(comparison.task, row.answer.annotation) for row in comparison.compared]
    return min(found, key=lambda words: (len(words), words)) if all(found) else ""


def offer(manifest: Manifest, picture: Source, task: Task, *, finds: bool) -> Offer | None:
    """Return a better task for a picture than the chosen one, if there is one.

    Tasks that know the picture come first, if it is known which do. Other networks run only where the chosen
    one finds nothing.

    Args:
        manifest: The manifest of the trained weights.
        picture: The picture.
        task: The chosen task.
        finds: Whether its networks find anything that differs.
    """
    known = suited(manifest, picture)
    if finds:
        return None if not known or task in known else Offer(known[0])
    others = [other for other in known or manifest.tasks if other.owner != task.owner]
    several = {other.owner: Offer(other, _found(picture, other)) for other in reversed(others)}
    more = [found for found in several.values() if (found.found or 0) > (_found(picture, task) or 0)]
    return max(more, key=lambda found: found.found or 0, default=None)


def _found(picture: Source, task: Task) -> int | None:
    """Return the number of classes or objects that a task's reference finds; None if that is not known."""
    if drawing(task).found is None:
        return None
    try:
        return _count(picture, task.name)
    except (EngineError, WeightsError):
        return None


@cached
def _count(picture: Source, name: str) -> int:
    task = photos.manifest().task(name)
    count = drawing(task).found
    run = compute.run(picture, name, task.working_side, task.reference)
    return count(task, compute.annotation(task, run, SURE)) if count else 0


def draw_offer(offer: Offer, *, key: str) -> None:
    """Draw a button that changes the task."""
    noun = "object" if drawing(offer.task).count else "class"
    label = words.offer(offer.task.title, offer.found, noun)
    st.button(label, key=key, on_click=_take, args=(offer.task.name,))


def _take(task: str) -> None:
    st.session_state["task"] = keep("task", task)
