"""Average precision of drawn pictures against pycocotools on data sets that repeat them, and its files."""

import io

import numpy as np
import pytest

from dysample.scores.objects import BoxScorer
from dysample.scores.paired import paired_difference
from dysample.scores.precision import PictureMatches
from tests.scores.objects import CLASSES, Pair, average, by_pycocotools, made_set

EVERY = tuple(range(CLASSES))


def without_ties(pairs: list[Pair], seed: int) -> list[Pair]:
    """The same with a score for each prediction that no other has, of pictures in another order."""
    rng = np.random.default_rng(seed)
    scores = rng.permutation(sum(len(found) for found, _ in pairs)) / 1000
    made: list[Pair] = []
    for found, truth in pairs:
        own, scores = np.sort(scores[: len(found)])[::-1], scores[len(found) :]
        made.append((type(found)(**fields(found) | {"scores": own.astype(np.float32)}), truth))
    return made


def fields(found) -> dict:
    return {name: getattr(found, name) for name in type(found).__dataclass_fields__}


def matches_of(pairs: list[Pair], classes: int = CLASSES) -> PictureMatches:
    scorer = BoxScorer(classes, range(classes))
    for pair in pairs:
        scorer.update(*pair)
    return scorer.statistics()[0]


def repeated(pairs: list[Pair], weights: np.ndarray) -> list[Pair]:
    return [pair for pair, weight in zip(pairs, weights.tolist(), strict=True) for _ in range(int(weight))]


@pytest.mark.parametrize("seed", range(3))
def test_drawn_pictures_score_as_a_data_set_that_repeats_them(seed: int):
    pairs = without_ties(made_set(seed, 16, with_masks=False), seed)
    matches, rng = matches_of(pairs), np.random.default_rng(seed)
    weights = np.array([np.bincount(rng.integers(0, 16, 16), minlength=16) for _ in range(12)], np.float64)
    weights[0] = 1
    weights[1] = np.eye(16)[3] * 5
    weights[2] = 0
    for threshold in (None, 0, 5):
        each = matches if threshold is None else matches.at(threshold)
        found = each.resampled(weights)
        for value, drawn in zip(found.tolist(), weights, strict=True):
            if not drawn.any():
                assert np.isnan(value)
                continue
            expected = average(by_pycocotools(repeated(pairs, drawn), "bbox"), threshold=threshold)
            assert (None if np.isnan(value) else value) == (
                None if expected is None else pytest.approx(expected, abs=1e-9)
            )
        assert found[0] == pytest.approx(each.score, abs=1e-12)


def test_equal_scores_of_several_pictures_follow_their_order():
    """Each picture has one prediction, so copies of a picture have equal scores alone."""
    pairs = []
    for found, truth in made_set(7, 30, with_masks=False):
        if len(found):
            pairs.append((found.chosen(np.array([0])), truth))
    matches, rng = matches_of(pairs), np.random.default_rng(0)
    for _ in range(5):
        weights = np.bincount(rng.integers(0, len(pairs), len(pairs)), minlength=len(pairs))
        expected = average(by_pycocotools(repeated(pairs, weights), "bbox"))
        assert matches.resampled(weights[None].astype(float))[0] == pytest.approx(expected, abs=1e-9)


def made_matches(hits: list[int], ignored: list[int], objects: int) -> PictureMatches:
    """Predictions of one class in as many pictures, at one threshold."""
    n = len(hits)
    truths = np.zeros((n, 1), np.int64)
    truths[0] = objects
    return PictureMatches(
        np.arange(n), np.zeros(n, np.uint8), np.uint16(hits), np.uint16(ignored), truths, 1, (0,)
    )


def test_weights_by_hand():
    matches = made_matches([0, 1, 1], [0, 0, 0], 4)
    # One wrong, then two right: precision 2/3 up to a recall of 1/2.
    assert matches.score == pytest.approx(51 / 101 * 2 / 3)
    twice, never = matches.resampled(np.array([[1.0, 2.0, 1.0], [0.0, 1.0, 1.0]])).tolist()
    assert twice == pytest.approx(76 / 101 * 3 / 4)  # three of four objects, 3 of 4 predictions
    assert np.isnan(never)  # the objects are in the first picture


