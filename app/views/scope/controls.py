"""Controls and metrics of the page "Scope and overlap"."""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import streamlit as st

from app.memory import keep, restore
from app.shared.controls import dropdown, segments, whole_number
from dysample.explain.features import Edge
from dysample.explain.overlap import Overlap
from dysample.explain.scope import AXES, Axis
from dysample.geometry import InitialGrid

MapOrigin = Edge | Literal["features"]
_GRIDS: Mapping[InitialGrid, str] = {"bilinear": "Bilinear", "nearest": "Nearest"}
_ORIGINS: Mapping[MapOrigin, str] = {
    "vertical": "Vertical edge",
    "horizontal": "Horizontal edge",
    "diagonal": "Diagonal edge",
    "features": "Features of a picture",
}
_USUAL_SCOPE, _USUAL_STRENGTH, _MOST_STRENGTH = 0.25, 2.0, 4.0


def section_choice(titles: Sequence[str]) -> str:
    """Choose a section of the page."""
    return segments("Section", {title: title for title in titles}, key="section", hidden=True)


def scale_choice() -> int:
    """Choose the enlargement."""
    return segments("Scale s", {scale: f"×{scale}" for scale in (2, 3, 4)}, key="reach_scale")


def grid_choice() -> InitialGrid:
    """Choose the initial grid."""
    return segments("Initial grid", _GRIDS, key="reach_grid")


def scope_choice(marginal: float) -> float:
    """Choose a scope; the label names `marginal`, the largest one without overlap."""
    margin = (
        "overlap at every scope above 0" if marginal == 0 else f"no overlap up to 1/(2s) = {marginal:.4g}"
    )
    return _slider(f"Scope: {margin}", 1.0, _USUAL_SCOPE, 0.01, key="reach_scope")


def _slider(label: str, most: float, usual: float, step: float, *, key: str) -> float:
    steps = round(most / step)
    restore(key, [round(index * step, 4) for index in range(steps + 1)])
    chosen = st.slider(label, 0.0, most, usual, step, key=key, bind="query-params")
    return keep(key, round(chosen, 4))


def overlap_numbers(now: Overlap) -> None:
    """Draw the overlap of the reaches as metrics."""
    numbers = {
        "Plane overlapped": (
            now.overlapped,
            "Share of the plane that more than one point can reach.",
        ),
        "Reach shared": (now.shared, "Share of one reach that other points can reach too."),
    }
    with st.container(horizontal=True, gap="large"):
        for name, (share, meaning) in numbers.items():
            st.metric(name, "–" if share is None else f"{100 * share:.1f} %", help=meaning, width="content")
        meaning = "Largest scope without overlap, in low-res pixels (Sec. 3.2)."
        st.metric("Margin", f"{now.marginal:.4g}", width="content", help=meaning)


def axis_choice() -> Axis | None:
    """Choose a direction; None is the mean of both."""
    names = {"both": "x and y", **{axis: f"{axis} only" for axis in AXES}}
    chosen = segments("Direction", names, key="scope_axis")
    return None if chosen == "both" else cast(Axis, chosen)


def group_choice(groups: int) -> int | None:
    """Choose a group of channels; None is the mean of all."""
    names = {-1: "Mean of all", **{group: f"Group {group + 1}" for group in range(groups)}}
    group = dropdown("Group", names, width=160, key="scope_group")
    return None if group == -1 else group


def origin_choice() -> MapOrigin:
    """Choose the map to enlarge."""
    return segments("Map", _ORIGINS, key="disorder_map")


def channel_choice(channels: int) -> int | None:
    """Choose a channel of the features; None is the length of the feature vectors."""
    names = {-1: "Length of the vectors", **{index: f"Channel {index}" for index in range(channels)}}
    channel = dropdown("Feature", names, width=210, key="disorder_channel")
    return None if channel == -1 else channel


def draw_choice() -> int:
    """Choose the random seed."""
    return whole_number("Random draw", 0, 999, 0, key="disorder_draw", width=130, words="The random seed.")


def marks_choice() -> bool:
    """Choose whether to mark swapped pairs."""
    return st.toggle("Mark swapped pairs", value=True, key="disorder_marks", bind="query-params")


def strength_choice() -> float:
    """Choose the factor of the raw offsets."""
    return _slider(
        "Strength of the raw offsets", _MOST_STRENGTH, _USUAL_STRENGTH, 0.1, key="disorder_strength"
    )
