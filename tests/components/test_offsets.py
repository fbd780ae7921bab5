"""The offset canvas without a browser: data sent, choices returned, arguments checked."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.components.arrows import ColourScale, OffsetArrows
from app.components.offsets.canvas import offset_canvas
from tests.browser.pages.offset_canvas_page import field, scale

PATIENCE_S = 60  # test machines are slow and often busy
SIZE = (6, 4)


def canvas_script() -> None:
    import streamlit as st

    from app.components.offsets.canvas import offset_canvas
    from tests.browser.pages.offset_canvas_page import field, scale

    size = (3, 2) if st.checkbox("Smaller map") else (6, 4)
    cell = (1, 2) if st.button("Choose") else st.session_state.get("cell")
    cell = None if cell and cell[0] >= size[0] else cell
    st.session_state["cell"] = offset_canvas(
        b"PNG", field(size), size=size, scale=scale(single=False), label="Offsets", key="canvas", cell=cell
    )
    st.text(str(st.session_state["cell"]))


def run_canvas() -> AppTest:
    app = AppTest.from_function(canvas_script, default_timeout=PATIENCE_S).run()
    assert not app.exception
    return app


def sent(app: AppTest) -> dict[str, Any]:
    return json.loads(app.get("bidi_component")[0].proto.json)


def report(app: AppTest, cell: object, answers: object = 0) -> None:
    app.session_state["canvas"] = {"report": {"value": cell, "answers": answers}}
    app.run()
    assert not app.exception


def test_arrays_are_sent_as_bytes_in_rows() -> None:
    data, arrows = sent(run_canvas()), field(SIZE)
    for name, array in (("start", arrows.start), ("end", arrows.end), ("values", arrows.values)):
        received = np.frombuffer(base64.b64decode(data[name]), array.dtype.newbyteorder("<"))
        np.testing.assert_array_equal(received.reshape(array.shape), array)
    assert len(base64.b64decode(data["colours"])) == 3 * 256
    assert (data["size"], data["pointsPerCell"], data["value"]) == ([6, 4], 2, None)
    assert data["background"] == "data:image/png;base64,UE5H"


def test_a_choice_is_returned_and_no_arrow_is_sent_again() -> None:
    app = run_canvas()
    before = sent(app)
    report(app, [5, 3])
    assert app.text[0].value == "(5, 3)"
    assert sent(app) == before
    assert app.run().text[0].value == "(5, 3)"


def test_the_page_may_choose_and_the_user_after_it() -> None:
    app = run_canvas()
    report(app, [5, 3])
    app.button[0].click().run()
    assert app.text[0].value == "(1, 2)"
    assert (sent(app)["value"], sent(app)["revision"]) == ([1, 2], 1)
    report(app, [0, 0], answers=1)
    assert app.text[0].value == "(0, 0)"
    assert sent(app)["revision"] == 1


def test_a_choice_on_a_larger_map_is_forgotten() -> None:
    app = run_canvas()
    report(app, [5, 3])
    app.checkbox[0].check().run()
    assert not app.exception
    assert app.text[0].value == "None"
    assert sent(app)["value"] is None
    report(app, [2, 1], answers=sent(app)["revision"])
    assert app.text[0].value == "(2, 1)"


@pytest.mark.parametrize("cell", [[6, 0], [0, 4], [-1, 0], [1], ["1", "2"], [0.5, 1], "1,2", None])
def test_invalid_reports_are_ignored(cell: object) -> None:
    app = run_canvas()
    report(app, cell)
    assert app.text[0].value == "None"


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"size": (5, 4)}, "12×8 points are not a whole multiple of a map of 5×4"),
        ({"size": (6, 2)}, "not a whole multiple"),
        ({"size": (24, 16)}, "not a whole multiple"),
        ({"cell": (6, 0)}, "column below 6 and a row below 4"),
        ({"cell": (0, -1)}, "a row below 4"),
        ({"step": 0}, "step must be at least 1, got 0"),
        ({"exaggeration": 0.0}, "exaggeration must be positive"),
        ({"exaggeration": float("inf")}, "exaggeration must be positive and finite"),
        ({"across": 0}, "across must be at least 1"),
    ],
)
def test_canvas_checks_its_arguments(options: dict[str, Any], rule: str) -> None:
    arguments = {"size": SIZE, "scale": scale(single=True), "label": "Offsets", "key": "canvas", **options}
    with pytest.raises(ValueError, match=rule):
        offset_canvas(b"PNG", field(SIZE), **arguments)


@pytest.mark.parametrize(
    ("start", "end", "values", "rule"),
    [
        ((8, 12, 2), (8, 12, 2), (8, 11), r"start must have shape \(8, 11, 2\), got \(8, 12, 2\)"),
        ((8, 12, 2), (8, 12), (8, 12), "end must have shape"),
    ],
)
def test_arrows_need_one_shape(
    start: tuple[int, ...], end: tuple[int, ...], values: tuple[int, ...], rule: str
) -> None:
    with pytest.raises(ValueError, match=rule):
        OffsetArrows(np.zeros(start, np.float32), np.zeros(end, np.float32), np.zeros(values, np.uint8))


def test_arrows_and_colours_need_their_types() -> None:
    positions, values = np.zeros((2, 2, 2), np.float32), np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match="start must be float32, got float64"):
        OffsetArrows(positions.astype(np.float64), positions, values)
    with pytest.raises(ValueError, match="end must be finite"):
        OffsetArrows(positions, positions / np.float32(np.nan), values)
    with pytest.raises(ValueError, match="values must be uint8, got int64"):
        OffsetArrows(positions, positions, values.astype(np.int64))
    with pytest.raises(ValueError, match=r"uint8 of shape \(256, 3\), got uint8 \(255, 3\)"):
        ColourScale("", "", "", np.zeros((255, 3), np.uint8))
