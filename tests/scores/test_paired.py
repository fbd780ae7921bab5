"""Spread over seeds and the paired bootstrap against analytic intervals and slow loops."""

import random
import statistics
import time

import numpy as np
import pytest

from dysample.scores.paired import PictureRatios, mean_per_class, paired_difference, ratios_of_means, spread

QUANTILE = statistics.NormalDist().inv_cdf(0.975)


def counted(seed: int, pictures: int, classes: int, shift: float = 0.0) -> PictureRatios:
    """Unions of all sizes, some of them zero, and intersections of about two thirds of them."""
    rng = np.random.default_rng(seed)
    wholes = rng.integers(0, 900, (pictures, classes)) * (rng.random((pictures, classes)) < 0.4)
    quality = np.clip(rng.normal(0.66 + shift, 0.15, (pictures, classes)), 0, 1)
    return PictureRatios(
        (wholes * quality).astype(np.int32), wholes.astype(np.int32), scored=tuple(range(classes))
    )


def slow_score(run: PictureRatios, pictures: list[int]) -> float:
    ratios = []
    for index in run.scored:
        part = sum(int(run.parts[picture, index]) for picture in pictures)
        whole = sum(int(run.wholes[picture, index]) for picture in pictures)
        ratios += [part / whole] if whole else []
    return statistics.fmean(ratios)


def slow_interval(runs: dict, reference: dict, resamples: int) -> tuple[float, float]:
    chance, differences = random.Random(4), []
    pictures = range(len(next(iter(runs.values())).parts))
    for _ in range(resamples):
        chosen = chance.choices(pictures, k=len(pictures))
        pairs = [
            slow_score(runs[seed], chosen) - slow_score(reference[seed], chosen)
            for seed in chance.choices(sorted(runs), k=len(runs))
        ]
        differences.append(statistics.fmean(pairs))
    differences.sort()
    return differences[round(0.025 * resamples)], differences[round(0.975 * resamples)]


def test_spread():
    found = spread([0.4, 0.5, 0.9])
    assert found.mean == pytest.approx(0.6)
    assert found.deviation == pytest.approx(statistics.stdev([0.4, 0.5, 0.9]))
    assert spread([0.25]).deviation is None
    with pytest.raises(ValueError, match="at least one run"):
        spread([])


def test_scores_by_hand():
    run = PictureRatios(np.array([[1, 0, 5], [2, 0, 3]]), np.array([[4, 0, 8], [2, 0, 8]]), scored=(0, 1, 2))
    assert run.per_class == (0.5, None, 0.5)
    assert run.score == 0.5
    assert PictureRatios(run.parts, run.wholes, scored=(0,)).score == 0.5
    with pytest.raises(ValueError, match="none of the scored classes"):
        _ = PictureRatios(run.parts, run.wholes, scored=(1,)).score
    other = PictureRatios(np.array([[0, 1, 0]]), np.array([[4, 1, 0]]), scored=(0,))
    assert mean_per_class([run, other]) == (0.25, 1.0, 0.5)


def test_means_leave_out_pictures_without_a_value():
    run = ratios_of_means(np.array([1.0, np.nan, 4.0]))
    assert run.score == 2.5
    assert run.per_class == (2.5,)


@pytest.mark.parametrize("pictures", [200, 2000])
def test_interval_of_a_mean_is_the_normal_one(pictures):
    rng = np.random.default_rng(pictures)
    base = rng.normal(0.5, 3.0, pictures)  # what pictures have in common cancels
    gain = rng.normal(0.02, 0.1, pictures)
    found = paired_difference({7: ratios_of_means(base + gain)}, {7: ratios_of_means(base)}, resamples=8000)
    half = QUANTILE * gain.std() / np.sqrt(pictures)
    assert found.value == pytest.approx(gain.mean())
    assert found.low == pytest.approx(gain.mean() - half, abs=0.06 * half)
    assert found.high == pytest.approx(gain.mean() + half, abs=0.06 * half)
    assert found.seeds == (7,)


@pytest.mark.parametrize(("of_seeds", "of_pictures"), [(0.2, 0.01), (0.01, 0.3), (0.1, 0.4)])
def test_interval_of_a_mean_over_seeds_is_the_normal_one(of_seeds, of_pictures):
    """Crossed effects: the variances of both means add up."""
    rng = np.random.default_rng(3)
    seeds, pictures = 30, 400
    effects, pattern = rng.normal(0, of_seeds, seeds), rng.normal(0, of_pictures, pictures)
    runs = {seed: ratios_of_means(effect + pattern) for seed, effect in enumerate(effects)}
    base = dict.fromkeys(runs, ratios_of_means(np.zeros(pictures)))
    found = paired_difference(runs, base, resamples=8000)
    half = QUANTILE * np.sqrt(effects.var() / seeds + pattern.var() / pictures)
    middle = effects.mean() + pattern.mean()
    assert found.value == pytest.approx(middle)
    assert found.low == pytest.approx(middle - half, abs=0.08 * half)
    assert found.high == pytest.approx(middle + half, abs=0.08 * half)


