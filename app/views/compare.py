"""Compare: one photograph, several upsamplers, side by side."""

from pathlib import Path

import streamlit as st

from app.comparison import close_up
from app.compute import compare, networks, photos
from app.figures import export, layers, panes, table
from app.records import Comparison
from app.settings import CompareSettings, Mode, Show, Source
from app.views.subject import choose_picture
from app.widgets import controls, results
from app.widgets.compare_viewer import View, compare_viewer
from dysample.models.weights import WeightsError

_TEXT = Path(__file__).parents[1] / "texts" / "compare.md"
_CLOSE_UP_PANE = 200
_CLOSE_UP = View(opacity=0.75)


def page() -> None:
    """Draw the page."""
    st.title("Compare upsamplers")
    st.markdown(_TEXT.read_text(encoding="utf-8"))
    try:
        manifest = photos.manifest()
    except WeightsError as error:
        st.error(str(error))
        return
    picture = choose_picture()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = controls.task_choice({each.name: each.title for each in manifest.tasks})
        upsamplers = controls.upsampler_choice(networks.trained(task))
        longer_side = controls.working_side_choice()
    st.caption(f"This network answers with {', '.join(manifest.task(task).classes)}, whatever it sees.")
    controls.untrained_note(networks.untrained(task))
    settings = CompareSettings(task, upsamplers, longer_side)
    if not upsamplers:
        st.info("Choose at least one upsampler to see what it does.")
        return
    progress = st.progress(0.0)

    def tell(step: str, share: float) -> None:
        progress.progress(share, step)

    try:
        compare.warm(picture, settings, tell)
        comparison = compare.comparison(picture, settings)
    except WeightsError as error:
        st.error(str(error))
        return
    finally:
        progress.empty()
    _show(comparison, picture, settings)


def _show(comparison: Comparison, picture: Source, settings: CompareSettings) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        show = controls.show_choice(truth=comparison.picture.truth is not None)
        mode = controls.mode_choice()
    _pictures(comparison, show, mode)
    st.subheader("Where they differ most")
    _close_up(close_up(comparison), show)
    st.subheader("In numbers")
    results.numbers(table.columns(comparison))
    results.downloads(
        f"{settings.task}-{Path(picture.name).stem}",
        sheet=lambda: export.printed(comparison, show, opacity=_view().opacity, title=picture.name),
        labels=lambda: export.label_maps(comparison),
        record=table.as_json(comparison, settings, picture.name),
    )


@st.fragment
def _pictures(comparison: Comparison, show: Show, mode: Mode) -> None:
    shown = panes.panes(comparison, show)
    entries = panes.legend(comparison, show)
    if mode == "slider":
        shown = controls.two_of(shown)
    height, width = comparison.picture.image.shape[:2]
    view = compare_viewer(
        layers.photo_png(comparison.picture.image),
        shown,
        mode=mode,
        size=(width, height),
        view=_view(),
        legend=entries,
        key="viewer",
    )
    _remember(view)
    results.legend(entries)


def _close_up(part: Comparison, show: Show) -> None:
    height, width = part.picture.image.shape[:2]
    compare_viewer(
        layers.photo_png(part.picture.image),
        panes.panes(part, show),
        mode="panes",
        size=(width, height),
        view=_CLOSE_UP,
        legend=panes.legend(part, show),
        # A new place starts whole again, wherever the last one was left.
        key=f"close_up-{part.window.x}-{part.window.y}",
        pane_width=_CLOSE_UP_PANE,
    )


def _remember(view: View) -> None:
    """Put the view into the address; the usual one stays out of it."""
    if view != View():
        st.query_params["view"] = view.to_query()
    elif "view" in st.query_params:
        del st.query_params["view"]


def _view() -> View:
    return View.from_query(st.query_params.get("view", ""))


page()
