"""What the Compare page shows beside the pictures: legend, table, downloads."""

import html
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.records import LegendEntry

_FORMATS = {
    "Head (ms)": ("%.1f", "Six ×2 upsamplers, fusion and prediction on this machine; the encoder is extra."),
    "Upsampler parameters": ("localized", "Learned numbers in the six upsamplers together."),
    "Pixels changed (%)": ("%.2f", "Pixels with another class than with bilinear."),
    "Changed at boundaries (%)": ("%.2f", "The same, within 2 % of the diagonal around class boundaries."),
    "mIoU here (%)": ("%.2f", "Mean intersection over union on this one picture."),
    "Boundary IoU here (%)": ("%.2f", "Boundary IoU (Cheng et al. 2021) on this one picture."),
    "mIoU on test (%)": ("%.2f", "On the task's test pictures; one training run, so small gaps mean little."),
    "Boundary IoU on test (%)": ("%.2f", "On the task's test pictures; one training run."),
}


def legend(entries: Sequence[LegendEntry]) -> None:
    """Draw the names of the colours."""
    items = "".join(
        f'<li style="display:flex;align-items:center;gap:.4em">'
        f'<span aria-hidden="true" style="width:1em;height:1em;border-radius:3px;'
        f'border:1px solid currentColor;background:{html.escape(entry.colour)}"></span>'
        f"{html.escape(entry.name)}</li>"
        for entry in entries
    )
    st.html(
        '<ul aria-label="Legend" style="display:flex;flex-wrap:wrap;gap:.3em 1.1em;list-style:none;'
        f'padding:0;margin:0;font-size:.9rem">{items}</ul>'
    )


def numbers(columns: Mapping[str, Sequence[str] | Sequence[float | None]]) -> None:
    """Draw the table of numbers; a dash where there is none."""
    settings = {
        name: st.column_config.NumberColumn(help=_FORMATS[name][1], format=_FORMATS[name][0])
        for name in columns
        if name in _FORMATS
    }
    st.dataframe(dict(columns), hide_index=True, column_config=settings, placeholder="–", key="numbers")


def downloads(name: str, *, sheet: Callable[[], bytes], labels: Callable[[], bytes], record: str) -> None:
    """Draw the downloads; pictures are made only when they are asked for."""
    with st.container(horizontal=True):
        st.download_button(
            "Picture (PNG, 300 dpi)", sheet, f"{name}.png", "image/png", key="get_sheet", on_click="ignore"
        )
        st.download_button(
            "Label maps (ZIP of PNG)",
            labels,
            f"{name}-labels.zip",
            "application/zip",
            key="get_labels",
            on_click="ignore",
        )
        st.download_button(
            "Numbers (JSON)", record, f"{name}.json", "application/json", key="get_json", on_click="ignore"
        )
