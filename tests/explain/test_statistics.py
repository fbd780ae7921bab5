"""Offsets as numbers, against hand counts and slow loops."""

import math
import time
from itertools import pairwise

import numpy as np
import pytest
import torch

from dysample.explain.offsets import arrows, offset_field, one_image
from dysample.explain.scope import scope_statistics
from dysample.explain.statistics import offset_statistics, offset_table
from dysample.geometry import initial_positions
from dysample.ops.dysample import DySample
from dysample.ops.fixed import Bilinear
from dysample.types import SamplingRecord
from tests.explain.records import random_record, record_of


def slow_shares(record: SamplingRecord, height: int, width: int, scale: int) -> tuple[float, float, int, int]:
    """Count points outside their cell, clamped points, and horizontal and vertical swaps, one by one."""
    points = record.points[0].double().numpy()
    left = held = across = down = 0
    for group, p, q in np.ndindex(points.shape[0], *points.shape[2:]):
        x, y = points[group, :, p, q]
        row, column = p // scale, q // scale
        left += not (column <= x <= column + 1 and row <= y <= row + 1)
        held += min(max(x, 0.5), width - 0.5) != x or min(max(y, 0.5), height - 0.5) != y
        across += q + 1 < points.shape[3] and points[group, 0, p, q + 1] < x
        down += p + 1 < points.shape[2] and points[group, 1, p + 1, q] < y
    count = points.size // 2
    return left / count, held / count, across, down


def one_group(record: SamplingRecord, group: int) -> SamplingRecord:
    return SamplingRecord(record.initial, record.offset[:, group : group + 1], record.scope)


@pytest.mark.parametrize(("height", "width", "scale"), [(4, 5, 2), (3, 4, 3), (1, 1, 4), (6, 1, 2)])
@pytest.mark.parametrize("reach", [0.1, 0.6, 2.0])
def test_shares_equal_a_slow_loop(height: int, width: int, scale: int, reach: float):
    record = random_record(height, width, scale, reach=reach, seed=scale)
    statistics = offset_statistics(record, height=height, width=width)
    parts = [one_group(record, k) for k in range(2)]
    for numbers, part in zip((statistics.overall, *statistics.groups), (record, *parts), strict=True):
        left, held, across, down = slow_shares(part, height, width, scale)
        assert numbers.left_cell == pytest.approx(left, abs=1e-12)
        assert numbers.clamped == pytest.approx(held, abs=1e-12)
        assert (numbers.swaps.horizontal, numbers.swaps.vertical) == (across, down)
        lengths = torch.linalg.vector_norm(part.offset, dim=2).numpy()
        assert numbers.mean_length == pytest.approx(lengths.mean(), rel=1e-5)
        assert numbers.median_length == pytest.approx(np.median(lengths), rel=1e-6)
        assert numbers.max_length == pytest.approx(lengths.max(), rel=1e-6)
        beyond = np.abs(part.offset.numpy()).max(axis=2) > 0.25
        assert numbers.beyond_scope == pytest.approx(beyond.mean())


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_some_points_are_clamped_without_offsets(scale: int):
    """With 2 the outermost points of every side; the middle point of 3 lies on the pixel's centre."""
    height, width = 5, 7
    record = Bilinear(1, scale=scale).plan(torch.zeros(1, 1, height, width))
    ring = scale // 2
    inner = (height * scale - 2 * ring) * (width * scale - 2 * ring)
    numbers = offset_statistics(record, height=height, width=width).overall
    assert numbers.clamped == numbers.clamped_unmoved == pytest.approx(1 - inner / (35 * scale**2))
    assert (numbers.max_length, numbers.max_scope, numbers.left_cell, numbers.beyond_scope) == (0, 0, 0, 0)


@pytest.mark.parametrize("bins", [1, 7, 50])
def test_histograms_hold_every_point(bins: int):
    record = random_record(8, 9, 2, groups=3, reach=0.7)
    statistics = offset_statistics(record, height=8, width=9, bins=bins)
    for name in ("x", "y", "length"):
        total = getattr(statistics.overall, name)
        assert total.counts.shape == (bins,)
        assert total.counts.sum() == statistics.overall.points == 3 * 16 * 18
        assert (sum(getattr(group, name).counts for group in statistics.groups) == total.counts).all()
        assert all((getattr(group, name).edges == total.edges).all() for group in statistics.groups)
    edges = statistics.overall.x.edges
    np.testing.assert_allclose(edges, -edges[::-1], atol=1e-12)
    assert edges[-1] == record.offset.abs().max()
    x = record.offset[0, :, 0].double().numpy()
    counts = [((x >= low) & (x < high)).sum() for low, high in pairwise(edges)]
    counts[-1] += (x == edges[-1]).sum()
    assert statistics.overall.x.counts.tolist() == counts


def test_histograms_have_room_for_the_scope_and_the_marginal_value():
    record = record_of([[0.1] * 2] * 2, [[0.0] * 2] * 2)
    assert offset_statistics(record, height=1, width=1).overall.x.edges[-1] == 0.25
    wide = SamplingRecord(record.initial, record.offset, scope=1.5)
    overall = offset_statistics(wide, height=1, width=1).overall
    assert overall.x.edges[[0, -1]].tolist() == [-1.5, 1.5]
    assert overall.length.edges[[0, -1]].tolist() == [0, 1.5]
    assert (overall.min_scope, overall.mean_scope, overall.max_scope) == (1.5, 1.5, 1.5)


