"""Offsets as arrays, and the movement of points, against hand counts and slow loops."""

import math

import numpy as np
import pytest
import torch

from dysample.explain.offsets import (
    CellWindow,
    arrows,
    clamped,
    count_swaps,
    left_own_cell,
    offset_field,
    one_image,
    window_around,
)
from dysample.geometry import initial_positions, sample
from dysample.ops.dysample import DySample
from dysample.types import SamplingRecord
from tests.explain.records import random_record, record_of


def test_field_by_hand():
    record = record_of([[0.3, 0.0], [-0.5, 0.0]], [[0.4, 0.0], [0.0, -2.0]])
    field = offset_field(record, height=1, width=1)
    np.testing.assert_allclose(field.vectors[0], [[[0.3, 0.4], [0, 0]], [[-0.5, 0], [0, -2]]], atol=1e-7)
    np.testing.assert_allclose(field.lengths[0], [[0.5, 0], [0.5, 2]], atol=1e-7)
    expected = [[math.atan2(4, 3), math.nan], [math.pi, -math.pi / 2]]
    np.testing.assert_allclose(field.directions[0], expected, atol=1e-6)
    np.testing.assert_array_equal(field.scopes, np.full((1, 2, 2, 2), 0.25, np.float32))


@pytest.mark.parametrize(("height", "width", "scale"), [(2, 3, 2), (3, 2, 3), (1, 4, 4), (2, 2, 1)])
def test_by_cell_has_the_documented_order(height: int, width: int, scale: int):
    record = random_record(height, width, scale)
    cells = offset_field(record, height=height, width=width).by_cell
    assert cells.shape == (2, height, width, scale, scale, 2)
    for group, row, column, i, j, axis in np.ndindex(*cells.shape):
        value = record.offset[0, group, axis, row * scale + i, column * scale + j]
        assert cells[group, row, column, i, j, axis] == value


def test_field_has_the_dynamic_scope_in_the_same_order():
    operator = DySample(8, groups=2, dynamic_scope=True)
    torch.nn.init.normal_(operator.scope.weight, generator=torch.Generator().manual_seed(0))
    record = operator.plan(torch.randn(1, 8, 3, 4, generator=torch.Generator().manual_seed(1)))
    scopes = offset_field(record, height=3, width=4).scopes
    torch.testing.assert_close(torch.from_numpy(scopes), record.scope.detach()[0].movedim(1, -1))


