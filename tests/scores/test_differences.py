"""Differences of label maps against hand-counted cases and slow loops."""

import numpy as np
import pytest
from scipy.ndimage import generic_filter

from dysample.scores.segmentation import (
    Window,
    band_width,
    boundary_band,
    changed,
    changed_share,
    difference,
    liveliest_window,
)


def noise(seed: int, height: int = 24, width: int = 31, classes: int = 3) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(
        0, classes, (height // 4 + 1, width // 4 + 1), dtype=np.uint8
    )
    return coarse.repeat(4, 0).repeat(4, 1)[:height, :width].copy()


def test_changed_by_hand():
    reference = np.array([[0, 0, 1], [2, 2, 1]], np.uint8)
    labels = np.array([[0, 1, 1], [2, 2, 255]], np.uint8)
    assert changed(labels, reference).tolist() == [[False, True, False], [False, False, True]]
    assert changed_share(labels, reference) == pytest.approx(2 / 6)
    assert changed_share(reference, reference) == 0


@pytest.mark.parametrize("width", [1, 2, 5])
def test_band_equals_slow_neighbourhoods(width):
    labels = noise(0)

    def mixed(values: np.ndarray) -> bool:
        return len(set(values.tolist())) > 1

    slow = generic_filter(labels.astype(float), mixed, size=2 * width + 1, mode="nearest")
    assert np.array_equal(boundary_band(labels, width), slow.astype(bool))


def test_band_lies_on_both_sides_and_not_at_the_border():
    labels = np.zeros((6, 20), np.uint8)
    labels[:, 10:] = 4
    band = boundary_band(labels, 3)
    assert band.all(axis=0).tolist() == [7 <= column < 13 for column in range(20)]
    assert not boundary_band(np.zeros((6, 20), np.uint8), 3).any()


@pytest.mark.parametrize(
    ("size", "expected"), [((300, 400), 10), ((360, 480), 12), ((1, 1), 1), ((20, 20), 1)]
)
def test_band_width(size, expected):
    assert band_width(*size) == expected


def test_difference_by_hand():
    reference = np.zeros((10, 20), np.uint8)
    reference[:, 10:] = 1
    labels = reference.copy()
    labels[0:5, 10:12] = 0  # 10 pixels in the band of 10 x 4
    labels[9, 0] = 7  # one pixel outside
    result = difference(labels, reference, width_px=2)
    assert result.share == pytest.approx(11 / 200)
    assert result.boundary_share == pytest.approx(10 / 40)
    assert difference(labels, reference).boundary_share == pytest.approx(5 / 20)


def test_difference_without_boundary():
    plain = np.zeros((10, 20), np.uint8)
    assert difference(plain, plain).boundary_share is None
    assert difference(plain, plain).share == 0


@pytest.mark.parametrize("size", [1, 6, 7, 24])
@pytest.mark.parametrize("seed", range(4))
def test_window_holds_most_change(seed, size):
    reference = noise(seed)
    maps = [noise(seed + 10), noise(seed + 20), reference]
    window = liveliest_window(maps, size, reference=reference)
    counts = np.sum([labels != reference for labels in maps], axis=0)
    best = max(
        counts[y : y + size, x : x + size].sum() for y in range(24 - size + 1) for x in range(31 - size + 1)
    )
    assert counts[window.slices].sum() == best
    assert counts[window.slices].shape == (size, size)


@pytest.mark.parametrize(("row", "column"), [(12, 15), (20, 9), (2, 1), (21, 29), (0, 0), (23, 30)])
@pytest.mark.parametrize("size", [5, 8])
def test_window_is_centred_on_a_lone_change(row, column, size):
    reference = np.zeros((24, 31), np.uint8)
    labels = reference.copy()
    labels[row, column] = 1
    window = liveliest_window([labels], size, reference=reference)
    assert abs(window.y - np.clip(row - (size - 1) / 2, 0, 24 - size)) <= 0.5
    assert abs(window.x - np.clip(column - (size - 1) / 2, 0, 31 - size)) <= 0.5


def test_window_falls_back_to_the_boundary_and_to_the_middle():
    reference = np.zeros((40, 60), np.uint8)
    reference[30:36, 5:9] = 2
    window = liveliest_window([reference, reference], 12, reference=reference)
    near = boundary_band(reference, 1)
    assert near[window.slices].sum() == near.sum()
    assert liveliest_window([], 12, reference=reference) == window
    plain = np.zeros((40, 60), np.uint8)
    middle = liveliest_window([plain], 12, reference=plain)
    assert (middle.y, middle.x) == (14, 24)


def test_window_is_cut_to_the_image():
    reference = noise(1)
    assert liveliest_window([noise(2)], 500, reference=reference).size == 24
    assert Window(x=3, y=5, size=4).slices == (slice(5, 9), slice(3, 7))


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("labels", "reference"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)),
        (np.zeros((4, 4), np.int64), np.zeros((4, 4), np.uint8)),
        (np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4, 1), np.uint8)),
        (np.zeros((0, 4), np.uint8), np.zeros((0, 4), np.uint8)),
    ],
)
def test_bad_maps_are_refused(labels, reference):
    for call in (changed, changed_share, difference):
        with pytest.raises(ValueError, match="must"):
            call(labels, reference)
    with pytest.raises(ValueError, match="must"):
        liveliest_window([labels], 3, reference=reference)


def test_bad_lengths_are_refused():
    with pytest.raises(ValueError, match="width_px must be at least 1, got 0"):
        boundary_band(noise(0), 0)
    with pytest.raises(ValueError, match="size must be at least 1, got -2"):
        liveliest_window([], -2, reference=noise(0))
