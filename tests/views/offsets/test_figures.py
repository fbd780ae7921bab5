"""Figures of the page "Offsets": they show what was recorded."""

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from app.components import arrows
from app.views.offsets import figures
from dysample.explain.offsets import OffsetField, offset_field
from dysample.explain.statistics import offset_statistics, offset_table
from dysample.geometry import initial_positions
from dysample.types import SamplingRecord

HEIGHT, WIDTH, SCALE, GROUPS = 5, 7, 2, 4


def record(scope: float | torch.Tensor = 0.25) -> SamplingRecord:
    generator = torch.Generator().manual_seed(0)
    offset = 0.3 * torch.randn(1, GROUPS, 2, HEIGHT * SCALE, WIDTH * SCALE, generator=generator)
    start = initial_positions(HEIGHT, WIDTH, scale=SCALE, like=offset)
    return SamplingRecord(start, offset, scope)


def field() -> OffsetField:
    return offset_field(record(), height=HEIGHT, width=WIDTH)


def test_arrows_lead_from_start_to_sampling_point():
    sampling, start = record(), record().initial[0, 0].permute(1, 2, 0).numpy()
    drawn = arrows.arrows(np.ascontiguousarray(start), field(), 2, "length", 0.5)
    np.testing.assert_allclose(drawn.end, sampling.points[0, 2].permute(1, 2, 0).numpy(), atol=1e-6)
    length = np.linalg.norm(drawn.end - drawn.start, axis=-1)
    np.testing.assert_allclose(drawn.values, np.round(255 * np.minimum(length / 0.5, 1)), atol=1)


@pytest.mark.parametrize(("x", "y", "value"), [(1, 0, 0), (0, 1, 64), (-1, 0, 128), (0, -1, 192), (0, 0, 0)])
def test_directions_go_round_once(x: float, y: float, value: int):
    """A quarter of the colours for each turn from right over down, left and up."""
    offset = torch.zeros(1, 1, 2, 2, 2)
    offset[:, :, 0], offset[:, :, 1] = x, y
    start = initial_positions(1, 1, scale=2, like=offset)
    turned = offset_field(SamplingRecord(start, offset, 1.0), height=1, width=1)
    positions = np.ascontiguousarray(start[0, 0].permute(1, 2, 0).numpy())
    drawn = arrows.arrows(positions, turned, 0, "direction", 1.0)
    assert drawn.values[0, 0] == value


def test_histograms_hold_every_offset_and_mark_the_scope():
    statistics = offset_statistics(record(), height=HEIGHT, width=WIDTH).overall
    figure = figures.histograms(statistics, scale=SCALE)
    for trace in figure.data[:2]:
        assert sum(trace.y[:-1]) == pytest.approx(100)
    assert sorted(shape.x0 for shape in figure.layout.shapes) == [-0.25, -0.25, 0.25, 0.25]
    assert f"{statistics.mean_length:.3f}" in figures.histograms_alt(statistics, scale=SCALE)
    assert "The scope is 0.25" in figures.histograms_alt(statistics, scale=SCALE)


def test_a_dynamic_scope_is_stated_as_a_range():
    scope = torch.linspace(0.1, 0.4, 4).view(1, 4, 1, 1, 1).expand(record().offset.shape)
    statistics = offset_statistics(record(scope), height=HEIGHT, width=WIDTH).overall
    assert "from 0.10 to 0.40" in figures.histograms_alt(statistics, scale=SCALE)
    assert "largest scope: a factor" in {
        trace.name for trace in figures.histograms(statistics, scale=SCALE).data
    }


def test_the_histogram_shows_the_scope_and_all_but_the_rarest_offsets() -> None:
    statistics = offset_statistics(record(), height=HEIGHT, width=WIDTH).overall
    low, high = figures.histograms(statistics, scale=SCALE).layout.xaxis.range
    assert low == -high
    assert high > statistics.max_scope
    moves = record().offset
    assert (moves.abs() <= high).double().mean() > 0.995


@pytest.mark.parametrize("groups", [1, 4, 8])
def test_every_group_has_a_picture(groups: int):
    one = field()
    repeated = OffsetField(
        one.scale,
        *(
            np.repeat(values[:1], groups, axis=0)
            for values in (one.vectors, one.lengths, one.directions, one.scopes)
        ),
    )
    figure = figures.group_lengths(repeated, longest=0.5)
    heatmaps = [trace for trace in figure.data if isinstance(trace, go.Heatmap)]
    assert len(heatmaps) == groups
    np.testing.assert_array_equal(heatmaps[-1].z, repeated.lengths[-1])
    assert figure.layout.coloraxis.cmax == 0.5
    assert figures.group_lengths_alt(repeated).count("group") == groups + 1


def test_the_table_of_steps():
    statistics = offset_statistics(record(), height=HEIGHT, width=WIDTH)
    columns = figures.steps_table(offset_table({"c4_0": statistics}), {"c4_0": "first"})
    assert columns["Group"] == ["all", "1", "2", "3", "4"]
    assert set(columns["Step"]) == {"first"}
    assert columns["Left own cell (%)"][0] == pytest.approx(100 * statistics.overall.left_cell)


def test_the_table_of_a_cell():
    """The second group, lower left point of the cell in row 3, column 4."""
    columns = figures.cell_table(field(), 3, 4)
    at = [k for k in range(16) if columns["Group"][k] == "2" and columns["Place"][k] == "1, 0"]
    x, y = record().offset[0, 1, :, 7, 8].tolist()
    assert [columns["x"][at[0]], columns["y"][at[0]]] == pytest.approx([x, y])
    assert columns["Length"][at[0]] == pytest.approx(np.hypot(x, y))
