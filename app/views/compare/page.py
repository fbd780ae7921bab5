"""Compare: one photograph, several upsamplers, side by side."""

from typing import Any

import streamlit as st

from app.components.viewer.viewer import View
from app.records import Comparison
from app.settings import CompareSettings
from app.shared import controls, networks, photos
from app.shared.engine.memory import NoRoomError
from app.shared.engine.turns import EngineError
from app.shared.fitting import Wanted, reduce_further
from app.shared.literal import plain
from app.shared.subject import choose_picture
from app.views.compare import compute, sections
from app.views.compare.kinds import drawing
from dysample.models.hub import WeightsError
from dysample.models.manifest import Manifest


def page() -> None:
    """Draw the page."""
    st.title("Compare upsamplers")
    controls.prose("compare")
    try:
        manifest = photos.manifest()
    except WeightsError as error:
        st.error(plain(str(error)))
        return
    picture = choose_picture()
    settings = _choose_settings(manifest)
    if not settings.upsamplers:
        st.info("Choose at least one upsampler to see what it does.")
        return
    wanted = Wanted(picture, settings.task, settings.longer_side, "compared")
    _draw(wanted, compute.fitted(wanted, settings))


def _choose_settings(manifest: Manifest) -> CompareSettings:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = manifest.task(controls.task_choice({task.name: task.title for task in manifest.tasks}))
        upsamplers = controls.upsampler_choice(networks.trained(task.name))
        longer_side = controls.working_side_choice(task.working_side)
        threshold = controls.threshold_choice() if drawing(task).count else None
    st.caption(f"{drawing(task).sentence(task)} {task.limits}")
    controls.untrained_note(networks.untrained(task.name))
    return CompareSettings(task.name, upsamplers, longer_side, threshold)


def _compute(wanted: Wanted, settings: CompareSettings) -> Comparison[Any] | None:
    bar = st.progress(0.0)

    def report(step: str, share: float) -> None:
        bar.progress(share, step)

    try:
        compute.warm(wanted.source, settings, report)
        return compute.comparison(wanted.source, settings)
    except NoRoomError as error:
        if reduce_further(wanted):
            st.rerun()
        st.error(plain(str(error)))
        return None
    except (EngineError, WeightsError) as error:
        st.error(plain(str(error)))
        return None
    finally:
        bar.empty()


@st.fragment
def _draw(wanted: Wanted, settings: CompareSettings) -> None:
    """Draw the comparison; it is read from the cache, so that a session holds no pictures."""
    comparison = _compute(wanted, settings)
    if comparison is None:
        return
    draw = drawing(comparison.task)
    view = View(opacity=draw.opacity)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        known = comparison.picture.truth is not None
        show = controls.show_choice(draw.answers, comparison.reference_name, truth=known)
        mode = controls.mode_choice()
    sections.whole_pictures(wanted.source, settings, show, mode, view)
    sections.notes(comparison, wanted)
    st.subheader("Where they differ most")
    sections.close_up_pictures(wanted.source, settings, show)
    st.subheader("In numbers")
    sections.numbers_table(comparison)
    sections.downloads(comparison, settings, wanted.source.name, show, view)


page()