@pytest.mark.parametrize("seeds", [(5,), (0, 1, 2)])
def test_interval_of_ratios_equals_a_slow_loop(seeds):
    runs = {seed: counted(seed, 24, 3, shift=0.02 * seed) for seed in seeds}
    reference = {seed: counted(50 + seed, 24, 3) for seed in seeds}
    found = paired_difference(runs, reference, resamples=8000)
    every = list(range(24))
    differences = [slow_score(runs[seed], every) - slow_score(reference[seed], every) for seed in seeds]
    assert found.value == pytest.approx(statistics.fmean(differences))
    low, high = slow_interval(runs, reference, 2500)
    assert found.low == pytest.approx(low, abs=0.08 * (high - low))
    assert found.high == pytest.approx(high, abs=0.08 * (high - low))


def test_equal_runs_differ_by_nothing():
    runs = {seed: counted(seed, 30, 3) for seed in range(3)}
    found = paired_difference(runs, runs)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_pairing_takes_out_what_pictures_and_seeds_share():
    base = np.random.default_rng(0).normal(0, 10, 100)
    runs = {seed: ratios_of_means(base + 5 * seed + 0.5) for seed in range(3)}
    found = paired_difference(runs, {seed: ratios_of_means(base + 5 * seed) for seed in range(3)})
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_only_common_seeds_are_paired():
    runs = {seed: counted(seed, 30, 3) for seed in (4, 0, 2)}
    reference = {seed: counted(9, 30, 3) for seed in (2, 0, 7)}
    found = paired_difference(runs, reference)
    assert found.seeds == (0, 2)
    assert found == paired_difference({0: runs[0], 2: runs[2]}, {0: reference[0], 2: reference[2]})


def test_the_draws_follow_the_seed():
    runs, reference = {0: counted(0, 30, 3)}, {0: counted(1, 30, 3)}
    assert paired_difference(runs, reference) == paired_difference(runs, reference)
    assert paired_difference(runs, reference) != paired_difference(runs, reference, rng_seed=1)


def test_only_scored_classes_count():
    run, base = counted(0, 50, 3), counted(1, 50, 3)
    both = [PictureRatios(each.parts, each.wholes, scored=(2,)) for each in (run, base)]
    alone = [PictureRatios(each.parts[:, 2:], each.wholes[:, 2:], scored=(0,)) for each in (run, base)]
    assert paired_difference({0: both[0]}, {0: both[1]}) == paired_difference({0: alone[0]}, {0: alone[1]})


def test_resamples_without_a_value_are_left_out():
    values = np.array([np.nan, np.nan, 0.5])
    found = paired_difference({0: ratios_of_means(values + 1)}, {0: ratios_of_means(values)})
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_fast_enough_for_a_sweep():
    """A whole table of NYU's size is 24 of these: three seeds, 654 pictures, 40 classes."""
    runs = {seed: counted(seed, 654, 40) for seed in range(3)}
    reference = {seed: counted(9 + seed, 654, 40) for seed in range(3)}
    start = time.perf_counter()
    paired_difference(runs, reference)
    assert time.perf_counter() - start < 3


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("parts", "wholes", "scored", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), (0,), "one shape"),
        (np.zeros(3), np.zeros(3), (0,), "one shape"),
        (np.zeros((0, 3)), np.zeros((0, 3)), (0,), "one shape"),
        (np.zeros((2, 3)), np.full((2, 3), -1), (0,), "at least 0"),
        (np.full((2, 3), np.nan), np.ones((2, 3)), (0,), "finite"),
        (np.zeros((2, 3)), np.ones((2, 3)), (3,), "from 0 to 2"),
        (np.zeros((2, 3)), np.ones((2, 3)), (), "from 0 to 2"),
    ],
)
def test_bad_counts_are_refused(parts, wholes, scored, message):
    with pytest.raises(ValueError, match=message):
        PictureRatios(parts, wholes, scored)


def test_runs_that_cannot_be_paired_are_refused():
    run = {0: counted(0, 30, 3)}
    with pytest.raises(ValueError, match=r"share seeds, got the seeds \[0\] and \[1\]"):
        paired_difference(run, {1: run[0]})
    for other in (counted(0, 31, 3), counted(0, 30, 4)):
        with pytest.raises(ValueError, match="same pictures and classes"):
            paired_difference(run, {0: other})
