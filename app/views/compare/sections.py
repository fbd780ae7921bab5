"""The sections of the Compare page: viewers with their legend, table of numbers, downloads."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.viewer.viewer import View, compare_viewer
from app.pages import page_at
from app.records import ColourBar, Comparison, Layer, Legend, LegendEntry
from app.settings import CompareSettings, Show, Source
from app.shared import controls, fitting, photos
from app.shared.cache import cached
from app.shared.drawing import photo_png
from app.shared.evidence import evidence_of
from app.shared.fitting import Wanted
from app.shared.literal import file_stem
from app.views.compare import choice, compute, numbers, sheet, words
from app.views.compare.kinds import drawing
from dysample.ops.registry import operator_spec
from dysample.scores.evidence import Evidence

Part = Literal["whole", "close-up"]

# 254 gaps lie between the shades of a scale; every second is enough to draw all of it.
_STOPS_APART = 2
_CLOSE_UP_PANE = 200  # CSS pixels
_CLOSE_UP_OPACITY = 0.75
_FIRST_PANE, _DETAIL_PANE = 220, 130  # CSS pixels
_USUAL_WIDTHS, _WIDE = (1.6, 1), (2.4, 1)  # of the whole picture and the close-up
_CLOSE_UP = "Close-up of the frame in the picture: where they differ most."
_NO_CLOSE_UP = "Close-up of the frame in the picture. They differ nowhere."
_TRUTH = "Truth"
_USUAL = "dysample+"
_FORMATS = {
    "Objects": ("%d", "Objects whose score is at least the threshold."),
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


def choose_sides(comparison: Comparison[Any], show: Show) -> tuple[str, str]:
    """Choose the two layers of the before/after bar, by default the reference and DySample+."""
    labels = [row.label for row in comparison.compared]
    titles = [*labels, _TRUTH] if show == "answers" and comparison.picture.truth is not None else labels
    left = comparison.reference_label if comparison.reference_label in labels else labels[0]
    usual = operator_spec(_USUAL).label
    right = usual if usual in labels and usual != left else labels[-1]
    return controls.two_of(titles, left=left, right=right)


def verdict(
    comparison: Comparison[Any], settings: CompareSettings, picture: Source, sides: tuple[str, str]
) -> None:
    """Draw what is seen on this picture, and what the test pictures say."""
    task, rows = comparison.task, {row.label: row for row in comparison.compared}
    shown = [label for label in sides if label in rows] or [comparison.compared[-1].label]
    pair = compute.pair(picture, settings, shown[0], shown[-1])
    known = evidence_of(task.name)
    proof = words.proof(
        known if isinstance(known, Evidence) else None,
        {rows[label].name: label for label in dict.fromkeys(shown)},
    )
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="compare-verdict"):
        seen = words.seen(pair, drawing(task).differs(pair.difference))
        st.markdown(f"{seen} {proof}", width="stretch")
        st.page_link(
            page_at("evidence").script,
            label="Evidence",
            icon=":material/arrow_forward:",
            query_params={"evidence_task": task.title},
        )


def notice(comparison: Comparison[Any], picture: Source) -> DeltaGenerator | None:
    """Draw that the task does not suit the picture or finds nothing, and return a place for an offer."""
    task = comparison.task
    sentence = _complaint(comparison)
    if not sentence and choice.offer(photos.manifest(), picture, task, finds=True) is None:
        return None
    with st.container(
        horizontal=True, vertical_alignment="center", key="compare-notice", border=True, gap="small"
    ):
        st.markdown(sentence or words.unsuited(task.title), width="stretch")
        return st.empty()


def draw_offer(comparison: Comparison[Any], picture: Source, place: DeltaGenerator | None) -> None:
    """Draw a better task in its place; other networks may have to run for it."""
    if place is None:
        return
    finds = not _complaint(comparison)
    with place, st.spinner("Trying other tasks", width="content"):
        better = choice.offer(photos.manifest(), picture, comparison.task, finds=finds)
    with place:
        if better:
            choice.draw_offer(better, key="offer_task")


def _complaint(comparison: Comparison[Any]) -> str:
    empty = choice.emptiness(comparison)
    if empty:
        return words.nothing(empty, comparison.task.title)
    return "" if choice.differ(comparison) else words.ALIKE


@st.fragment
def first_pictures(
    picture: Source, settings: CompareSettings, show: Show, sides: tuple[str, str], default: View
) -> None:
    """Draw photograph, before/after bar and close-up, and keep the visitor's view in the address."""
    comparison = compute.comparison(picture, settings)
    draw = drawing(comparison.task)
    beside = _beside(comparison, show)
    pictures, close_up = (viewer_input(picture, settings, show, part) for part in ("whole", "close-up"))
    changes = None if beside is None else viewer_input(picture, settings, beside, "whole")
    legends = [pictures.legend, *([] if changes is None else [changes.legend])]
    whole, part = st.columns(_WIDE if changes else _USUAL_WIDTHS)
    with whole:
        view = compare_viewer(
            pictures.photo,
            _two(pictures.layers, sides),
            mode="slider",
            size=pictures.size,
            view=view_in_address(default),
            legend=[entry for legend in legends for entry in legend.entries],
            key="viewer",
            pane_width=_FIRST_PANE,
            photograph=f"Photograph: {choice.title_of(picture)}",
            beside=None if changes is None else _changed(changes.layers, sides[1], beside),
            mark=_mark(comparison, pictures.size),
            compact=True,
            grey=True,
        )
        _write_view(view, default)
    with part:
        compare_viewer(
            close_up.photo,
            _two(close_up.layers, sides),
            mode="panes",
            size=close_up.size,
            view=View(opacity=max(_CLOSE_UP_OPACITY, draw.opacity)),
            legend=close_up.legend.entries,
            # A key for each place: the view of a new place starts whole again.
            key=f"detail-{comparison.window.x}-{comparison.window.y}",
            pane_width=_DETAIL_PANE,
            compact=True,
            fixed=True,
            grey=True,
        )
        st.caption(_CLOSE_UP if choice.differ(comparison) else _NO_CLOSE_UP)
    drawn = (_names(each.entries) if each.bar is None else _bar(each.bar) for each in legends)
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.5em 3em">{"".join(drawn)}</div>')


