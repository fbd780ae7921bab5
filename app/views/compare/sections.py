"""The sections of the Compare page: viewers with their legend, table of numbers, downloads."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from app.components.viewer.viewer import View, compare_viewer
from app.records import ColourBar, Comparison, Layer, Legend, LegendEntry
from app.settings import CompareSettings, Mode, Show, Source
from app.shared import controls, fitting
from app.shared.cache import cached
from app.shared.drawing import photo_png
from app.shared.fitting import Wanted
from app.shared.literal import file_stem
from app.views.compare import compute, numbers, sheet, words
from app.views.compare.kinds import drawing

Part = Literal["whole", "close-up"]

# 254 gaps lie between the shades of a scale; every second is enough to draw all of it.
_STOPS_APART = 2
_CLOSE_UP_PANE = 200  # CSS pixels
_CLOSE_UP_OPACITY = 0.75
_FORMATS = {
    "Objects": ("%d", "Objects whose score is at least the threshold."),
    "Head (ms)": ("%.1f", "All but the encoder: ×2 upsamplers, fusion and prediction, on this machine."),
    "Upsampler parameters": ("localized", "Learned numbers in the head's ×2 upsamplers together."),
}


@dataclass(frozen=True, slots=True)
class ViewerInput:
    """The encoded pictures of a comparison, made once for all visitors and all the moves of a viewer."""

    photo: bytes
    layers: tuple[Layer, ...]
    size: tuple[int, int]
    legend: Legend


@cached
def viewer_input(picture: Source, settings: CompareSettings, show: Show, part: Part) -> ViewerInput:
    """Encode the photograph and the chosen layers of a comparison, or of its close-up."""
    comparison = compute.comparison(picture, settings)
    comparison = compute.close_up(comparison) if part == "close-up" else compute.shown(comparison)
    image, draw = comparison.picture.image, drawing(comparison.task)
    return ViewerInput(
        photo_png(image),
        draw.panes(comparison, show),
        (image.shape[1], image.shape[0]),
        draw.legend(comparison, show),
    )


@st.fragment
def whole_pictures(picture: Source, settings: CompareSettings, show: Show, mode: Mode, default: View) -> None:
    """Draw the whole pictures and their legend, and keep the visitor's view in the address."""
    pictures = viewer_input(picture, settings, show, "whole")
    view = compare_viewer(
        pictures.photo,
        controls.two_of(pictures.layers) if mode == "slider" else pictures.layers,
        mode=mode,
        size=pictures.size,
        view=view_in_address(default),
        legend=pictures.legend.entries,
        key="viewer",
    )
    _write_view(view, default)
    legend = pictures.legend
    st.html(_names(legend.entries) if legend.bar is None else _bar(legend.bar))


def view_in_address(default: View) -> View:
    """Return the view that the address holds, or the default."""
    query = st.query_params.get("view", "")
    return View.from_query(query) if query else default


def _write_view(view: View, default: View) -> None:
    """Put the view into the address; leave the default out of it."""
    if view != default:
        st.query_params["view"] = view.to_query()
    elif "view" in st.query_params:
        del st.query_params["view"]


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


@st.fragment
def close_up_pictures(picture: Source, settings: CompareSettings, show: Show) -> None:
    """Draw the part in which the upsamplers differ most, side by side."""
    comparison = compute.comparison(picture, settings)
    pictures = viewer_input(picture, settings, show, "close-up")
    compare_viewer(
        pictures.photo,
        pictures.layers,
        mode="panes",
        size=pictures.size,
        view=View(opacity=max(_CLOSE_UP_OPACITY, drawing(comparison.task).opacity)),
        legend=pictures.legend.entries,
        # A key for each place: the view of a new place starts whole again.
        key=f"close_up-{comparison.window.x}-{comparison.window.y}",
        pane_width=_CLOSE_UP_PANE,
    )


def notes(comparison: Comparison[Any], wanted: Wanted) -> None:
    """Draw what memory has made of the picture, if anything."""
    height, width = comparison.picture.image.shape[:2]
    sentences = (
        fitting.sentence((height, width), wanted),
        words.ways(comparison),
        words.shown(comparison, compute.shown_size(comparison)),
    )
    if any(sentences):
        st.caption(" ".join(filter(None, sentences)))


def numbers_table(comparison: Comparison[Any]) -> None:
    """Draw the table of numbers; a dash where there is none."""
    columns = numbers.columns(comparison)
    formats = _FORMATS | {
        number.title: (number.form, number.words.format(reference=comparison.reference_name))
        for number in drawing(comparison.task).numbers
    }
    settings = {
        name: st.column_config.NumberColumn(help=formats[name][1], format=formats[name][0])
        for name in columns
        if name in formats
    }
    st.dataframe(dict(columns), hide_index=True, column_config=settings, placeholder="–", key="numbers")


def downloads(
    comparison: Comparison[Any], settings: CompareSettings, picture: str, show: Show, default: View
) -> None:
    """Draw the downloads; pictures are made only when they are clicked.

    Args:
        comparison: The comparison to download.
        settings: The settings that it was made with.
        picture: Name of the photograph.
        show: The layers on the printed sheet.
        default: View that the opacity of the sheet is taken from where the address holds none.
    """
    draw, stem = drawing(comparison.task), f"{settings.task}-{file_stem(picture)}"
    with st.container(horizontal=True):
        st.download_button(
            "Picture (PNG, 300 dpi)",
            lambda: sheet.printed(
                compute.shown(comparison), show, opacity=view_in_address(default).opacity, title=picture
            ),
            f"{stem}.png",
            "image/png",
            key="get_sheet",
            on_click="ignore",
        )
        st.download_button(
            draw.maps_title,
            lambda: draw.maps(comparison),
            f"{stem}-{draw.maps_ending}.zip",
            "application/zip",
            key="get_maps",
            on_click="ignore",
        )
        st.download_button(
            "Numbers (JSON)",
            lambda: numbers.as_json(comparison, settings, picture),
            f"{stem}.json",
            "application/json",
            key="get_json",
            on_click="ignore",
        )