@pytest.mark.parametrize("scope", [0.1, 0.25, 0.3, 1.0])
def test_a_raw_offset_of_one_is_not_beyond_its_scope(scope: float):
    raw = torch.tensor([1.0, -1.0, 1.0001, 0.0]).view(1, 1, 1, 2, 2).expand(1, 1, 2, 2, 2)
    initial = initial_positions(1, 1, scale=2, like=raw)
    for factor in (scope, torch.full_like(raw, scope)):
        record = SamplingRecord(initial, factor * raw, factor)
        assert offset_statistics(record, height=1, width=1).overall.beyond_scope == 0.25


def test_table_has_a_row_for_each_step_and_group():
    several = offset_statistics(random_record(2, 3, 2, groups=3), height=2, width=3)
    single = offset_statistics(random_record(4, 3, 2, groups=1), height=4, width=3)
    rows = offset_table({"deep": several, "shallow": single})
    names = [("deep", None), ("deep", 0), ("deep", 1), ("deep", 2), ("shallow", None)]
    assert [(row.step, row.group) for row in rows] == names
    assert [row.statistics for row in rows] == [several.overall, *several.groups, single.overall]


@pytest.mark.parametrize("factor", [0.1, 0.25, 0.5])
def test_dynamic_scope_is_described(factor: float):
    operator = DySample(8, groups=2, dynamic_scope=True, scope=factor)
    torch.nn.init.normal_(operator.scope.weight, std=40, generator=torch.Generator().manual_seed(0))
    record = operator.plan(torch.randn(1, 8, 6, 5, generator=torch.Generator().manual_seed(1)))
    found = scope_statistics(record, limit=2 * factor, bins=10)
    values = record.scope.detach().double().numpy()
    assert values.max() == pytest.approx(2 * factor)  # saturated: rounding must not put it outside
    assert (found.overall.minimum, found.overall.maximum) == (values.min(), values.max())
    assert found.overall.mean == pytest.approx(values.mean())
    assert found.overall.histogram.edges[[0, -1]].tolist() == [0, 2 * factor]
    assert found.overall.histogram.counts.sum() == values.size
    assert len(found.groups) == 2
    assert found.groups[1].mean == pytest.approx(values[:, 1].mean())
    assert sum(group.histogram.counts for group in found.groups).tolist() == (
        found.overall.histogram.counts.tolist()
    )


def test_half_precision_and_gradients_are_no_obstacle():
    operator = DySample(8, groups=2, dynamic_scope=True).bfloat16()
    record = operator.plan(torch.randn(1, 8, 4, 4).bfloat16())
    assert offset_statistics(record, height=4, width=4).overall.points == 128
    assert offset_field(record, height=4, width=4).vectors.dtype == np.float32
    assert arrows(record, height=4, width=4, group=0).starts.shape == (64, 2)


def test_large_fields_are_quick():
    """Describe 300,000 points; measure the time of this thread, which other work does not affect."""
    record, threads = random_record(120, 160, 2, groups=4), torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.thread_time()
    try:
        offset_statistics(record, height=120, width=160)
        offset_field(record, height=120, width=160)
    finally:
        torch.set_num_threads(threads)
    assert time.thread_time() - start < 3


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("height", "width", "message"),
    [
        (3, 3, "4 x 6 points are no whole multiple of a 3 x 3 map"),
        (2, 2, "4 x 6 points are no whole multiple of a 2 x 2 map"),
        (0, 3, "no whole multiple of a 0 x 3 map"),
        (8, 12, "no whole multiple"),
    ],
)
def test_maps_that_do_not_belong_are_refused(height: int, width: int, message: str):
    record = random_record(2, 3, 2)
    for call in (offset_field, offset_statistics):
        with pytest.raises(ValueError, match=message):
            call(record, height=height, width=width)


@pytest.mark.unhooked
def test_records_that_cannot_be_described_are_refused():
    record = random_record(2, 3, 2, batch=2)
    with pytest.raises(ValueError, match=r"must hold one image, got 2: choose one with one_image\(\)"):
        offset_statistics(record, height=2, width=3)
    with pytest.raises(ValueError, match=r"index must be from 0 to 1, got 2"):
        one_image(record, 2)
    record = one_image(record, 0)
    with pytest.raises(ValueError, match=r"bins must be at least 1, got 0"):
        offset_statistics(record, height=2, width=3, bins=0)
    with pytest.raises(ValueError, match=r"the scope is static, 0\.25 everywhere"):
        scope_statistics(record, limit=0.5)
    dynamic = SamplingRecord(record.initial, record.offset, torch.full_like(record.offset, 0.6))
    with pytest.raises(ValueError, match=r"between 0 and limit=0\.5, got 0\.6 to 0\.6"):
        scope_statistics(dynamic, limit=0.5)
    broken = SamplingRecord(record.initial, record.offset * math.nan, 0.25)
    with pytest.raises(ValueError, match="offsets must be finite numbers"):
        offset_field(broken, height=2, width=3)
