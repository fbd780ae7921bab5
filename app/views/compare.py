"""Compare: one photograph, several upsamplers, side by side."""

from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from app.comparison import close_up
from app.compute import compare, networks, photos
from app.figures import export, layers, table
from app.figures.kinds import drawing
from app.records import Comparison, Layer, Legend
from app.settings import CompareSettings, Mode, Show, Source
from app.views.subject import choose_picture
from app.widgets import controls, results
from app.widgets.compare_viewer import View, compare_viewer
from dysample.models.manifest import WeightsError

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
        task = manifest.task(controls.task_choice({each.name: each.title for each in manifest.tasks}))
        upsamplers = controls.upsampler_choice(networks.trained(task.name))
        longer_side = controls.working_side_choice(task.working_side)
    st.caption(f"{drawing(task).sentence(task)} {task.limits}")
    controls.untrained_note(networks.untrained(task.name))
    settings = CompareSettings(task.name, upsamplers, longer_side)
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
    kind, draw = comparison.task.kind, drawing(comparison.task)
    usual = View(opacity=draw.opacity)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        show = controls.show_choice(kind, truth=comparison.picture.truth is not None)
        mode = controls.mode_choice()
    _pictures(_drawn(comparison, show), mode, usual)
    st.subheader("Where they differ most")
    part = close_up(comparison)
    # A new place starts whole again, wherever the last one was left.
    view = replace(_CLOSE_UP, opacity=max(_CLOSE_UP.opacity, draw.opacity))
    _close_up(_drawn(part, show), view, key=f"close_up-{part.window.x}-{part.window.y}")
    st.subheader("In numbers")
    results.numbers(table.columns(comparison))
    results.downloads(
        f"{settings.task}-{Path(picture.name).stem}",
        sheet=lambda: export.printed(comparison, show, opacity=_view(usual).opacity, title=picture.name),
        kind=kind,
        maps=lambda: draw.maps(comparison),
        record=table.as_json(comparison, settings, picture.name),
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The pictures of a comparison, made once for all the moves of the viewer."""

    photo: bytes
    layers: tuple[Layer, ...]
    size: tuple[int, int]
    legend: Legend


def _drawn(comparison: Comparison, show: Show) -> _Drawn:
    image, draw = comparison.picture.image, drawing(comparison.task)
    return _Drawn(
        layers.photo_png(image),
        draw.panes(comparison, show),
        (image.shape[1], image.shape[0]),
        draw.legend(comparison, show),
    )


@st.fragment
def _pictures(drawn: _Drawn, mode: Mode, usual: View) -> None:
    view = compare_viewer(
        drawn.photo,
        controls.two_of(drawn.layers) if mode == "slider" else drawn.layers,
        mode=mode,
        size=drawn.size,
        view=_view(usual),
        legend=drawn.legend.entries,
        key="viewer",
    )
    _remember(view, usual)
    results.legend(drawn.legend)


@st.fragment
def _close_up(drawn: _Drawn, view: View, *, key: str) -> None:
    compare_viewer(
        drawn.photo,
        drawn.layers,
        mode="panes",
        size=drawn.size,
        view=view,
        legend=drawn.legend.entries,
        key=key,
        pane_width=_CLOSE_UP_PANE,
    )


def _remember(view: View, usual: View) -> None:
    """Put the view into the address; the usual one stays out of it."""
    if view != usual:
        st.query_params["view"] = view.to_query()
    elif "view" in st.query_params:
        del st.query_params["view"]


def _view(usual: View) -> View:
    asked = st.query_params.get("view", "")
    return View.from_query(asked) if asked else usual


page()