def test_ignored_predictions_do_not_count():
    assert made_matches([0, 1, 0, 1], [1, 0, 1, 0], 2).score == 1
    assert made_matches([0, 1, 0, 1], [1, 0, 0, 0], 2).score == pytest.approx((51 + 50 * 2 / 3) / 101)


@pytest.mark.parametrize("chosen", [[2, 0], [1], list(EVERY)])
def test_classes_can_be_chosen(chosen: list[int]):
    matches = matches_of(made_set(1, 20, with_masks=False))
    some = matches.of_classes(chosen)
    assert some.per_class == tuple(matches.per_class[index] for index in chosen)
    assert some.scored == tuple(range(len(chosen)))
    assert some.shape == (20, len(chosen))


@pytest.mark.parametrize("scored", [EVERY, (0, 2)])
def test_files_hold_all_and_are_small(scored: tuple[int, ...]):
    scorer = BoxScorer(CLASSES, scored)
    for pair in made_set(2, 40, with_masks=False):
        scorer.update(*pair)
    for matches in scorer.statistics():
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **matches.arrays())
        with np.load(io.BytesIO(buffer.getvalue())) as arrays:
            again = PictureMatches.restored(dict(arrays))
        assert (again.scored, again.thresholds, again.shape) == (scored, matches.thresholds, matches.shape)
        assert again.per_class == matches.per_class
        weights = np.random.default_rng(0).integers(0, 4, (5, 40)).astype(float)
        assert again.resampled(weights).tolist() == matches.resampled(weights).tolist()
        assert len(buffer.getvalue()) < 2048 + 6 * len(matches.hits)


def test_differences_are_those_of_drawn_pictures():
    """The draws are others than those of the bootstrap; that each is scored rightly is tested above."""
    pairs = made_set(4, 14, with_masks=False)
    ours, theirs = matches_of(without_ties(pairs, 1)), matches_of(without_ties(pairs, 2))
    found = paired_difference({3: ours}, {3: theirs}, resamples=4000)
    rng = np.random.default_rng(9)
    weights = np.array([np.bincount(rng.integers(0, 14, 14), minlength=14) for _ in range(4000)], np.float64)
    differences = ours.resampled(weights) - theirs.resampled(weights)
    low, high = np.quantile(differences, [0.025, 0.975])
    assert found.value == pytest.approx(ours.score - theirs.score)
    assert found.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"truths": np.zeros((0, 2), np.int64)}, "truths must be counts of shape"),
        ({"truths": np.full((2, 2), -1)}, "truths must be counts of shape"),
        ({"thresholds": 17}, "thresholds must be from 1 to 16, got 17"),
        ({"hits": np.zeros(2, np.uint16)}, "every prediction must have a picture, a class and two masks"),
        ({"pictures": np.array([0, 1, 2])}, "pictures must be indices from 0 to 1, got 2"),
        ({"classes": np.array([0, 5, 1], np.uint8)}, "classes must be indices from 0 to 1, got 5"),
        ({"scored": ()}, "scored must be indices from 0 to 1"),
        ({"scored": (2,)}, "scored must be indices from 0 to 1"),
    ],
)
def test_bad_matches_are_refused(changes: dict, message: str):
    good = {
        "pictures": np.array([0, 1, 1]),
        "classes": np.array([0, 1, 1], np.uint8),
        "hits": np.zeros(3, np.uint16),
        "ignored": np.zeros(3, np.uint16),
        "truths": np.ones((2, 2), np.int64),
        "thresholds": 10,
        "scored": (0, 1),
    }
    assert PictureMatches(**good).score == 0
    with pytest.raises(ValueError, match=message):
        PictureMatches(**good | changes)


def test_no_object_of_a_scored_class_has_no_score():
    with pytest.raises(ValueError, match=r"none of the scored classes \(0,\) occurs"):
        _ = made_matches([0], [0], 0).score
