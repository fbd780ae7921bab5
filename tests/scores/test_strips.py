"""Comparisons of large pictures, a strip at a time: nothing is another than for the whole at once."""

from collections.abc import Iterator

import numpy as np
import pytest

from dysample.scores import depth, segmentation
from dysample.scores.depth import (
    depth_difference,
    depth_ranges,
    liveliest_depth_window,
    percentile_above_zero,
)
from dysample.scores.segmentation import Window, densest_window


@pytest.fixture(autouse=True)
def strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of a few rows."""
    monkeypatch.setattr(depth, "_STRIP", 250)
    monkeypatch.setattr(segmentation, "_STRIP", 250)


def slow_window(counts: np.ndarray, size: int) -> Window:
    """Return the square of the greatest sum by loops; among equals, of the greatest sum of sums around."""
    height, width = counts.shape
    size = min(size, height, width)
    padded = np.pad(counts, 2 * size).astype(np.int64)
    best, place = (-1, -1), (0, 0)
    for y in range(height - size + 1):
        for x in range(width - size + 1):
            around = [
                padded[2 * size + y + i :, 2 * size + x + j :][:size, :size].sum()
                for i in range(-(size // 2), size // 2 + 1)
                for j in range(-(size // 2), size // 2 + 1)
            ]
            here = padded[2 * size + y :, 2 * size + x :][:size, :size].sum(), sum(around)
            if here > best:
                best, place = here, (x, y)
    return Window(*place, size)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [1, 4, 7])
@pytest.mark.parametrize("kind", [bool, np.uint16, np.int32])
def test_the_densest_window_is_that_of_a_slow_loop(seed: int, size: int, kind: type) -> None:
    rng = np.random.default_rng(seed)
    counts = (rng.random((26, 31)) < (0.02, 0.2)[seed % 2]) * rng.integers(1, 4, (26, 31))
    counts = counts.astype(kind)
    assert densest_window(counts, size) == slow_window(counts, size)


@pytest.mark.parametrize("percent", [0.0, 1.0, 37.5, 50.0, 99.0, 100.0])
@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_a_percentile_is_that_of_all_values(percent: float, count: int) -> None:
    rng = np.random.default_rng(count)
    values = np.exp(rng.normal(0, 4, (4, count))).astype(np.float32)
    values[0, : count // 2] = values[1, 0]  # many of one size

    def parts() -> Iterator[np.ndarray]:
        yield from values[:, None]
        yield np.array([[0, -3, np.nan]], np.float32)

    expected = np.percentile(values.astype(np.float64), percent)
    assert percentile_above_zero(parts, percent) == pytest.approx(expected, rel=1e-12)


def test_nothing_above_zero_has_no_percentile() -> None:
    assert percentile_above_zero(lambda: [np.zeros((2, 3), np.float32)], 99.0) is None


def test_depths_in_strips_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    reference = rng.uniform(1, 9, (60, 47)).astype(np.float32)
    maps = [reference + rng.normal(0, 0.1, reference.shape).astype(np.float32) for _ in range(3)]
    changes = np.abs(np.stack(maps).astype(np.float64) - reference)
    for one, change in zip(maps, changes, strict=True):
        found = depth_difference(one, reference)
        assert found.mean == pytest.approx(change.mean(), rel=1e-9)
        assert found.largest == change.max()
    assert np.percentile(changes, 99) == pytest.approx(0.26, abs=0.03)
    assert depth_ranges(maps, reference=reference, truth=None).change == 0.5  # the next of 1, 2 and 5
    millimetres = np.round(1000 * np.abs(np.stack(maps) - reference)).sum(0)
    window = liveliest_depth_window(maps, 9, reference=reference)
    sums = np.lib.stride_tricks.sliding_window_view(millimetres, (9, 9)).sum((2, 3))
    assert sums[window.y, window.x] == sums.max()
