"""Choosing a picture and a network, remembered from page to page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from app.components.gallery.gallery import Thumbnail, picture_gallery
from app.memory import forget, keep, kept
from app.settings import Source, Subject
from app.shared import controls, departures, fitting, networks, photos
from app.shared.engine.memory import NoRoomError
from app.shared.engine.turns import EngineError
from app.shared.literal import literal, plain
from dysample.images import ImageError
from dysample.models.hub import WeightsError
from dysample.models.manifest import Manifest
from dysample.models.tasks import Task
from dysample.types import Step

_THUMBNAIL = 156  # rows: twice what is shown, for dense screens
_TYPES = (
    *("jpg", "jpeg", "jpe", "jfif", "jif", "pjpeg", "pjp"),
    *("png", "apng", "webp", "bmp", "dib", "tif", "tiff", "gif", "avif"),
)
_MOST_MB = 25
_CAMERA_PX = 480  # width on the page, where there is room


@dataclass(frozen=True, slots=True)
class Explored:
    """The subject of an explorer page.

    Attributes:
        subject: The picture and the network.
        steps: The network's upsampling steps.
        step: Name of the chosen step.
    """

    subject: Subject
    steps: tuple[Step, ...]
    step: str


def choose_network() -> Explored | None:
    """Draw the choice of picture, task, upsampler and step.

    Returns:
        The choice; None, after an error message, if the weights or the picture cannot be used.
    """
    try:
        manifest = photos.manifest()
    except WeightsError as error:
        st.error(plain(str(error)))
        return None
    pictures = st.expander("Picture", icon=":material/image:")
    with pictures:
        source = choose_picture()
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        task = choose_task(manifest, source).name
        upsampler = controls.one_upsampler_choice(networks.trained(task))
    with pictures:
        longer_side = controls.working_side_choice(manifest.task(task).working_side)
    subject, steps = _run(Subject(source, task, upsampler, longer_side))
    if steps is None:
        return None
    with row:
        step = controls.step_choice(step_labels(steps), usual=usual_step(steps))
    return Explored(subject, steps, step)


def _run(subject: Subject) -> tuple[Subject, tuple[Step, ...] | None]:
    """Run the network on the picture, reduced to what the memory suffices for, and return both."""
    wanted = fitting.wanted(subject)
    try:
        with st.spinner("Running the network"):
            fitted, steps = _reduced(subject)
        note = fitting.sentence(networks.shape(fitted), wanted)
    except (EngineError, ImageError, WeightsError) as error:
        st.error(plain(str(error)))
        return subject, None
    if note:
        st.caption(note)
    return fitted, steps


def _reduced(subject: Subject) -> tuple[Subject, tuple[Step, ...]]:
    while True:
        fitted = fitting.explored(subject)
        try:
            return fitted, networks.steps(fitted)
        except NoRoomError:
            if not fitting.reduce_further(fitting.wanted(subject)):
                raise


def step_labels(steps: Sequence[Step]) -> Mapping[str, str]:
    """Return the display names of a network's upsampling steps."""
    return {
        step.name: f"{step.name}: {step.input.shape[3]}×{step.input.shape[2]} → "
        f"{step.output.shape[3]}×{step.output.shape[2]}"
        for step in steps
    }


def usual_step(steps: Sequence[Step]) -> str:
    """Return the last step of the second coarsest size: enough cells to see structure, few enough to read."""
    heights = {step.input.shape[2] for step in steps}
    second = min(heights - {min(heights)}, default=min(heights))
    return next(step.name for step in reversed(steps) if step.input.shape[2] == second)


def choose_task(manifest: Manifest, source: Source, *, narrow: bool = False) -> Task:
    """Choose a task: by default the first that knows the picture, until the visitor chooses one.

    Args:
        manifest: The manifest of the trained weights.
        source: The picture.
        narrow: Whether to draw a list instead of all titles side by side.
    """
    titles = {task.name: task.title for task in manifest.tasks}
    known = suited(manifest, source)
    usual = known[0].name if known else manifest.tasks[0].name
    return manifest.task(controls.task_choice(titles, suited=usual, narrow=narrow))


def suited(manifest: Manifest, source: Source) -> list[Task]:
    """Return the tasks whose networks know a picture; none where that is unknown, as of a visitor's own."""
    if source.data is not None:
        return []
    return [task for task in manifest.tasks if photos.gallery()[source.name].knows(task)]


def choose_picture(usual: str = "") -> Source:
    """Draw upload, camera and gallery; the visitor's own picture takes precedence over the gallery's.

    Args:
        usual: Key of the picture to begin with; by default the gallery's first.
    """
    chooser, upload = st.columns([5, 2], gap="large")
    with upload:
        own = uploaded_picture(key="own")
    with chooser:
        if own is not None and _readable(own):
            st.info(f"You see your photograph {literal(own.name)}. Remove it to choose from the gallery.")
            return own
        gallery = photos.gallery()
        wanted = st.query_params.get("picture", kept("picture", ""))
        thumbnails = [
            Thumbnail(item.key, item.title, item.section, photos.thumbnail(item.key, _THUMBNAIL), item.title)
            for item in gallery.values()
        ]
        selected = next((name for name in (wanted, usual) if name in gallery), thumbnails[0].key)
        key = picture_gallery(thumbnails, selected=selected, key="gallery")
        st.query_params["picture"] = keep("picture", key)
        st.caption(plain(gallery[key].credit))
        return Source(key)


def _readable(source: Source) -> bool:
    """Return whether a file is a picture; if not, draw why."""
    try:
        photos.photograph(source)
    except ImageError as error:
        st.error(f"{literal(source.name)}: {plain(str(error))}")
        return False
    return True


def uploaded_picture(*, key: str) -> Source | None:
    """Draw a field for a file and, on request, the camera.

    Args:
        key: Unique on the page.

    Returns:
        The latest file that has not been removed, or None. It is kept from page to page.
    """
    kept_as, touched = f"{key}.picture", f"{key}.touched"
    upload = st.file_uploader(
        "Your photograph",
        type=_TYPES,
        max_upload_size=_MOST_MB,
        help="It stays on the machine that runs this app, and is not kept.",
        key=f"{key}-file",
        on_change=keep,
        args=(touched, True),
    )
    wanted = st.toggle(
        "Use the camera",
        help="Your browser will ask for permission. It lets pages use the camera only on this machine or "
        "over https.",
        key=f"{key}-use-camera",
        on_change=keep,
        args=(touched, True),
    )
    # Drawing the camera asks for permission at once, so it is drawn on request only.
    shot = (
        st.camera_input(
            "Take a photograph",
            resolution="1080p",
            width=_CAMERA_PX,
            key=f"{key}-camera",
            on_change=keep,
            args=(touched, True),
        )
        if wanted
        else None
    )
    files = {file.file_id: file for file in (upload, shot) if file is not None}
    memory = f"{key}.arrived"
    earlier: list[str] = st.session_state.get(memory, [])
    arrived = [name for name in earlier if name in files]
    arrived += [name for name in files if name not in arrived]
    st.session_state[memory] = arrived
    if arrived:
        if arrived != earlier or kept(kept_as, None) is None:
            keep(kept_as, departures.own(files[arrived[-1]]))
    elif kept(touched, False):  # removed here, not merely absent from another page
        forget(kept_as)
    forget(touched)
    if not arrived and kept(kept_as, None) is not None:
        st.button("Remove your photograph", key=f"{key}-remove", on_click=forget, args=(kept_as,))
    return kept(kept_as, None)
