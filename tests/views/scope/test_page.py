"""The page "Scope and overlap" without a browser: its numbers, computed again in another way."""

import csv
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from streamlit.testing.v1 import AppTest

from app.pages import page_at
from tests import ROOT
from tests.views.network import STEP, host_and_step

pytestmark = pytest.mark.slow

PAGE = str(page_at("scope").file)
PATIENCE_S = 120


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    return AppTest.from_file(PAGE, default_timeout=PATIENCE_S)


def choose(app: AppTest, key: str, value: object) -> None:
    control = next(element for element in app.get("button_group") if element.key == key)
    control.set_value(value).run()
    assert not app.exception


def captions(app: AppTest) -> str:
    return "\n".join(element.value for element in app.caption)


def figures(app: AppTest) -> list[dict[str, object]]:
    return [json.loads(element.proto.spec) for element in app.get("plotly_chart")]


def counted_overlap(scale: int, scope: float, grid: str) -> tuple[float, float]:
    """Return the overlapped shares of plane and reach, in percent, counted on a fine lattice in a cell."""
    fine = (np.arange(600) + 0.5) / 600
    inside = (np.arange(scale) + 0.5) / scale if grid == "bilinear" else np.full(scale, 0.5)
    starts = np.concatenate([inside + cell for cell in range(-3, 4)])
    axis = (np.abs(fine[:, None] - starts) < scope).sum(1)
    counts = np.outer(axis, axis)
    return 100 * (counts > 1).mean(), 100 * counts[counts > 1].sum() / counts.sum()


