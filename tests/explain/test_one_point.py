"""One output pixel in numbers, against slow loops and cases worked out by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dysample.explain.footprint import Reading, group_count, reading
from dysample.explain.offsets import Arrows, CellWindow, arrows
from dysample.explain.one_point import (
    OnePoint,
    cell_arrows,
    liveliest_cell,
    most_changed_channel,
    one_point,
    shared_window,
)
from dysample.ops.registry import OPERATORS, build
from dysample.types import KernelRecord, SamplingRecord
from tests.explain.records import record_of
from tests.ops import loops as slow

CHANNELS, HEIGHT, WIDTH = 32, 5, 7
PLANNED = [name for name, spec in OPERATORS.items() if spec.has_footprint]
POINTS = [name for name in PLANNED if name.startswith("dysample")]
PLACES = [(0, 0), (9, 13), (4, 7), (5, 0), (1, 12)]
Record = SamplingRecord | KernelRecord


def case(name: str) -> tuple[Record, Tensor, Tensor]:
    """Return the plan of an operator with strong random weights for a map, the map, and the output."""
    generator = torch.Generator().manual_seed(1)
    op = build(name, CHANNELS).eval()
    for parameter in op.parameters():
        parameter.data.normal_(std=0.4, generator=generator)
    x = torch.randn(1, CHANNELS, HEIGHT, WIDTH, generator=generator)
    guide = torch.randn(1, CHANNELS, 2 * HEIGHT, 2 * WIDTH, generator=generator)
    inputs = OPERATORS[name].inputs(x, guide)
    with torch.no_grad():
        return op.plan(*inputs), x, op(*inputs)


@pytest.mark.parametrize("at", PLACES)
@pytest.mark.parametrize("name", PLANNED)
def test_the_sum_is_the_operators_output(name: str, at: tuple[int, int]) -> None:
    record, x, output = case(name)
    for channel in (0, 13, CHANNELS - 1):
        found = one_point(record, x, output, at=at, channel=channel)
        assert found.output == float(output[0, channel, *at])
        assert found.after == pytest.approx(found.output, abs=5e-5)
        by_hand = sum(w * v for w, v in zip(found.reading.weights, found.values, strict=True))
        assert found.after == pytest.approx(by_hand)
        pixels = zip(found.reading.rows, found.reading.columns, strict=True)
        assert found.values == tuple(float(x[0, channel, row, column]) for row, column in pixels)


@pytest.mark.parametrize("at", PLACES)
@pytest.mark.parametrize("name", POINTS)
def test_points_move_and_read_as_slow_loops_do(name: str, at: tuple[int, int]) -> None:
    record, x, _ = case(name)
    assert isinstance(record, SamplingRecord)
    size = CHANNELS // group_count(record)
    for channel in (0, 13, CHANNELS - 1):
        found = reading(record, x, at=at, channel=channel)
        move = found.move
        assert found.group == channel // size
        assert move is not None
        assert move.initial == ((at[1] + 0.5) / 2, (at[0] + 0.5) / 2)
        assert move.offset == tuple(record.offset[0, found.group, :, *at].tolist())
        for axis, size_here in enumerate((WIDTH, HEIGHT)):
            assert move.position[axis] == pytest.approx(move.initial[axis] + move.offset[axis], abs=1e-6)
            assert move.read[axis] == min(max(move.position[axis], 0.5), size_here - 0.5)
        assert move.corners == pytest.approx(corners(*move.read), abs=1e-6)
        expected = slow.read(x[0, channel].double().numpy(), *move.position)
        values = x[0, channel, found.rows, found.columns].double().numpy()
        assert np.dot(values, found.weights) == pytest.approx(expected, abs=5e-5)


def corners(x: float, y: float) -> list[float]:
    """Return the bilinear weights of the four pixels around a position, by distance along both axes."""
    left, top = math.floor(x - 0.5), math.floor(y - 0.5)
    pixels = [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]
    return [(1 - abs(x - 0.5 - column)) * (1 - abs(y - 0.5 - row)) for row, column in pixels]


@pytest.mark.parametrize("name", PLANNED)
def test_before_is_what_plain_interpolation_gives(name: str) -> None:
    record, x, output = case(name)
    mode = "nearest-exact" if name == "nearest" else "bilinear"
    plain = F.interpolate(x, scale_factor=2.0, mode=mode)
    for at in PLACES:
        found = one_point(record, x, output, at=at, channel=13)
        assert found.before == pytest.approx(float(plain[0, 13, *at]), abs=1e-5)


@pytest.mark.parametrize("name", ["carafe", "dysample", "dysample-s+"])
def test_distances_are_over_the_groups_channels(name: str) -> None:
    record, x, output = case(name)
    plain = F.interpolate(x, scale_factor=2.0, mode="bilinear")
    found = one_point(record, x, output, at=(4, 7), channel=13)
    size = CHANNELS // group_count(record)
    first = size * (13 // size)
    for vector, distances in ((output, found.distances), (plain, found.distances_before)):
        for row, column, distance in zip(found.reading.rows, found.reading.columns, distances, strict=True):
            squares = [
                float(vector[0, k, 4, 7] - x[0, k, row, column]) ** 2 for k in range(first, first + size)
            ]
            assert distance == pytest.approx(math.sqrt(sum(squares)), abs=1e-4)


def test_a_point_by_hand() -> None:
    """Output pixel (2, 2) of 3 x 3 cells starts at (1.25, 1.25); 0.5 to the right is (1.75, 1.25)."""
    x_offset, y_offset = [[0.0] * 6 for _ in range(6)], [[0.0] * 6 for _ in range(6)]
    x_offset[2][2] = 0.5
    x = torch.arange(9.0).view(1, 1, 3, 3)
    found = one_point(record_of(x_offset, y_offset), x, torch.zeros(1, 1, 6, 6), at=(2, 2), channel=0)
    assert found.reading.move is not None
    assert found.reading.move.position == (1.75, 1.25)
    assert found.reading.move.scope == (0.25, 0.25)
    pixels = zip(found.reading.rows, found.reading.columns, strict=True)
    assert dict(zip(pixels, found.reading.weights, strict=True)) == {
        (0, 1): 0.1875,
        (0, 2): 0.0625,
        (1, 1): 0.5625,
        (1, 2): 0.1875,
    }
    # Values are 3 row + column: at row 0.75, column 1.25 (0.75 before) of the pixels' numbering.
    assert (found.before, found.after, found.output) == (3.0, 3.5, 0.0)


def test_weights_lost_outside_are_missing_from_the_total() -> None:
    record, x, _ = case("carafe")
    assert isinstance(record, KernelRecord)
    corner = reading(record, x, at=(0, 1), channel=0)
    assert corner.total == pytest.approx(float(record.weights[0, 2:, 2:, 0, 1].sum()))
    assert corner.total < 0.9
    assert reading(record, x, at=(4, 7), channel=0).total == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["dysample-s+", "fade"])
def test_the_most_changed_channel(name: str) -> None:
    record, x, output = case(name)
    group = group_count(record) - 1
    found = most_changed_channel(record, x, output, at=(4, 7), group=group)
    size = CHANNELS // group_count(record)

    def change(channel: int) -> float:
        point: OnePoint = one_point(record, x, output, at=(4, 7), channel=channel)
        return abs(point.output - point.before)

    assert found == max(range(group * size, CHANNELS), key=change)


def test_the_liveliest_cell_is_not_at_the_border() -> None:
    x_offset = [[0.0] * 14 for _ in range(12)]
    still = record_of(x_offset, x_offset)
    assert liveliest_cell(still, height=6, width=7) == (3, 3)
    assert liveliest_cell(None, height=6, width=7) == (3, 3)
    x_offset[0][0], x_offset[7][8] = 9.0, -1.0
    assert liveliest_cell(record_of(x_offset, still.offset[0, 0, 1].tolist()), height=6, width=7) == (3, 4)
    tiny = record_of([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]])
    assert liveliest_cell(tiny, height=1, width=1) == (0, 0)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ([(4, 4)], CellWindow(2, 2, 5, 5)),
        ([(4, 4), (4, 7)], CellWindow(1, 1, 7, 7)),
        ([(0, 0)], CellWindow(0, 0, 9, 9)),
        ([], CellWindow(2, 2, 5, 5)),
    ],
)
def test_the_window_holds_all_that_is_read(pixels: list[tuple[int, int]], expected: CellWindow) -> None:
    rows, columns = zip(*pixels, strict=True) if pixels else ((), ())
    found = Reading((8, 8), 0, 0, rows, columns, (0.5,) * len(pixels), None)
    assert shared_window([found], [], (4, 4), height=12, width=12) == expected


def test_a_cells_arrows_are_those_of_the_field() -> None:
    record, _, _ = case("dysample-s+")
    assert isinstance(record, SamplingRecord)
    for group, found in enumerate(cell_arrows(record, (3, 5), scale=2)):
        window = CellWindow(row=3, column=5, rows=1, columns=1)
        expected = arrows(record, height=HEIGHT, width=WIDTH, group=group, window=window)
        for name in ("starts", "ends", "pixels"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_the_window_holds_the_arrows() -> None:
    ends = np.array([[4.5, 4.5], [7.1, 30.0]], np.float32)
    far = Arrows(starts=ends, ends=ends, pixels=np.zeros((2, 2), np.int64))
    assert shared_window([], [far], (4, 4), height=8, width=20) == CellWindow(1, 1, 7, 7)


@pytest.mark.parametrize(
    ("at", "channel", "message"),
    [((10, 0), 0, "10 x 14 output"), ((0, -1), 0, "10 x 14 output"), ((0, 0), 32, "from 0 to 31, got 32")],
)
@pytest.mark.parametrize("name", ["carafe", "dysample"])
def test_what_is_not_there(name: str, at: tuple[int, int], channel: int, message: str) -> None:
    record, x, _ = case(name)
    with pytest.raises(ValueError, match=message):
        reading(record, x, at=at, channel=channel)
