"""Compare: one photograph, several upsamplers, side by side."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from app.components.viewer.viewer import View, compare_viewer
from app.records import ColourBar, Comparison, Layer, Legend, LegendEntry
from app.settings import CompareSettings, Mode, Show, Source
from app.shared import controls, networks, photos
from app.shared import drawing as layers
from app.shared.subject import choose_picture
from app.views.compare import compute, numbers, sheet
from app.views.compare.compute import close_up
from app.views.compare.kinds import Drawing, Number, drawing
from dysample.models.hub import WeightsError

# What the Compare page shows beside the pictures: legend, table, downloads.


# 254 gaps lie between the shades of a scale; every second is enough to draw all of it.
_STOPS_APART = 2
_FORMATS = {
    "Head (ms)": ("%.1f", "All but the encoder: ×2 upsamplers, fusion and prediction, on this machine."),
    "Upsampler parameters": ("localized", "Learned numbers in the head's ×2 upsamplers together."),
}


def _legend(shown: Legend) -> None:
    """Draw what the colours mean."""
    st.html(_names(shown.entries) if shown.bar is None else _bar(shown.bar))


def _names(entries: Sequence[LegendEntry]) -> str:
    items = "".join(
        f'<li style="display:flex;align-items:center;gap:.4em">'
        f'<span aria-hidden="true" style="width:1em;height:1em;border-radius:3px;'
        f'border:1px solid currentColor;background:{html.escape(entry.colour)}"></span>'
        f"{html.escape(entry.name)}</li>"
        for entry in entries
    )
    return (
        '<ul aria-label="Legend" style="display:flex;flex-wrap:wrap;gap:.3em 1.1em;list-style:none;'
        f'padding:0;margin:0;font-size:.9rem">{items}</ul>'
    )


def _bar(bar: ColourBar) -> str:
    low, high = (html.escape(end) for end in bar.ends)
    ticks = "".join(f"<span>{html.escape(text)}</span>" for _, text in bar.ticks)
    alt = f"Legend: {bar.title}, from {bar.ticks[0][1]} ({low}) to {bar.ticks[-1][1]} ({high})"
    row = "display:flex;justify-content:space-between;gap:.5em"
    return (
        f'<div role="img" aria-label="{html.escape(alt)}" style="max-width:28rem;font-size:.9rem">'
        f'<div style="{row}"><span>{low}</span><strong>{html.escape(bar.title)}</strong>'
        f"<span>{high}</span></div>"
        f'<div style="height:1em;border-radius:3px;border:1px solid currentColor;'
        f'background:linear-gradient(to right,{",".join(bar.colours[::_STOPS_APART])})"></div>'
        f'<div style="{row};font-variant-numeric:tabular-nums">{ticks}</div></div>'
    )


def _numbers(
    columns: Mapping[str, Sequence[str] | Sequence[float | None]], numbers: Sequence[Number]
) -> None:
    """Draw the table of numbers; a dash where there is none."""
    formats = _FORMATS | {number.title: (number.form, number.words) for number in numbers}
    settings = {
        name: st.column_config.NumberColumn(help=formats[name][1], format=formats[name][0])
        for name in columns
        if name in formats
    }
    st.dataframe(dict(columns), hide_index=True, column_config=settings, placeholder="–", key="numbers")


def _downloads(
    name: str, *, sheet: Callable[[], bytes], draw: Drawing[Any], maps: Callable[[], bytes], record: str
) -> None:
    """Draw the downloads; pictures are made only when they are asked for."""
    with st.container(horizontal=True):
        st.download_button(
            "Picture (PNG, 300 dpi)", sheet, f"{name}.png", "image/png", key="get_sheet", on_click="ignore"
        )
        st.download_button(
            draw.maps_title,
            maps,
            f"{name}-{draw.maps_ending}.zip",
            "application/zip",
            key="get_maps",
            on_click="ignore",
        )
        st.download_button(
            "Numbers (JSON)", record, f"{name}.json", "application/json", key="get_json", on_click="ignore"
        )


_CLOSE_UP_PANE = 200
_CLOSE_UP = View(opacity=0.75)


def page() -> None:
    """Draw the page."""
    st.title("Compare upsamplers")
    controls.prose("compare")
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
        compute.warm(picture, settings, tell)
        comparison = compute.comparison(picture, settings)
    except WeightsError as error:
        st.error(str(error))
        return
    finally:
        progress.empty()
    _show(comparison, picture, settings)


def _show(comparison: Comparison[Any], picture: Source, settings: CompareSettings) -> None:
    draw = drawing(comparison.task)
    usual = View(opacity=draw.opacity)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        show = controls.show_choice(draw.answers, truth=comparison.picture.truth is not None)
        mode = controls.mode_choice()
    _pictures(_drawn(comparison, show), mode, usual)
    st.subheader("Where they differ most")
    part = close_up(comparison)
    # A new place starts whole again, wherever the last one was left.
    view = replace(_CLOSE_UP, opacity=max(_CLOSE_UP.opacity, draw.opacity))
    _close_up(_drawn(part, show), view, key=f"close_up-{part.window.x}-{part.window.y}")
    st.subheader("In numbers")
    _numbers(numbers.columns(comparison), draw.numbers)
    _downloads(
        f"{settings.task}-{Path(picture.name).stem}",
        sheet=lambda: sheet.printed(comparison, show, opacity=_view(usual).opacity, title=picture.name),
        draw=draw,
        maps=lambda: draw.maps(comparison),
        record=numbers.as_json(comparison, settings, picture.name),
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The pictures of a comparison, made once for all the moves of the viewer."""

    photo: bytes
    layers: tuple[Layer, ...]
    size: tuple[int, int]
    legend: Legend


def _drawn(comparison: Comparison[Any], show: Show) -> _Drawn:
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
    _legend(drawn.legend)


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
