"""Overlap of reaches, against hand-computed areas, exact fractions by rectangles, and counting pixels."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from dysample.explain.overlap import cell_reaches, common_areas, marginal_scope, overlap

GRIDS = ("bilinear", "nearest")
SCOPES = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 1.3)


def counted_coverage(scale: int, scope: float, initial: str) -> dict[int, float]:
    """Return the shares of the middle cell by number of reaches, by cutting it along all their edges."""
    reaches = cell_reaches(scale=scale, scope=scope, initial=initial, neighbours=2)
    cuts = []
    for axis in (0, 1):
        edges = reaches.rectangles[:, [axis, axis + 2]].clip(0, 1)
        cuts.append(np.unique(np.concatenate([edges.ravel(), [0.0, 1.0]])))
    shares: dict[int, float] = {}
    left, top, right, bottom = reaches.rectangles.T
    for (x0, x1), (y0, y1) in ((a, b) for a in pairwise(cuts[0]) for b in pairwise(cuts[1])):
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        count = int(((left < x) & (x < right) & (top < y) & (y < bottom)).sum())
        shares[count] = shares.get(count, 0.0) + (x1 - x0) * (y1 - y0)
    return {count: share for count, share in sorted(shares.items()) if share > 1e-9}


@pytest.mark.parametrize("scale", range(2, 65))
def test_reaches_touch_at_the_marginal_scope(scale: int):
    marginal = marginal_scope(scale)
    assert marginal == float(Fraction(1, 2 * scale))
    found = overlap(scale=scale, scope=marginal)
    assert (found.beside_in_cell, found.diagonal_across, found.overlapped, found.shared) == (0, 0, 0, 0)
    assert found.covered == pytest.approx(1)
    beyond = overlap(scale=scale, scope=1.001 * marginal)
    assert min(beyond.beside_in_cell, beyond.diagonal_in_cell, beyond.overlapped, beyond.shared) > 0


def test_marginal_scopes():
    assert marginal_scope(2) == 0.25
    assert marginal_scope(2, initial="nearest") == 0
    assert marginal_scope(1, initial="nearest") == marginal_scope(1) == 0.5


def test_bilinear_by_hand():
    """Scope 0.4, scale 2: squares of side 0.8, half a pixel apart, so 0.3 x 0.8 is common to two."""
    found = overlap(scale=2, scope=0.4)
    assert found.reach_area == pytest.approx(0.64)
    assert found.beside_in_cell == found.beside_across == pytest.approx(0.24)
    assert found.diagonal_in_cell == found.diagonal_across == pytest.approx(0.09)
    # Alone is only the 0.2 x 0.2 in the middle of each of the four squares.
    assert found.overlapped == pytest.approx(1 - 4 * 0.04)
    assert found.shared == pytest.approx(1 - 0.04 / 0.64)
    shares = {entry.reaches: entry.share for entry in found.coverage}
    assert shares == pytest.approx({1: 0.16, 2: 0.48, 4: 0.36})


def test_nearest_by_hand():
    """Scope 0.6, scale 2: four squares of side 1.2 on each pixel's centre."""
    found = overlap(scale=2, scope=0.6, initial="nearest")
    assert found.beside_in_cell == found.diagonal_in_cell == found.reach_area == pytest.approx(1.44)
    assert found.beside_across == pytest.approx(0.2 * 1.2)
    assert found.diagonal_across == pytest.approx(0.04)
    assert (found.covered, found.overlapped, found.shared) == (pytest.approx(1), pytest.approx(1), 1)
    small = overlap(scale=2, scope=0.1, initial="nearest")
    assert small.covered == small.overlapped == pytest.approx(0.04)
    assert (small.beside_across, small.shared) == (0, 1)


def test_without_a_scope_there_is_nothing_to_share():
    for initial in GRIDS:
        found = overlap(scale=3, scope=0.0, initial=initial)
        assert (found.reach_area, found.covered, found.overlapped, found.shared) == (0, 0, 0, None)
        assert [(entry.reaches, entry.share) for entry in found.coverage] == [(0, 1)]


@pytest.mark.parametrize("initial", GRIDS)
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("scope", SCOPES)
def test_coverage_equals_counting_rectangles(initial: str, scale: int, scope: float):
    found = overlap(scale=scale, scope=scope, initial=initial)
    shares = {entry.reaches: entry.share for entry in found.coverage if entry.share > 1e-9}
    assert shares == pytest.approx(counted_coverage(scale, scope, initial), abs=1e-9)
    assert sum(entry.share for entry in found.coverage) == pytest.approx(1)
    assert found.overlapped == pytest.approx(sum(share for count, share in shares.items() if count > 1))
    mean = sum(count * share for count, share in shares.items())
    assert mean == pytest.approx(scale**2 * found.reach_area)


