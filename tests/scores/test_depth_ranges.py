"""Comparison of depth maps: the window of most difference, and the ranges that all maps share."""

import numpy as np
import pytest

from dysample.scores.depth import depth_ranges, liveliest_depth_window

HEIGHT, WIDTH = 120, 160
BLOCK = (slice(20, 28), slice(140, 150))


def test_where_maps_agree_the_steepest_place_is_shown() -> None:
    depths = np.full((60, 80), 2, np.float32)
    depths[:, 70:] = 4
    window = liveliest_depth_window([depths], 20, reference=depths)
    assert window.x <= 69
    assert window.x + window.size > 70
    ranges = depth_ranges([depths], reference=depths, truth=None)
    assert (ranges.near, ranges.far, ranges.change, ranges.error) == (2.0, 4.0, 0.01, None)


def test_a_single_map_widens_the_range_for_all() -> None:
    flat, deep = np.full((10, 10), 3, np.float32), np.full((10, 10), 3, np.float32)
    deep[0] = 7.04
    ranges = depth_ranges([flat] * 20 + [deep], reference=flat, truth=None)
    assert (ranges.near, ranges.far) == pytest.approx((3.0, 7.1))


def test_flat_maps_and_a_truth_without_a_pixel_have_ranges_too() -> None:
    flat = np.full((8, 8), 3, np.float32)
    ranges = depth_ranges([flat], reference=flat, truth=np.zeros((8, 8), np.float32))
    assert ranges.near <= 3 <= ranges.far
    assert ranges.near < ranges.far
    assert ranges.error == 0.01


def test_depths_that_are_not_finite_are_refused() -> None:
    spoilt, reference = np.full((8, 8), np.nan, np.float32), np.ones((8, 8), np.float32)
    with pytest.raises(ValueError, match="must be finite, got 64"):
        liveliest_depth_window([spoilt], 4, reference=reference)
