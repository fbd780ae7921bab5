"""The figure block without a browser: caption, text alternative, downloads."""

import io
import json
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.components.figure.block import figure_block

PATIENCE_S = 60  # test machines are slow and often busy
WORDS = {"caption": "Lengths in px.", "alt": "One bar of 3 px.", "name": "Bar", "key": "bar"}


def script() -> None:
    import numpy as np
    import plotly.graph_objects as go

    from app.components.figure.block import figure_block

    figure_block(
        go.Figure(go.Bar(x=[1], y=[3])),
        caption="Lengths in **px**.",
        alt="One bar of 3 px.",
        name="Länge / c3_0, group 1",
        data={"offsets": np.array([1.5, 2.5], np.float32), "names": np.array(["left", "right"])},
        key="bar",
    )
    figure_block(go.Figure(go.Bar(x=[1], y=[4])), caption="Bare.", alt="4", name="…", key="bare")


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Callable[[], bytes], str]]:
    """Record the arguments of Streamlit's download buttons: label, content, file name."""
    passed: list[tuple[str, Callable[[], bytes], str]] = []
    draw = st.download_button

    def note(label: str, data: Callable[[], bytes], file_name: str, *others: str, **options: object) -> bool:
        passed.append((label, data, file_name))
        return draw(label, data, file_name, *others, **options)

    monkeypatch.setattr(st, "download_button", note)
    return passed


def test_texts_and_settings_reach_the_browser(downloads: list[object]) -> None:
    app = AppTest.from_function(script, default_timeout=PATIENCE_S).run()
    assert not app.exception
    assert [caption.value for caption in app.caption] == ["Lengths in **px**.", "Bare."]
    chart = app.get("plotly_chart")[0].proto
    assert chart.alt == "One bar of 3 px."
    assert chart.theme == "streamlit"
    assert json.loads(chart.config)["displaylogo"] is False
    saving, bare = (json.loads(component.proto.json) for component in app.get("bidi_component"))
    assert saving == {
        "block": "st-key-bar-figure",
        "name": "Länge / c3_0, group 1",
        "file": "länge-c3_0-group-1",
        "alt": "One bar of 3 px.",
        "domains": {},
    }
    assert bare["file"] == "figure"
    assert len(app.get("download_button")) == len(downloads) == 1


def test_the_download_holds_the_arrays(downloads: list[tuple[str, Callable[[], bytes], str]]) -> None:
    AppTest.from_function(script, default_timeout=PATIENCE_S).run()
    ((label, make, file_name),) = downloads
    assert (label, file_name) == ("Data (NPZ)", "länge-c3_0-group-1.npz")
    with np.load(io.BytesIO(make())) as arrays:
        assert sorted(arrays) == ["names", "offsets"]
        assert arrays["offsets"].dtype == np.float32
        assert arrays["offsets"].tolist() == [1.5, 2.5]
        assert arrays["names"].tolist() == ["left", "right"]


@pytest.mark.parametrize("argument", ["caption", "alt", "name"])
def test_texts_must_not_be_empty(argument: str) -> None:
    with pytest.raises(ValueError, match=f"{argument} must not be empty"):
        figure_block(go.Figure(), **(WORDS | {argument: " "}))


@pytest.mark.parametrize("trace", [go.Scattergl(), go.Surface(), go.Splom()])
def test_traces_that_cannot_be_saved_are_refused(trace: object) -> None:
    with pytest.raises(ValueError, match=f"draws as SVG, got '{trace.type}'"):
        figure_block(go.Figure([go.Bar(), trace]), **WORDS)
