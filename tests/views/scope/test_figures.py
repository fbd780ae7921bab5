"""Figures of the page "Scope and overlap": everything is drawn where the numbers say."""

import numpy as np
import pytest

from app.views.scope import compute, figures
from dysample.explain.overlap import cell_reaches, overlap
from dysample.explain.scope import ScopeMap
from dysample.explain.statistics import Histogram


def rectangles(figure: object) -> list[tuple[float, float, float, float]]:
    shapes = figure.layout.shapes
    return [
        (shape.x0, shape.y0, shape.x1, shape.y1)
        for shape in shapes
        if shape.type == "rect" and shape.fillcolor
    ]


@pytest.mark.parametrize(("scale", "initial"), [(2, "bilinear"), (3, "bilinear"), (4, "nearest")])
def test_every_point_has_a_square_as_wide_as_twice_the_scope(scale: int, initial: str) -> None:
    drawn = rectangles(figures.reach_squares(cell_reaches(scale=scale, scope=0.3, initial=initial)))
    assert len(drawn) == 9 * scale * scale
    assert np.diff(np.array(drawn).reshape(-1, 2, 2), axis=1) == pytest.approx(0.6)
    first = 0.5 / scale if initial == "bilinear" else 0.5
    assert any(
        square == pytest.approx((first - 0.3, first - 0.3, first + 0.3, first + 0.3)) for square in drawn
    )


def test_neighbouring_reaches_have_different_colours() -> None:
    for scale in (2, 3, 4):
        reaches = cell_reaches(scale=scale, scope=0.1)
        colours = figures._colours(reaches)
        place = reaches.cells * scale + reaches.places
        for index, here in enumerate(place):
            beside = np.abs(place - here).max(axis=1) == 1
            assert colours[index] not in colours[beside]


def test_points_of_the_nearest_grid_are_linked_to_their_pixels() -> None:
    figure = figures.initial_grid(
        cell_reaches(scale=2, scope=0.0, initial="nearest"), cell_reaches(scale=2, scope=0.0)
    )
    links = next(trace for trace in figure.data if trace.mode == "lines")
    ends = np.stack([links.x, links.y], 1).reshape(-1, 3, 2)
    np.testing.assert_allclose(ends[:, 0], [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)])
    np.testing.assert_allclose(ends[:, 1], 0.5)


def test_the_curve_marks_the_scope_and_the_margin() -> None:
    scopes = [0.0, 0.25, 0.5, 1.0]
    curve = tuple((scope, overlap(scale=2, scope=scope)) for scope in scopes)
    figure = figures.overlap_curves(curve, 0.35, overlap(scale=2, scope=0.35))
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert list(lines[0].y) == pytest.approx([0, 0, 100, 100])
    assert lines[1].y[0] is None
    assert [shape.x0 for shape in figure.layout.shapes] == [0.35, 0.25]
    markers = [trace.y[0] for trace in figure.data if trace.mode == "markers"]
    assert markers[0] == pytest.approx(100 * (1 - 0.6**2))  # 0.6 of each axis is reached by one interval


def example_map() -> ScopeMap:
    values = np.linspace(0, 0.5, 24, dtype=np.float32).reshape(4, 6)
    counts, edges = np.histogram(values, bins=5, range=(0, 0.5))
    return ScopeMap(0.5, values, 0.0, 0.25, 0.5, Histogram(counts.astype(np.int64), edges.astype(np.float64)))


def test_photograph_and_scopes_cover_the_same_cells() -> None:
    photo = figures.photo(np.zeros((32, 48, 3), np.uint8), cells=3)
    scopes = figures.scope_image(example_map(), cells=3)
    for figure, pixels in ((photo, 48), (scopes, 6)):
        trace = figure.data[0]
        assert trace.x0 - trace.dx / 2 == pytest.approx(0)
        assert trace.x0 + trace.dx * (pixels - 0.5) == pytest.approx(3)
        assert tuple(figure.layout.xaxis.range) == (0, 3)
        assert tuple(figure.layout.yaxis.range) == pytest.approx((2, 0))
    assert (scopes.data[0].zmin, scopes.data[0].zmax) == (0, 0.5)


def test_the_histogram_sums_to_all_scopes() -> None:
    bars = figures.scope_histogram(example_map()).data[0]
    assert sum(bars.y) == pytest.approx(100)
    assert list(bars.x) == pytest.approx([0.05, 0.15, 0.25, 0.35, 0.45])


def test_borders_lie_between_the_pixels_of_a_pair() -> None:
    horizontal, vertical = np.zeros((3, 3), bool), np.zeros((2, 4), bool)
    horizontal[2, 1] = vertical[0, 3] = True
    line = figures.borders(horizontal, vertical).reshape(-1, 3, 2)
    np.testing.assert_array_equal(line[:, :2], [[(2, 2), (2, 3)], [(3, 1), (4, 1)]])
    assert np.isnan(line[:, 2]).all()
    assert figures.borders(np.zeros((1, 0), bool), np.zeros((0, 1), bool)).shape == (0, 2)


@pytest.mark.parametrize("shape", [(8, 8), (4, 20), (20, 4)])
def test_a_disturbed_map_stands_above_its_difference(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    output, bilinear = (rng.random(shape, np.float32) for _ in range(2))
    figure = figures.after(output, bilinear, (0.0, 2.0), marks=np.zeros((3, 2), np.float32))
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    np.testing.assert_array_equal(maps[0].z, output)
    np.testing.assert_allclose(maps[1].z, output - bilinear)
    assert (maps[1].zmin, maps[1].zmax) == (-0.5, 0.5)
    assert 200 < figure.layout.height < 1000
    before = figures.before(bilinear[::2, ::2].copy(), bilinear, (0.0, 2.0))
    assert before.data[1].dx == 2


def test_the_view_is_around_the_edge() -> None:
    edge = np.zeros((32, 32), bool)
    edge[:, 14:18] = True
    left, right, top, bottom = compute.edge_view(edge, scale=2)
    assert (right - left, bottom - top) == (12, 12)
    assert (left + right) / 2 == pytest.approx(16, abs=1)
    assert (top + bottom) / 2 == pytest.approx(16, abs=1)
    corner = np.zeros((32, 40), bool)
    corner[0, 39] = True
    assert compute.edge_view(corner, scale=2) == (28, 40, 0, 12)
    assert compute.edge_view(np.zeros((8, 8), bool), scale=4) == (0, 8, 0, 8)
    zeros = np.zeros((32, 32), np.float32)
    figure = figures.after(zeros, zeros, (0.0, 1.0), marks=None, view=(10, 22, 9, 21))
    assert (figure.layout.xaxis.range, figure.layout.yaxis.range) == ((10, 22), (21, 9))


def test_only_swaps_at_the_edge_are_marked() -> None:
    edge = np.zeros((4, 4), bool)
    edge[:, 2] = True
    everywhere = compute.Swaps(np.ones((4, 3), bool), np.ones((3, 4), bool))
    seen = compute.at_edge(everywhere, edge)
    assert seen.horizontal.all(axis=0).tolist() == [False, True, True]
    assert seen.vertical.all(axis=0).tolist() == [False, False, True, False]


def test_map_and_histogram_begin_and_end_at_one_height() -> None:
    scopes = example_map()
    image, histogram = figures.scope_image(scopes, cells=3), figures.scope_histogram(scopes)
    assert image.layout.height == histogram.layout.height
    assert image.layout.margin == histogram.layout.margin
