"""Depth scores against hand-computed cases and a slow loop over pixels."""

import math

import numpy as np
import pytest

from dysample.scores.depth import METRICS, DepthScorer, depth_metrics, eigen_crop, error_map, has_truth
from dysample.scores.paper import paper_table


def depths(seed: int, height: int = 48) -> np.ndarray:
    """Depths with far and near outliers and holes of every kind."""
    rng = np.random.default_rng(seed)
    truth = rng.lognormal(0.9, 0.8, (height, height * 4 // 3)).astype(np.float32)
    for hole in (0, np.nan, np.inf, -np.inf, -1):
        truth[rng.random(truth.shape) < 0.05] = hole
    return truth


def guesses(truth: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noisy = np.where(has_truth(truth), truth, 1) * rng.lognormal(0, 0.4, truth.shape)
    return np.where(rng.random(truth.shape) < 0.03, -1, noisy).astype(np.float32)


def slow_metrics(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Compute the formulas one pixel at a time."""
    near = [0, 0, 0]
    absolute = squared = relative = logs = tens = 0.0
    n = 0
    for p, t in zip(map(float, prediction.ravel()), map(float, truth.ravel()), strict=True):
        if not math.isfinite(t) or t <= 0:
            continue
        p, t, n = min(max(p, 0.001), 10.0), min(max(t, 0.001), 10.0), n + 1
        for k in range(3):
            near[k] += p < t * 1.25 ** (k + 1) and t < p * 1.25 ** (k + 1)
        absolute += abs(p - t) / t
        relative += (p - t) ** 2 / t
        squared += (p - t) ** 2
        logs += math.log(p / t) ** 2
        tens += abs(math.log10(p / t))
    values = [*(x / n for x in near), absolute / n, math.sqrt(squared / n)]
    return dict(zip(METRICS, [*values, tens / n, math.sqrt(logs / n), relative / n], strict=True))


@pytest.mark.parametrize("height", [3, 24, 48, 75])
def test_metrics_equal_a_slow_loop(height):
    truth = depths(height, height)
    prediction = guesses(truth, height + 1)
    expected = slow_metrics(prediction, truth)
    assert depth_metrics(prediction, truth) == pytest.approx(list(expected.values()))


def test_the_data_set_s_scores_are_means_of_the_pictures():
    scorer, slow = DepthScorer(), []
    for seed in range(4):
        truth = depths(seed, 240)
        prediction = guesses(truth, 10 + seed)
        scorer.update(prediction, truth)
        slow.append(list(slow_metrics(prediction[23:235, 21:300], truth[23:235, 21:300]).values()))
    score = scorer.score()
    assert scorer.pictures == pytest.approx(np.array(slow))
    assert [getattr(score, name) for name in METRICS] == pytest.approx(np.mean(slow, axis=0).tolist())
    assert score.pictures == 4


def test_by_hand():
    truth = np.array([[1, 2, 4, 8]], np.float32)
    prediction = np.array([[1, 4, 4, 10]], np.float32)
    # Factors 1, 2, 1 and 1.25, which is not below 1.25; 1.25 to the third is 1.95.
    expected = {
        "delta1": 2 / 4,
        "delta2": 3 / 4,
        "delta3": 3 / 4,
        "abs_rel": (0 + 1 + 0 + 0.25) / 4,
        "rms": math.sqrt((0 + 4 + 0 + 4) / 4),
        "log10": (math.log10(2) + math.log10(1.25)) / 4,
        "rms_log": math.sqrt((math.log(2) ** 2 + math.log(1.25) ** 2) / 4),
        "sq_rel": (0 + 2 + 0 + 0.5) / 4,
    }
    assert dict(zip(METRICS, depth_metrics(prediction, truth), strict=True)) == pytest.approx(expected)


def test_depths_are_cut_to_the_range():
    truth = np.array([[12, 10, 0.0001]], np.float32)
    assert depth_metrics(np.array([[11, 30, -5]], np.float32), truth).tolist() == [1, 1, 1, 0, 0, 0, 0, 0]


def test_all_right_and_a_constant_factor():
    truth = np.clip(np.where(has_truth(depths(3)), depths(3), 1), 0.1, 6)
    assert depth_metrics(truth, truth).tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    stretched = dict(zip(METRICS, depth_metrics(truth * np.float32(1.5), truth), strict=True))
    assert stretched["delta1"] == 0
    assert stretched["delta2"] == 1
    assert stretched["abs_rel"] == pytest.approx(0.5, rel=1e-5)
    assert stretched["rms_log"] == pytest.approx(math.log(1.5), rel=1e-5)
    assert stretched["log10"] == pytest.approx(math.log10(1.5), rel=1e-5)


def test_the_names_are_the_paper_s():
    assert paper_table("table9").columns[2:] == METRICS


def test_pictures_without_truth_do_not_count():
    truth = np.ones((48, 64), np.float32)
    scorer = DepthScorer()
    assert scorer.score().rms is None
    assert scorer.pictures.shape == (0, 8)
    scorer.update(truth, np.zeros_like(truth))
    assert np.isnan(scorer.pictures).all()
    assert scorer.score().pictures == 0
    scorer.update(2 * truth, truth)
    assert scorer.score().abs_rel == 1
    assert scorer.score().pictures == 1


def test_the_crop():
    assert eigen_crop(480, 640) == (slice(45, 471), slice(41, 601))
    assert eigen_crop(240, 320) == (slice(23, 235), slice(21, 300))
    assert eigen_crop(960, 1280) == (slice(90, 942), slice(82, 1202))


@pytest.mark.parametrize("height", [3, 6, 21, 120, 240, 333])
def test_the_crop_holds_whole_pixels(height):
    """Scaled to 480 rows, no pixel of the crop reaches beyond the crop."""
    for crop, size, low, high, full in zip(
        eigen_crop(height, height * 4 // 3),
        (height, height * 4 // 3),
        (45, 41),
        (471, 601),
        (480, 640),
        strict=True,
    ):
        inside = [i for i in range(size) if i * full >= low * size and (i + 1) * full <= high * size]
        assert list(range(size))[crop] == inside
        assert inside


def test_pixels_outside_the_crop_change_nothing():
    truth = np.full((240, 320), 2, np.float32)
    prediction = np.full((240, 320), 9, np.float32)
    prediction[23:235, 21:300] = 2
    scorer = DepthScorer()
    scorer.update(prediction, truth)
    assert scorer.score().delta1 == 1
    prediction[234, 299] = 9
    scorer.update(prediction, truth)
    assert scorer.pictures[1, 0] == pytest.approx(1 - 1 / (212 * 279))


def test_error_map():
    truth = np.array([[2, 4, 0], [np.nan, 20, 1]], np.float32)
    prediction = np.array([[1, 5, 3], [3, 5, 0]], np.float32)
    expected = np.array([[-0.5, 0.25, np.nan], [np.nan, -0.5, -0.999]], np.float32)
    assert error_map(prediction, truth, signed=True) == pytest.approx(expected, nan_ok=True)
    assert error_map(prediction, truth, signed=False) == pytest.approx(np.abs(expected), nan_ok=True)
    known = has_truth(truth)
    absolute = error_map(prediction, truth, signed=False)[known].mean()
    assert absolute == pytest.approx(depth_metrics(prediction, truth)[METRICS.index("abs_rel")])


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("prediction", "truth", "message"),
    [
        (np.ones((4, 4)), np.ones((3, 4)), "one shape"),
        (np.ones((1, 3, 4)), np.ones((1, 3, 4)), "one shape"),
        (np.full((3, 4), np.nan), np.ones((3, 4)), "12 pixels"),
        (np.full((3, 4), np.inf), np.zeros((3, 4)), "must be finite"),
    ],
)
def test_bad_maps_are_refused(prediction, truth, message):
    for score in (depth_metrics, lambda p, t: error_map(p, t, signed=True)):
        with pytest.raises(ValueError, match=message):
            score(prediction, truth)


@pytest.mark.parametrize("size", [(480, 480), (240, 321), (0, 0)])
def test_other_shapes_have_no_crop(size):
    with pytest.raises(ValueError, match="4:3"):
        eigen_crop(*size)
