"""Controls of the Cost page."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar, get_args

import streamlit as st

from app.memory import keep, restore
from app.shared.controls import segments, whole_number
from dysample.measure.case import DTypeName, Layout

Also = Literal["training", "memory", "sizes"]
T = TypeVar("T")
OWN = "My own size"
_LAYOUTS: Mapping[Layout, str] = {"nchw": "NCHW", "channels_last": "Channels last"}
_ALSO: Mapping[Also, str] = {"training": "Backward", "memory": "Memory", "sizes": "Smaller maps"}
_USUAL_UPSAMPLERS = ("nearest", "bilinear", "carafe", "sapa", "dysample", "dysample+")
_LAYOUT_HELP = (
    "How a map lies in memory: channel after channel (NCHW, PyTorch’s usual), or all channels of a pixel "
    "side by side. All is compared with bilinear interpolation in NCHW."
)
_TYPES: Sequence[DTypeName] = get_args(DTypeName)
_TYPES_HELP = (
    "Types of maps and weights, each beside bilinear interpolation in the same type. The paper’s Figure 8 is "
    "one map of 256×120×120 in float32, enlarged by 2, on an RTX 3090."
)
_ALSO_HELP = (
    "Backward: forward and backward together. Memory: at the peak of a call, in a process of its own for "
    "each operator. Smaller maps: the same with sides of a half, a quarter and an eighth."
)


def map_choice(presets: Sequence[str]) -> str:
    """Choose a size by its name, or `OWN`."""
    options = [*presets, OWN]
    restore("cost_map", options)
    chosen = st.selectbox("Map", options, key="cost_map", bind="query-params", width=380)
    return keep("cost_map", chosen)


def size_choice(*, most_channels: int, most_side: int) -> tuple[int, int, int]:
    """Choose channels, rows and columns."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        return (
            _number("Channels", "cost_channels", most_channels, 64),
            _number("Rows", "cost_rows", most_side, 32),
            _number("Columns", "cost_columns", most_side, 32),
        )


def upsampler_choice(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Choose any number of upsamplers; `labels` holds display names in the table's order."""
    names = list(labels)
    usual = [name for name in names if name in _USUAL_UPSAMPLERS]
    _restore_several("cost_up", names)
    chosen = st.pills(
        "Upsamplers",
        names,
        selection_mode="multi",
        default=usual,
        format_func=lambda name: labels[name],
        key="cost_up",
        bind="query-params",
    )
    keep("cost_up", list(chosen))
    return tuple(name for name in names if name in chosen)


def layout_choice() -> Layout:
    """Choose the layout of maps in memory."""
    return segments("Layout", _LAYOUTS, key="cost_layout", wrap=True, words=_LAYOUT_HELP)


def device_choice(names: Mapping[str, str]) -> str:
    """Choose the device to measure, by its name; the only one if there are no others."""
    if len(names) == 1:
        return next(iter(names))
    return segments("On", names, key="cost_device", wrap=True)


def type_choice() -> tuple[DTypeName, ...]:
    """Choose any number of types of numbers; at first those of the paper's Figure 8, and half of them."""
    _restore_several("cost_types", _TYPES)
    chosen = st.pills(
        "Numbers",
        _TYPES,
        selection_mode="multi",
        default=["float32", "float16"],
        key="cost_types",
        bind="query-params",
        help=_TYPES_HELP,
    )
    keep("cost_types", list(chosen))
    return tuple(name for name in _TYPES if name in chosen)


def also_choice() -> frozenset[Also]:
    """Choose what is measured besides the time of forward calls."""
    _restore_several("cost_also", list(_ALSO))
    chosen = st.pills(
        "Measure as well",
        list(_ALSO),
        selection_mode="multi",
        format_func=lambda name: _ALSO[name],
        key="cost_also",
        bind="query-params",
        help=_ALSO_HELP,
    )
    return frozenset(keep("cost_also", list(chosen)))


def measure_button(start: Callable[[], None], *, disabled: bool) -> None:
    """Draw the button that starts a measurement."""
    st.button(
        "Measure",
        icon=":material/timer:",
        type="primary",
        key="cost_measure",
        on_click=start,
        disabled=disabled,
        width=160,
    )


def cancel_button(cancel: Callable[[], None]) -> None:
    """Draw the button that cancels a measurement."""
    st.button("Cancel", icon=":material/stop:", key="cost_cancel", on_click=cancel, width=160)


def result_choice(titles: Sequence[str]) -> int:
    """Choose the result to show; by default the first."""
    if len(titles) == 1:
        return 0
    return segments("Show", dict(enumerate(titles)), key="cost_show", wrap=True)


def way_choice(names: Sequence[str]) -> int:
    """Choose how operators were run, where that differs."""
    if len(names) == 1:
        return 0
    return segments("Run with", dict(enumerate(names)), key="cost_way", wrap=True)


def pass_choice(names: Mapping[T, str]) -> T:
    """Choose what is timed."""
    return segments("Time of", names, key="cost_pass", wrap=True)


def report_download(text: str, name: str) -> None:
    """Draw a button that downloads a report."""
    st.download_button(
        "All figures (JSON)",
        text,
        f"{name}.json",
        "application/json",
        key="cost_json",
        on_click="ignore",
        type="tertiary",
    )


def commands(lines: Sequence[str]) -> None:
    """Draw command lines to copy."""
    st.code("\n".join(lines), language="bash", wrap_lines=True)


def _number(label: str, key: str, most: int, usual: int) -> int:
    restore(key, range(1, most + 1))
    return keep(key, whole_number(label, 1, most, usual, key=key, width=130))


def _restore_several(key: str, options: Sequence[str]) -> None:
    """Restore a choice of any number of options."""
    value = st.session_state.get(f"kept.{key}")
    if key not in st.session_state and key not in st.query_params and value is not None:
        st.session_state[key] = [option for option in value if option in options]