@pytest.mark.parametrize(("initial", "scale", "scope"), [("bilinear", 2, 0.4), ("bilinear", 3, 0.21)])
def test_overlapped_share_equals_throwing_darts(initial: str, scale: int, scope: float):
    rng = np.random.default_rng(0)
    darts = rng.random((20_000, 2))
    low, high = np.split(cell_reaches(scale=scale, scope=scope, initial=initial).rectangles, 2, axis=1)
    hits = ((low < darts[:, None]) & (darts[:, None] < high)).all(axis=2).sum(axis=1)
    assert overlap(scale=scale, scope=scope, initial=initial).overlapped == pytest.approx(
        (hits > 1).mean(), abs=0.015
    )


@pytest.mark.parametrize("initial", GRIDS)
@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("scope", [0.1, 0.3, 0.6])
def test_pairs_equal_the_areas_of_drawn_reaches(initial: str, scale: int, scope: float):
    reaches = cell_reaches(scale=scale, scope=scope, initial=initial)
    areas = common_areas(reaches)
    number = {
        (*cell, *place): k
        for k, (cell, place) in enumerate(zip(reaches.cells.tolist(), reaches.places.tolist(), strict=True))
    }
    found = overlap(scale=scale, scope=scope, initial=initial)
    last = number[0, 0, scale - 1, scale - 1]
    assert areas[last, last] == pytest.approx(found.reach_area)
    for other, expected in (
        ((0, 0, scale - 1, scale - 2), found.beside_in_cell),
        ((0, 0, scale - 2, scale - 1), found.beside_in_cell),
        ((0, 0, scale - 2, scale - 2), found.diagonal_in_cell),
        ((0, 1, scale - 1, 0), found.beside_across),
        ((1, 0, 0, scale - 1), found.beside_across),
        ((1, 1, 0, 0), found.diagonal_across),
    ):
        assert areas[last, number[other]] == pytest.approx(expected, abs=1e-12)


def test_common_areas_equal_a_raster():
    reaches = cell_reaches(scale=2, scope=0.35, initial="bilinear", neighbours=0)
    step = 0.01
    ticks = np.arange(-0.5, 1.5, step) + step / 2
    inside = [
        ((ticks > left) & (ticks < right))[None] & ((ticks > top) & (ticks < bottom))[:, None]
        for left, top, right, bottom in reaches.rectangles
    ]
    raster = [[(a & b).sum() * step**2 for b in inside] for a in inside]
    np.testing.assert_allclose(common_areas(reaches), raster, atol=0.02)


def test_reaches_have_the_documented_order():
    reaches = cell_reaches(scale=2, scope=0.25)
    assert reaches.centres.shape == (36, 2)
    assert reaches.cells[:4].tolist() == [[-1, -1]] * 4
    assert reaches.places[:4].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    middle = (reaches.cells == 0).all(axis=1)
    assert reaches.centres[middle].tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    assert reaches.rectangles[middle][1].tolist() == [0.5, 0, 1, 0.5]
    right = (reaches.cells == [0, 1]).all(axis=1)
    np.testing.assert_allclose(reaches.centres[right], reaches.centres[middle] + [1, 0])
    nearest = cell_reaches(scale=3, scope=0.25, initial="nearest", neighbours=0)
    assert nearest.centres.tolist() == [[0.5, 0.5]] * 9


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 2, "scope": -0.1}, r"scope must be a finite number of at least 0, got -0\.1"),
        ({"scale": 2, "scope": float("nan")}, "scope must be a finite number .* got nan"),
        ({"scale": 2, "scope": float("inf")}, "scope must be a finite number .* got inf"),
        ({"scale": 1, "scope": 0.2}, "scale must be an integer of at least 2, got 1"),
        ({"scale": 2, "scope": 0.2, "initial": "cubic"}, "initial must be 'bilinear' or 'nearest'"),
    ],
)
def test_impossible_overlaps_are_refused(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        overlap(**options)


@pytest.mark.unhooked
def test_impossible_reaches_are_refused():
    with pytest.raises(ValueError, match="neighbours must not be negative, got -1"):
        cell_reaches(scale=2, scope=0.25, neighbours=-1)
    with pytest.raises(ValueError, match="scope must be a finite number"):
        cell_reaches(scale=2, scope=-1.0)
