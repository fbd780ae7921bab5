"""Segmentation scores against hand-counted cases and a slow implementation by distances."""

import time

import numpy as np
import pytest
from scipy.ndimage import distance_transform_cdt

from dysample.scores.paired import PictureRatios
from dysample.scores.segmentation import BoundaryOverlap, ConfusionMatrix, SegmentationScorer


def blocks(seed: int, size: tuple[int, int], classes: int, ignore: bool = True) -> np.ndarray:
    """A label map of rectangles, some of them ignored."""
    rng = np.random.default_rng(seed)
    height, width = size
    labels = np.zeros((height, width), np.uint8)
    for _ in range(12):
        y, x = rng.integers(0, height), rng.integers(0, width)
        value = 255 if ignore and rng.random() < 0.2 else rng.integers(0, classes)
        labels[y : y + rng.integers(1, height + 1), x : x + rng.integers(1, width + 1)] = value
    return labels


def distance_band(mask: np.ndarray, distance: int) -> np.ndarray:
    """Pixels of a mask at most `distance` steps (king's moves) away from the outside."""
    steps = np.asarray(distance_transform_cdt(np.pad(mask, 1), metric="chessboard"))
    return mask & (steps[1:-1, 1:-1] <= distance)


def slow_scores(pairs: list[tuple[np.ndarray, np.ndarray]], classes: int) -> tuple[list, list]:
    """IoU and boundary IoU per class, one mask at a time."""
    regions, boundaries = [], []
    for index in range(classes):
        counts = np.zeros(4)
        for prediction, target in pairs:
            guess, truth = (prediction == index) & (target != 255), target == index
            distance = max(1, round(0.02 * float(np.linalg.norm(target.shape))))
            near_guess, near_truth = distance_band(guess, distance), distance_band(truth, distance)
            counts += [(guess & truth).sum(), (guess | truth).sum(), 0, 0]
            counts += [0, 0, (near_guess & near_truth).sum(), (near_guess | near_truth).sum()]
        regions.append(counts[0] / counts[1] if counts[1] else None)
        boundaries.append(counts[2] / counts[3] if counts[3] else None)
    return regions, boundaries


def mean(values: list) -> float:
    return float(np.mean([value for value in values if value is not None]))


@pytest.mark.parametrize("size", [(60, 80), (151, 97), (1, 1), (3, 120), (240, 320)])
@pytest.mark.parametrize("classes", [2, 5, 21])
def test_scores_equal_slow_masks(size, classes):
    pairs = [(blocks(10 + k, size, classes, ignore=False), blocks(k, size, classes)) for k in range(3)]
    pairs.append((pairs[0][0].T.copy(), pairs[0][1].T.copy()))
    pairs[0][0][pairs[0][1] == 255] = 255  # whatever is predicted there
    scorer = SegmentationScorer(classes)
    for prediction, target in pairs:
        scorer.update(prediction, target)
    regions, boundaries = slow_scores(pairs, classes)
    score = scorer.score()
    assert score.per_class == pytest.approx(regions)
    assert score.per_class_boundary == pytest.approx(boundaries)
    assert score.miou == pytest.approx(mean(regions))
    assert score.boundary_miou == pytest.approx(mean(boundaries))


def test_means_by_hand():
    target = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
    prediction = np.array([[0, 1, 1], [1, 1, 3]], np.uint8)
    scorer = SegmentationScorer(4)
    scorer.update(prediction, target)
    assert scorer.score().miou == pytest.approx(1 / 3)
    assert scorer.score([0, 1, 3]).miou == 0.5
    assert scorer.score([3]).miou is None


def test_counts_of_every_picture():
    pairs = [(blocks(20 + k, (60, 80), 5, ignore=False), blocks(k, (60, 80), 5)) for k in range(4)]
    scorer = SegmentationScorer(5)
    for prediction, target in pairs:
        scorer.update(prediction, target)
    for index, (prediction, target) in enumerate(pairs):
        alone = SegmentationScorer(5)
        alone.update(prediction, target)
        for all_of_them, one in (
            (scorer.regions(), alone.confusion),
            (scorer.boundaries(), alone.boundary),
        ):
            assert all_of_them.parts[index].tolist() == one.intersection.tolist()
            assert all_of_them.wholes[index].tolist() == one.union.tolist()
            assert all_of_them.parts.dtype == all_of_them.wholes.dtype == np.int32