def _beside(comparison: Comparison[Any], show: Show) -> Show | None:
    """Return the layers that have a pane beside outputs that look alike."""
    if show != "answers" or not drawing(comparison.task).beside:
        return None
    return "changes" if comparison.picture.truth is None else "errors"


def _two(layers: Sequence[Layer], sides: tuple[str, str]) -> list[Layer]:
    by_title = {layer.title: layer for layer in layers}
    return [by_title[side] for side in sides]


def _changed(layers: Sequence[Layer], side: str, show: Show | None) -> Layer:
    """Return the changes or errors of the layer on the right, or of the last one."""
    layer = next((layer for layer in layers if layer.title == side), layers[-1])
    return replace(layer, title=f"{layer.title}, {'errors' if show == 'errors' else 'changes'}")


def _mark(comparison: Comparison[Any], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the close-up as a part of the picture in the browser, which may be smaller."""
    height, width = comparison.picture.image.shape[:2]
    window, factor = comparison.window, size[0] / width
    sides = min(window.size, width - window.x), min(window.size, height - window.y)
    left, top, wide, high = (round(factor * length) for length in (window.x, window.y, *sides))
    return left, top, wide, high


@st.fragment
def all_pictures(picture: Source, settings: CompareSettings, show: Show, default: View) -> None:
    """Draw the photograph and all layers side by side."""
    pictures = viewer_input(picture, settings, show, "whole")
    compare_viewer(
        pictures.photo,
        pictures.layers,
        mode="panes",
        size=pictures.size,
        view=default,
        legend=pictures.legend.entries,
        key="panes",
        photograph="Photograph",
        mark=_mark(compute.comparison(picture, settings), pictures.size),
        grey=True,
    )


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
    box = "flex:1 1 20rem;max-width:28rem;font-size:.9rem"
    return (
        f'<div role="img" aria-label="{html.escape(alt)}" style="{box}">'
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
        photograph="Photograph",
        grey=True,
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
    st.page_link(
        page_at("cost").script, label="What they cost in time and memory", icon=":material/arrow_forward:"
    )


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