def test_initial_grids_say_where_points_start(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert "0.25, 0.75" in captions(app)
    choose(app, "reach_scale", 3)
    assert "all 9 points" in captions(app)
    assert "0.1667, 0.5, 0.8333" in captions(app)
    assert len(figures(app)) == 2
    choose(app, "section", "Reach and overlap")
    assert "s = 3" in captions(app)  # a choice in one section holds in the others


@pytest.mark.parametrize(
    ("scale", "grid", "scope"), [(2, "bilinear", 0.35), (3, "bilinear", 0.2), (2, "nearest", 0.6)]
)
def test_the_overlap_is_what_counting_gives(app: AppTest, scale: int, grid: str, scope: float) -> None:
    app.query_params["section"] = "Reach and overlap"
    app.run()
    choose(app, "reach_scale", scale)
    choose(app, "reach_grid", grid)
    app.slider(key="reach_scope").set_value(scope).run()
    assert not app.exception
    shown = [float(element.value.removesuffix(" %")) for element in app.metric]
    assert shown[:2] == pytest.approx(counted_overlap(scale, scope, grid), abs=0.7)
    assert shown[2] == pytest.approx(1 / (2 * scale) if grid == "bilinear" else 0, abs=1e-4)


def test_table_2_is_the_papers(app: AppTest) -> None:
    app.query_params["section"] = "Reach and overlap"
    app.run()
    table = app.table[0].value
    with (ROOT / "dysample" / "scores" / "paper_tables" / "table2.csv").open() as lines:
        rows = list(csv.reader(line for line in lines if not line.startswith("#")))[1:]
    assert table.iloc[:, :3].to_numpy().tolist() == rows
    assert list(table.iloc[:, 3]) == ["0.0 %", "0.0 %", "100.0 %", "100.0 %"]


def scopes_of_chelsea() -> torch.Tensor:
    """Return the dynamic scopes (g, 2, H, W) of the page's first picture by Eq. 5, without the app."""
    host, step = host_and_step("dysample+")
    with torch.no_grad():
        channels = F.conv2d(step.input, host.operator(STEP).scope.weight).sigmoid() / 2
        rows, columns = (2 * side for side in step.input.shape[2:])
        return F.pixel_shuffle(channels, 2).reshape(2, 4, rows, columns).transpose(0, 1)


def test_the_dynamic_scope_is_equation_5(app: AppTest) -> None:
    expected = scopes_of_chelsea().numpy()
    app.query_params["section"] = "Dynamic scope"
    app.run()
    assert not app.exception
    assert f"mean {expected.mean():.3f}" in captions(app)
    choose(app, "scope_axis", "y")
    app.selectbox(key="scope_group").select(2).run()
    assert not app.exception
    one = expected[2, 1]
    assert f"group 3, y: {one.min():.3f} to {one.max():.3f}, mean {one.mean():.3f}" in captions(app)
    assert len(figures(app)) == 3


def test_an_upsampler_without_a_scope_offers_one_with_it(app: AppTest) -> None:
    app.query_params["section"] = "Dynamic scope"
    app.query_params["op"] = "Bilinear"
    app.run()
    assert not app.exception
    assert "Bilinear predicts no scope" in app.info[0].value
    assert not figures(app)
    app.button(key="offer-dysample+").click().run()
    assert not app.exception
    assert app.selectbox(key="op").value == "dysample+"
    assert len(figures(app)) == 3


def moved_edge(scope: float, strength: float, seed: int) -> tuple[int, float]:
    """Return the swapped pairs and the mean error at a vertical edge of 16×16, for a static scope."""
    generator = torch.Generator().manual_seed(seed)
    raw = torch.rand((1, 1, 2, 32, 32), generator=generator)[0, 0] * 2 - 1
    start = (torch.arange(32) + 0.5) / 2
    x, y = start + scope * strength * raw[0], start[:, None] + scope * strength * raw[1]
    swaps = sum(bool(x[i, j + 1] < x[i, j]) for i in range(32) for j in range(31))
    swaps += sum(bool(y[i + 1, j] < y[i, j]) for i in range(31) for j in range(32))
    # Between the columns' centres at 7.5 and 8.5 the edge is a ramp; the same in every row.
    error = ((x.clamp(7.5, 8.5) - 7.5) - (start.clamp(7.5, 8.5) - 7.5)).abs()
    return swaps, float(error[:, 14:18].mean())


def test_the_disorder_of_an_edge_is_counted_again(app: AppTest) -> None:
    app.query_params["section"] = "Boundary disorder"
    app.run()
    assert not app.exception
    for scope, strength, seed in ((0.25, 2.0, 0), (0.4, 1.5, 3)):
        app.slider(key="reach_scope").set_value(scope).run()
        app.slider(key="disorder_strength").set_value(strength).run()
        app.number_input(key="disorder_draw").set_value(seed).run()
        swaps, error = moved_edge(scope, strength, seed)
        static = list(app.table[0].value["Static"])
        assert static[0].startswith(f"{swaps} (")
        assert float(static[3]) == pytest.approx(error, abs=1e-4)
    app.slider(key="reach_scope").set_value(0.25).run()
    limited = list(app.table[0].value["Limited by tanh"])
    assert limited[0] == "0 (0.0 %)"  # at 1/(2s), limited points cannot meet
    assert limited[2] == "0.0 %"


def test_features_of_a_picture_are_disturbed_as_well(app: AppTest) -> None:
    app.query_params["section"] = "Boundary disorder"
    app.query_params["side"] = "480 px"
    app.run()
    choose(app, "disorder_map", "features")
    assert len(figures(app)) == 4
    before = app.table[0].value["Static"]
    app.selectbox(key="disorder_channel").select(5).run()
    app.toggle(key="disorder_marks").set_value(False).run()
    assert not app.exception
    after = app.table[0].value["Static"]
    assert after.iloc[0] == before.iloc[0]  # the same points
    assert after.iloc[3] != before.iloc[3]  # another map


@pytest.mark.parametrize("name", ["section", "reach_scale", "reach_scope", "reach_grid"])
def test_nonsense_in_the_address_falls_back(app: AppTest, name: str) -> None:
    app.query_params[name] = "zzz"
    app.run()
    assert not app.exception
    assert len(figures(app)) == 2
