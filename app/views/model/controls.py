"""Controls of the page about one's own model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import streamlit as st

from app.memory import keep, restore
from app.shared.controls import segments, whole_number

ModelOrigin = Literal["smp", "factory", "file"]
AS_ABOVE = "as above"
LEAVE = ""
_ORIGINS: Mapping[ModelOrigin, str] = {
    "smp": "A known network",
    "factory": "Your own factory",
    "file": "A file, to look into",
}
_LEAST, _MOST, _STEP = 32, 768, 32


def origin_choice() -> ModelOrigin:
    """Choose where the model comes from."""
    return segments("Model", _ORIGINS, key="model_from", hidden=True)


def family_choice(labels: Mapping[str, str]) -> str:
    """Choose a decoder; `labels` holds display names."""
    return _select("Network", labels, key="model_family", usual="Unet", width=170)


def encoder_choice(names: Sequence[str]) -> str:
    """Choose one of the encoders that the decoder takes."""
    return _select("Encoder", {name: name for name in names}, key="model_encoder", usual=names[0], width=210)


def operator_choice(labels: Mapping[str, str]) -> str:
    """Choose the upsampler for all sites that are swapped by default."""
    return _select("Replace with", labels, key="model_to", usual="dysample+", width=170)


def _select(label: str, names: Mapping[str, str], *, key: str, usual: str, width: int) -> str:
    options = list(names)
    restore(key, options)
    if st.session_state.get(key, usual) not in options:
        del st.session_state[key]
    chosen = st.selectbox(
        label,
        options,
        index=options.index(usual) if usual in options else 0,
        format_func=lambda name: names[name],
        key=key,
        bind="query-params",
        width=width,
    )
    return keep(key, chosen)


def size_choice(usual: int) -> tuple[int, int]:
    """Choose rows and columns of the picture.

    Args:
        usual: Default of both in pixels.
    """
    sides = list[int]()
    for label, name in (("Rows (px)", "rows"), ("Columns (px)", "columns")):
        key = f"model_{name}_{usual}"
        restore(key, range(_LEAST, _MOST + 1))
        side = whole_number(label, _LEAST, _MOST, usual, key=key, width=130, step=_STEP)
        sides.append(keep(key, side))
    return sides[0], sides[1]


def factory_choice() -> str:
    """Draw a field for the name of a factory; empty by default."""
    key = "model_factory"
    if key not in st.session_state and key not in st.query_params:
        st.session_state[key] = st.session_state.get(f"kept.{key}", "")
    chosen = st.text_input(
        "Factory", key=key, bind="query-params", placeholder="package.module:function", width=340
    )
    return keep(key, chosen.strip())


def model_file() -> bytes | None:
    """Choose a file of a model; None as long as there is none."""
    chosen = st.file_uploader(
        "Exported program (.pt2) or ONNX file", type=["pt2", "onnx"], key="model_file", width=520
    )
    return None if chosen is None else chosen.getvalue()


def site_choice(label: str, options: Mapping[str, str], *, model: str, usual: str) -> str:
    """Choose an operator, `AS_ABOVE`, or `LEAVE` for a site.

    Args:
        label: Label of the site, for screen readers.
        options: Display names by option.
        model: Name of the model; each model keeps choices of its own.
        usual: The default.
    """
    key = f"model_site:{model}:{label}"
    restore(key, options)
    names = list(options)
    chosen = st.selectbox(
        f"Upsampler at {label}",
        names,
        index=names.index(usual),
        format_func=lambda name: options[name],
        key=key,
        label_visibility="collapsed",
    )
    return keep(key, chosen)


def glance(figures: Sequence[tuple[str, str, str, str]]) -> None:
    """Draw the headline numbers: label, value, note below, help text."""
    with st.container(horizontal=True, gap="small", key="model-glance"):
        for label, value, below, words in figures:
            st.metric(
                label, value, below, delta_color="off", delta_arrow="off", help=words, border=True, width=168
            )


def take_operator(name: str, label: str) -> None:
    """Draw a button that chooses an upsampler for the rest of the page."""
    st.button(f"Look at {label} below", key="model_take", on_click=_take, args=(name,), type="tertiary")


def _take(name: str) -> None:
    st.session_state["model_to"] = keep("model_to", name)


def decision_download(text: Callable[[], str]) -> None:
    """Draw a button that downloads the comparison of all upsamplers."""
    st.download_button(
        "Table (CSV)",
        text,
        "upsamplers.csv",
        "text/csv",
        key="model_csv",
        on_click="ignore",
        type="tertiary",
    )


def lines(texts: Sequence[str]) -> None:
    """Draw a list of sentences."""
    st.markdown("\n".join(f"- {text}" for text in texts))


def code(python: str, command: str) -> None:
    """Draw code to copy that makes the same swap."""
    python_tab, command_tab = st.tabs(["Python", "Command line"])
    with python_tab:
        st.code(python, language="python", wrap_lines=True)
    with command_tab:
        st.code(command, language="bash", wrap_lines=True)
