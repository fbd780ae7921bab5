"""Panoptic quality against hand-counted cases and a slow loop over sets of pixels; differences by hand."""

import numpy as np
import pytest

from dysample.models.annotations import Panoptic
from dysample.scores.paired import PictureRatios, paired_difference
from dysample.scores.panoptic import (
    PANOPTIC_METRICS,
    PanopticScorer,
    changed_segments,
    liveliest_panoptic_window,
    panoptic_difference,
    segment_counts,
)

CLASSES, THINGS, STUFF = 5, (1, 2, 3), (0, 4)
EVERY = tuple(range(CLASSES))
Pair = tuple[Panoptic, Panoptic]


def panoptic(segments: np.ndarray | list, classes: list[int], crowd: list[bool] | None = None) -> Panoptic:
    return Panoptic(
        np.array(segments, np.uint8),
        np.array(classes, np.uint8),
        np.ones(len(classes), np.float32),
        np.zeros(len(classes), bool) if crowd is None else np.array(crowd, bool),
    )


def made_pair(seed: int) -> Pair:
    """A truth of rectangles with void and crowds, and a prediction that moves some of them."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(20, 50, 2))
    count = int(rng.integers(3, 10))
    truth, guess = np.ones((height, width), np.uint8), np.ones((height, width), np.uint8)
    for number in range(2, count + 1):
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        tall, wide = rng.integers(4, 20, 2)
        truth[y : y + tall, x : x + wide] = number
        y, x = max(0, y + int(rng.integers(-2, 3))), max(0, x + int(rng.integers(-2, 3)))
        guess[y : y + tall, x : x + wide] = number
    classes = rng.integers(0, CLASSES - 1, count)
    guessed = np.where(rng.random(count) < 0.2, rng.integers(0, CLASSES - 1, count), classes)
    truth[rng.random((height, width)) < 0.02] = 0
    truth[: int(rng.integers(0, 12))] = 0
    guess[: int(rng.integers(0, 3))] = 0
    crowd = rng.random(count) < 0.25
    return panoptic(guess, guessed.tolist()), panoptic(truth, classes.tolist(), crowd.tolist())


def slow_counts(pairs: list[Pair]) -> dict[int, list[float]]:
    """Sum of IoU, matches, wrong and missed segments of each class, one set of pixels after the other."""
    counts = {index: [0.0, 0, 0, 0] for index in EVERY}
    for guess, truth in pairs:
        theirs, ours = pixels(truth), pixels(guess)
        void = {(y, x) for y, x in np.argwhere(truth.segments == 0).tolist()}
        taken, found = set(), set()
        for number, mine in ours.items():
            for other, real in theirs.items():
                index = int(truth.classes[other - 1])
                if truth.crowd[other - 1] or guess.classes[number - 1] != index:
                    continue
                iou = len(mine & real) / len((mine - void) | real)
                if iou > 0.5:
                    counts[index][0] += iou
                    counts[index][1] += 1
                    taken.add(number)
                    found.add(other)
        for number, mine in ours.items():
            index = int(guess.classes[number - 1])
            excused = set(void)
            for other, real in theirs.items():
                if truth.crowd[other - 1] and truth.classes[other - 1] == index:
                    excused |= real
            counts[index][2] += number not in taken and len(mine & excused) / len(mine) <= 0.5
        for other in theirs:
            counts[int(truth.classes[other - 1])][3] += other not in found and not truth.crowd[other - 1]
    return counts


def pixels(each: Panoptic) -> dict[int, set]:
    numbers = set(each.segments.ravel().tolist()) - {0}
    return {number: {(y, x) for y, x in np.argwhere(each.segments == number).tolist()} for number in numbers}


def qualities(counts: dict[int, list[float]], classes: tuple[int, ...]) -> list[float]:
    """PQ, SQ and RQ as the mean over the classes that occur."""
    rows = []
    for index in classes:
        iou, matched, wrong, missed = counts[index]
        if matched + wrong + missed:
            whole = matched + wrong / 2 + missed / 2
            rows.append((iou / whole, iou / matched if matched else 0.0, matched / whole))
    return np.mean(rows, axis=0).tolist()


def scorer_of(pairs: list[Pair]) -> PanopticScorer:
    scorer = PanopticScorer(CLASSES, EVERY, THINGS)
    for pair in pairs:
        scorer.update(*pair)
    return scorer


@pytest.mark.parametrize("seed", range(6))
def test_scores_equal_a_slow_loop(seed: int):
    pairs = [made_pair(50 * seed + index) for index in range(12)]
    score, counts = scorer_of(pairs).score(), slow_counts(pairs)
    assert [score.pq, score.sq, score.rq] == pytest.approx(qualities(counts, EVERY))
    assert [score.pq_things, score.sq_things, score.rq_things] == pytest.approx(qualities(counts, THINGS))
    assert [score.pq_stuff, score.sq_stuff, score.rq_stuff] == pytest.approx(qualities(counts, STUFF))
    assert score.per_class[4] is score.per_class_sq[4] is score.per_class_rq[4] is None
    for index in range(4):
        iou, matched, wrong, missed = counts[index]
        assert matched > 0
        assert wrong > 0
        assert missed > 0
        assert score.per_class_sq[index] == pytest.approx(iou / matched)
        assert score.per_class[index] == pytest.approx(iou / (matched + wrong / 2 + missed / 2))


@pytest.mark.parametrize("seed", range(3))
def test_contributions_give_the_score_of_any_choice(seed: int):
    pairs = [made_pair(70 * seed + index) for index in range(10)]
    statistics, weights = scorer_of(pairs).statistics(), np.array([2, 0, 1, 0, 0, 3, 0, 0, 1, 0])
    drawn = [pair for pair, weight in zip(pairs, weights, strict=True) for _ in range(weight)]
    score, again = scorer_of(pairs).score(), scorer_of(drawn).score()
    for name, each in zip(PANOPTIC_METRICS, statistics, strict=True):
        assert each.score == pytest.approx(getattr(score, name))
        assert each.resampled(weights[None].astype(float))[0] == pytest.approx(getattr(again, name))
        restored = PictureRatios.restored(each.arrays())
        assert (restored.scored, restored.per_class) == (each.scored, each.per_class)
    assert statistics[3].scored == THINGS
    assert statistics[3].per_class == (None, *score.per_class[1:4], None)
    assert statistics[4].per_class == (score.per_class[0], None, None, None, score.per_class[4])
    assert statistics[4].of_classes([4, 0, 1]).scored == (0, 1)


def test_a_class_without_a_match_lowers_the_mean_iou():
    """SQ is no plain ratio of sums: a class that occurs and never matches counts as 0."""
    truth = panoptic([[1, 1, 1, 1, 2, 2]], [0, 1])
    guess = panoptic([[1, 1, 1, 1, 2, 2]], [0, 2])
    scorer = scorer_of([(guess, truth)])
    score = scorer.score()
    assert score.per_class_sq == (1, 0, 0, None, None)
    assert score.per_class_rq == (1, 0, 0, None, None)
    assert score.sq == score.rq == score.pq == pytest.approx(1 / 3)
    _, sq, *_ = scorer.statistics()
    assert sq.score == sq.resampled(np.ones((1, 1)))[0] == score.sq
    both = scorer_of([(guess, truth), (truth, truth)]).statistics()[1]
    assert both.resampled(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])).tolist() == pytest.approx(
        [1 / 3, 1, 2 / 3]
    )
    runs = {0: both}
    assert paired_difference(runs, runs).value == 0


# --- By hand ---


def test_a_match_by_hand():
    """Three of four pixels, and one beside: 3 of 5."""
    counts = segment_counts(panoptic([[0, 1, 1, 1, 1]], [1]), panoptic([[1, 1, 1, 1, 2]], [1, 2]), CLASSES)
    assert counts.iou.tolist() == [0, 0.6, 0, 0, 0]
    assert counts.matched.tolist() == [0, 1, 0, 0, 0]
    assert counts.wrong.tolist() == [0] * 5
    assert counts.missed.tolist() == [0, 0, 1, 0, 0]


def test_one_half_is_no_match():
    counts = segment_counts(panoptic([[1, 1, 0]], [1]), panoptic([[1, 2, 2]], [1, 0]), CLASSES)
    assert counts.matched.sum() == 0
    assert (counts.wrong[1], counts.missed[1], counts.missed[0]) == (1, 1, 1)


def test_pixels_without_truth_are_not_in_the_union():
    """Two of two true pixels, and three beside where nothing is known."""
    counts = segment_counts(panoptic([[1, 1, 1, 1, 1]], [1]), panoptic([[1, 1, 0, 0, 0]], [1]), CLASSES)
    assert (counts.iou[1], counts.matched[1], counts.wrong[1]) == (1, 1, 0)


@pytest.mark.parametrize(("unknown", "wrong"), [(2, 1), (3, 0)])
def test_predictions_mostly_without_truth_are_not_wrong(unknown: int, wrong: int):
    """Of four pixels, two or three have no truth; the others are of another class."""
    truth = panoptic([[0] * unknown + [1] * (6 - unknown)], [2])
    counts = segment_counts(panoptic([[1, 1, 1, 1, 0, 0]], [1]), truth, CLASSES)
    assert counts.wrong.tolist() == [0, wrong, 0, 0, 0]


def test_crowds_need_not_be_found_and_excuse_their_own_class():
    truth = panoptic([[1, 1, 1, 1, 2, 2]], [1, 2], [True, False])
    inside = panoptic([[1, 1, 2, 2, 3, 3]], [1, 3, 2])
    counts = segment_counts(inside, truth, CLASSES)
    assert counts.missed.tolist() == [0] * 5
    assert counts.wrong.tolist() == [0, 0, 0, 1, 0]  # class 1 lies in its crowd, class 3 in another's
    assert counts.matched.tolist() == [0, 0, 1, 0, 0]


def test_segments_without_pixels_do_not_count():
    counts = segment_counts(panoptic([[2, 2]], [1, 0]), panoptic([[2, 2]], [3, 0]), CLASSES)
    assert (counts.matched.tolist(), counts.wrong.sum(), counts.missed.sum()) == ([1, 0, 0, 0, 0], 0, 0)


@pytest.mark.parametrize("filled", [True, False])
def test_pictures_of_one_pixel(filled: bool):
    truth = panoptic([[1]], [1])
    guess = truth if filled else panoptic([[0]], [])
    score = scorer_of([(guess, truth)]).score()
    assert (score.pq, score.pq_things, score.pq_stuff) == (float(filled), float(filled), None)


def test_nothing_to_score():
    nothing = panoptic([[0, 0]], [])
    score = scorer_of([(nothing, nothing)]).score()
    assert score.pq is score.sq_things is score.rq_stuff is None
    assert score.per_class == (None,) * CLASSES
    crowd = panoptic([[1, 1]], [1], [True])
    assert scorer_of([(nothing, crowd)]).score().pq is None


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("guess", "message"),
    [
        (panoptic([[0, 0, 0]], []), r"must have the same size, got \(1, 3\) and \(1, 2\)"),
        (panoptic([[1, 2]], [1]), "a map of 1 segments must not have a pixel of number 2"),
        (panoptic([[1, 1]], [CLASSES]), f"prediction must hold class indices below {CLASSES}, got {CLASSES}"),
    ],
)
def test_bad_maps_are_refused(guess: Panoptic, message: str):
    with pytest.raises(ValueError, match=message):
        PanopticScorer(CLASSES, EVERY, THINGS).update(guess, panoptic([[0, 0]], []))


@pytest.mark.parametrize("things", [EVERY, ()])
def test_scorers_without_things_or_stuff_are_refused(things: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"must be things and stuff, got \(0, 1, 2, 3, 4\) with the things"):
        PanopticScorer(CLASSES, EVERY, things)


# --- Differences ---


def test_a_difference_by_hand():
    reference = panoptic([[1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 0]], [0, 1])
    answer = panoptic([[1, 1, 1, 1, 2, 3], [1, 1, 1, 2, 2, 0]], [0, 1, 1])
    found = panoptic_difference(answer, reference)
    # Stuff: 6 of 7; the object: 3 of 5. One pixel changes class, and one is an object of its own.
    assert (found.matched, found.only_here, found.only_there) == (2, 1, 0)
    assert found.class_share == pytest.approx(1 / 12)
    assert found.share == pytest.approx(2 / 12)
    expected = [[False, False, False, True, False, True], [False] * 6]
    assert changed_segments(answer, reference).tolist() == expected


@pytest.mark.parametrize("seed", range(4))
def test_the_share_is_that_of_the_mask(seed: int):
    guess, truth = made_pair(seed)
    found = panoptic_difference(guess, truth)
    changed = changed_segments(guess, truth)
    assert found.share == pytest.approx(changed.mean())
    assert found.share >= found.class_share == pytest.approx((guess.labels() != truth.labels()).mean())
    assert found.matched + found.only_here == len(pixels(guess))
    assert found.matched + found.only_there == len(pixels(truth))
    same = panoptic_difference(guess, guess)
    assert (same.share, same.class_share, same.only_here, same.only_there) == (0, 0, 0, 0)


def test_the_window_holds_what_differs():
    segments = np.ones((40, 60), np.uint8)
    segments[30:36, 5:9] = 2
    reference, plain = panoptic(segments, [0, 1]), panoptic(np.ones((40, 60)), [0])
    for answers in ([plain, reference], [reference]):  # where all agree, edges count
        window = liveliest_panoptic_window(answers, 12, reference=reference)
        assert window.x <= 5 <= 9 <= window.x + 12
        assert window.y <= 30 <= 36 <= window.y + 12
    middle = liveliest_panoptic_window([plain], 12, reference=plain)
    assert (middle.x, middle.y) == (24, 14)
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        liveliest_panoptic_window([], 0, reference=plain)
