"""The page "Offsets" without a browser: its numbers, the chosen cell, and upsamplers without points."""

import pytest
import torch
from streamlit.testing.v1 import AppTest

from tests.views.network import STEP, host_and_step
from tests.views.opened import open_page

pytestmark = pytest.mark.slow


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    return open_page("offsets")


def offsets_of_chelsea(upsampler: str) -> torch.Tensor:
    """Return the network's offsets (1, g, 2, H, W) on the page's first picture, without the app."""
    host, step = host_and_step(upsampler)
    with torch.no_grad():
        return host.operator(STEP).plan(step.input).offset


def test_a_cell_in_the_address_is_shown_in_numbers(app: AppTest) -> None:
    app.query_params["cell"] = "8,12"
    app.run()
    assert not app.exception
    table = app.dataframe[0].value
    expected = offsets_of_chelsea("dysample+")[0, :, :, 16:18, 24:26]
    assert list(table["Group"]) == [str(group) for group in range(1, 5) for _ in range(4)]
    for axis, name in enumerate("xy"):
        assert list(table[name]) == pytest.approx(expected[:, axis].flatten().tolist(), abs=1e-4)


def test_steps_upsamplers_and_a_cell_that_is_not_there(app: AppTest) -> None:
    app.query_params["cell"] = "800,12"
    app.run()
    assert not app.exception
    assert any("Click a cell" in note.value for note in app.info)
    app.selectbox(key="op").select("dysample-s").run()
    assert not app.exception
    steps = app.dataframe[0].value
    assert len(steps) == 6 * (1 + 8)
    shown = steps[(steps["Step"].str.startswith(STEP)) & (steps["Group"] == "all")]
    offset = offsets_of_chelsea("dysample-s")
    assert float(shown["Mean length"].iloc[0]) == pytest.approx(float(offset.norm(dim=2).mean()), abs=1e-4)


def test_without_points_the_page_offers_some(app: AppTest) -> None:
    app.run()
    app.selectbox(key="op").select("bilinear").run()
    assert any("Bilinear has no sampling points" in note.value for note in app.info)
    app.button(key="offer-dysample+").click().run()
    assert not app.exception
    assert app.selectbox(key="op").value == "dysample+"
    assert len(app.dataframe) == 1


def test_backgrounds(app: AppTest) -> None:
    app.run()
    for kind in ("components", "photo", "channel"):
        app.selectbox(key="below").select(kind).run()
        assert not app.exception
    app.number_input(key="channel").set_value(63).run()
    assert not app.exception