@pytest.mark.parametrize("scored", [None, [0, 3]])
def test_counts_give_the_scores_of_any_choice(scored):
    pairs = [(blocks(20 + k, (60, 80), 5, ignore=False), blocks(k, (60, 80), 5)) for k in range(4)]
    chosen = [0, 2, 2, 3]
    every, resampled = SegmentationScorer(5), SegmentationScorer(5)
    for pair in pairs:
        every.update(*pair)
    for index in chosen:
        resampled.update(*pairs[index])
    score = resampled.score(scored)
    for counts, value, per_class in (
        (every.regions(scored), score.miou, score.per_class),
        (every.boundaries(scored), score.boundary_miou, score.per_class_boundary),
    ):
        again = PictureRatios(counts.parts[chosen], counts.wholes[chosen], counts.scored)
        assert again.score == pytest.approx(value)
        assert again.per_class == pytest.approx(per_class)


def test_no_pictures_no_counts():
    with pytest.raises(ValueError, match="one shape"):
        SegmentationScorer(3).regions()


def test_prediction_does_not_matter_where_ignored():
    target = blocks(7, (90, 120), 4)
    scores = []
    for filling in (0, 3, 255):
        scorer = SegmentationScorer(4)
        scorer.update(np.where(target == 255, np.uint8(filling), target), target)
        scores.append(scorer.score())
    assert (target == 255).any()
    assert scores[0] == scores[1] == scores[2]
    assert scores[0].miou == scores[0].boundary_miou == 1.0


def test_nothing_to_score():
    scorer = SegmentationScorer(3)
    scorer.update(np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8))
    assert scorer.score().miou is None
    assert scorer.score().boundary_miou is None
    assert scorer.score().per_class_boundary == (None, None, None)


def test_mean_over_chosen_classes():
    target = blocks(5, (64, 64), 5, ignore=False)
    scorer = SegmentationScorer(5)
    scorer.update(blocks(6, (64, 64), 5, ignore=False), target)
    score = scorer.score(classes=[1, 4])
    assert score.miou == pytest.approx(mean([score.per_class[1], score.per_class[4]]))
    assert score.boundary_miou == pytest.approx(mean([score.per_class_boundary[k] for k in (1, 4)]))


def test_fast_enough_for_a_data_set():
    prediction, target = blocks(1, (360, 480), 21, ignore=False), blocks(2, (360, 480), 21)
    scorer = SegmentationScorer(21)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        scorer.update(prediction, target)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.06


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)),
        (np.zeros((4, 4), np.int64), np.zeros((4, 4), np.int64)),
        (np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), np.uint8)),
        (np.full((4, 4), 3, np.uint8), np.zeros((4, 4), np.uint8)),
        (np.full((4, 4), 255, np.uint8), np.zeros((4, 4), np.uint8)),
        (np.zeros((4, 4), np.uint8), np.full((4, 4), 7, np.uint8)),
    ],
)
def test_bad_maps_are_refused(prediction, target):
    for counter in (ConfusionMatrix(3), BoundaryOverlap(3), SegmentationScorer(3)):
        with pytest.raises(ValueError, match="must"):
            counter.update(prediction, target)


@pytest.mark.parametrize("classes", [0, -1, 256])
def test_bad_numbers_of_classes_are_refused(classes):
    with pytest.raises(ValueError, match=f"between 1 and 255, got {classes}"):
        SegmentationScorer(classes)


@pytest.mark.parametrize("chosen", [[3], [-1]])
def test_unknown_classes_are_refused(chosen):
    with pytest.raises(ValueError, match="indices from 0 to 2"):
        SegmentationScorer(3).score(chosen)