@pytest.mark.parametrize("initial", ["bilinear", "nearest"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_point_starts_in_its_cell(initial: str, scale: int):
    grid = initial_positions(5, 7, scale=scale, like=torch.zeros(()), initial=initial)
    assert not left_own_cell(grid, scale=scale).any()
    assert count_swaps(grid).count == 0


def test_leaving_the_cell_is_strict():
    on_the_edge = record_of([[-0.25, 0.25], [0.0, 0.25001]], [[-0.25, 0.0], [0.25, 0.0]])
    assert left_own_cell(on_the_edge.points, scale=2).tolist() == [[[[False, False], [False, True]]]]


def test_swaps_are_strict():
    """The points of the upper pair meet, those of the lower pair pass each other."""
    record = record_of([[0.25, -0.25], [0.26, -0.25]], [[0.0, 0.3], [0.0, -0.3]])
    swaps = count_swaps(record.points)
    assert (swaps.horizontal, swaps.horizontal_pairs) == (1, 2)
    assert (swaps.vertical, swaps.vertical_pairs) == (1, 2)
    assert (swaps.count, swaps.share) == (2, 0.5)


def test_a_single_point_has_no_neighbour():
    assert count_swaps(torch.zeros(1, 1, 2, 1, 1)).share is None


def test_clamped_points_are_those_that_sample_moves():
    """A plane x + 100 y shows where it was read, except at clamped points."""
    height, width = 6, 9
    record = random_record(height, width, 2, groups=1, reach=1.5)
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    plane = (x + 100 * y)[None, None]
    wanted = record.points[:, :, 0] + 100 * record.points[:, :, 1]
    moved = (sample(plane, record.points) - wanted).abs() > 2e-3
    assert torch.equal(clamped(record.points, height=height, width=width), moved)


def test_arrows_by_hand():
    """Cell (0, 1) of a 1 x 2 map: columns 2 and 3 of the output, row by row."""
    record = record_of([[0, 0, 0.1, -0.2], [0, 0, 0.3, 0]], [[0, 0, 0, 0.5], [0, 0, -0.75, 0]])
    window = CellWindow(row=0, column=1, rows=1, columns=1)
    found = arrows(record, height=1, width=2, group=0, window=window)
    np.testing.assert_allclose(found.starts, [[1.25, 0.25], [1.75, 0.25], [1.25, 0.75], [1.75, 0.75]])
    np.testing.assert_allclose(found.ends, [[1.35, 0.25], [1.55, 0.75], [1.55, 0], [1.75, 0.75]], atol=1e-6)
    assert found.pixels.tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]
    assert found.starts.dtype == found.ends.dtype == np.float32


@pytest.mark.parametrize("every", [1, 2, 3, 100])
@pytest.mark.parametrize("window", [None, CellWindow(1, 2, 3, 2), CellWindow(3, 0, 1, 5)])
def test_arrows_equal_a_slow_loop(every: int, window: CellWindow | None):
    height, width, scale = 4, 5, 3
    record = random_record(height, width, scale)
    found = arrows(record, height=height, width=width, group=1, window=window, every=every)
    box = window or CellWindow(0, 0, height, width)
    pixels = [
        (p, q)
        for p in range(box.row * scale, (box.row + box.rows) * scale, every)
        for q in range(box.column * scale, (box.column + box.columns) * scale, every)
    ]
    assert [tuple(pair) for pair in found.pixels.tolist()] == pixels
    for (p, q), start, end in zip(pixels, found.starts, found.ends, strict=True):
        assert start.tolist() == record.initial[0, 0, :, p, q].tolist()
        assert end.tolist() == record.points[0, 1, :, p, q].tolist()


@pytest.mark.parametrize(
    ("cell", "size", "expected"),
    [
        ((10, 12), 8, CellWindow(6, 8, 8, 8)),
        ((0, 0), 8, CellWindow(0, 0, 8, 8)),
        ((19, 29), 8, CellWindow(12, 22, 8, 8)),
        ((10, 12), 9, CellWindow(6, 8, 9, 9)),
        ((3, 4), 25, CellWindow(0, 0, 20, 25)),
    ],
)
def test_window_around(cell: tuple[int, int], size: int, expected: CellWindow):
    assert window_around(*cell, size=size, height=20, width=30) == expected


def test_one_image_of_a_batch():
    record = random_record(2, 3, 2, batch=3)
    dynamic = SamplingRecord(record.initial, record.offset, scope=record.offset.abs())
    for index in range(3):
        alone = one_image(dynamic, index)
        assert torch.equal(alone.points[0], record.points[index])
        assert torch.equal(torch.as_tensor(alone.scope)[0], record.offset[index].abs())
        assert one_image(record, index).scope == 0.25


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": 2}, "group must be from 0 to 1, got 2"),
        ({"group": 0, "every": 0}, "every must be at least 1, got 0"),
        ({"group": 0, "window": CellWindow(0, 0, 3, 1)}, "window must lie inside the 2 x 3 map"),
        ({"group": 0, "window": CellWindow(-1, 0, 1, 1)}, "window must lie inside"),
        ({"group": 0, "window": CellWindow(0, 0, 0, 1)}, "window must lie inside"),
    ],
)
def test_arrows_that_there_are_not_are_refused(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        arrows(random_record(2, 3, 2), height=2, width=3, **options)


@pytest.mark.unhooked
def test_cells_off_the_map_are_refused():
    with pytest.raises(ValueError, match="must be on the 4 x 5 map, got row 4, column 0"):
        window_around(4, 0, size=2, height=4, width=5)
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        window_around(0, 0, size=0, height=4, width=5)
