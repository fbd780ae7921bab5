"""What the Compare page shows beside the pictures: legend, table, downloads."""

import html
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.records import ColourBar, Legend, LegendEntry
from dysample.models.manifest import Kind

# 254 gaps lie between the shades of a scale; every second is enough to draw all of it.
_STOPS_APART = 2
_MAPS: dict[Kind, tuple[str, str]] = {
    "segmentation": ("Label maps (ZIP of PNG)", "labels"),
    "depth": ("Depth maps (ZIP of 16-bit PNG and NPY)", "depths"),
}
_FORMATS = {
    "Head (ms)": ("%.1f", "All but the encoder: ×2 upsamplers, fusion and prediction, on this machine."),
    "Upsampler parameters": ("localized", "Learned numbers in the head's ×2 upsamplers together."),
    "Pixels changed (%)": ("%.2f", "Pixels with another class than with bilinear."),
    "Changed at boundaries (%)": ("%.2f", "The same, within 2 % of the diagonal around class boundaries."),
    "mIoU here (%)": ("%.2f", "Mean intersection over union on this one picture."),
    "Boundary IoU here (%)": ("%.2f", "Boundary IoU (Cheng et al. 2021) on this one picture."),
    "mIoU on test (%)": ("%.2f", "On the task's test pictures; one training run, so small gaps mean little."),
    "Boundary IoU on test (%)": ("%.2f", "On the task's test pictures; one training run."),
    "Mean change (cm)": ("%.2f", "Mean distance of the depths from bilinear's."),
    "Largest change (cm)": ("%.1f", "The same for the one pixel that is farthest off."),
    "δ1 here (%)": ("%.2f", "Pixels of this picture less than a factor of 1.25 from the true depth."),
    "AbsRel here (%)": ("%.2f", "Mean error as a share of the true depth, on this one picture."),
    "RMS here (m)": ("%.3f", "Root mean square error on this one picture."),
    "δ1 on test (%)": ("%.2f", "On the task's test pictures, within the Eigen crop; one training run."),
    "AbsRel on test (%)": ("%.2f", "On the task's test pictures, within the Eigen crop; one training run."),
    "RMS on test (m)": ("%.3f", "On the task's test pictures, within the Eigen crop; one training run."),
}


def legend(shown: Legend) -> None:
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


def numbers(columns: Mapping[str, Sequence[str] | Sequence[float | None]]) -> None:
    """Draw the table of numbers; a dash where there is none."""
    settings = {
        name: st.column_config.NumberColumn(help=_FORMATS[name][1], format=_FORMATS[name][0])
        for name in columns
        if name in _FORMATS
    }
    st.dataframe(dict(columns), hide_index=True, column_config=settings, placeholder="–", key="numbers")


def downloads(
    name: str, *, sheet: Callable[[], bytes], kind: Kind, maps: Callable[[], bytes], record: str
) -> None:
    """Draw the downloads; pictures are made only when they are asked for."""
    words, ending = _MAPS[kind]
    with st.container(horizontal=True):
        st.download_button(
            "Picture (PNG, 300 dpi)", sheet, f"{name}.png", "image/png", key="get_sheet", on_click="ignore"
        )
        st.download_button(
            words,
            maps,
            f"{name}-{ending}.zip",
            "application/zip",
            key="get_maps",
            on_click="ignore",
        )
        st.download_button(
            "Numbers (JSON)", record, f"{name}.json", "application/json", key="get_json", on_click="ignore"
        )
