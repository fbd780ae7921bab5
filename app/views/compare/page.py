"""Compare: one photograph, several upsamplers, side by side."""

from typing import Any

import streamlit as st

from app.components.viewer.viewer import View
from app.records import Comparison
from app.settings import CompareSettings
from app.shared import controls, photos
from app.shared.engine.memory import NoRoomError
from app.shared.engine.turns import EngineError
from app.shared.fitting import Wanted, reduce_further
from app.shared.literal import plain
from app.views.compare import choice, compute, sections
from app.views.compare.kinds import drawing
from dysample.models.hub import WeightsError

# The first screen of a projector is 720 pixels high.
_STYLE = """<style>
.st-key-compare-head h1 { font-size: 1.75rem; padding: 0; }
[data-testid="stPopoverBody"]:has(.st-key-gallery) {
    width: min(1040px, calc(100vw - 2rem));
    max-width: none;
}
@media (max-width: 640px) {
    .st-key-compare-head, .st-key-compare-verdict { flex-wrap: wrap; gap: 0.5rem; }
}
</style>"""


def page() -> None:
    """Draw the page."""
    st.html(_STYLE)
    with st.container(horizontal=True, vertical_alignment="center", key="compare-head"):
        st.title("Compare upsamplers", width="content")
        try:
            manifest = photos.manifest()
        except WeightsError as error:
            st.error(plain(str(error)))
            return
        picture, settings = choice.choose(manifest)
    if settings.upsamplers:
        wanted = Wanted(picture, settings.task, settings.longer_side, "compared")
        _draw(wanted, compute.fitted(wanted, settings))
    else:
        st.info("Choose at least one upsampler to see what it does.")
    choice.finish()


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
    first = st.container()  # what was found comes before the controls that change how it is shown
    with st.container(horizontal=True, vertical_alignment="bottom"):
        known = comparison.picture.truth is not None
        show = controls.show_choice(draw.answers, comparison.reference_name, truth=known)
        sides = sections.choose_sides(comparison, show)
    with first:
        place = sections.notice(comparison, wanted.source)
        sections.verdict(comparison, settings, wanted.source, sides)
        sections.first_pictures(wanted.source, settings, show, sides, view)
    sections.notes(comparison, wanted)
    st.subheader("Side by side")
    sections.all_pictures(wanted.source, settings, show, view)
    if choice.differ(comparison):
        st.subheader("Where they differ most")
        sections.close_up_pictures(wanted.source, settings, show)
    st.subheader("In numbers")
    sections.numbers_table(comparison)
    sections.downloads(comparison, settings, wanted.source.name, show, view)
    sections.draw_offer(comparison, wanted.source, place)


page()
