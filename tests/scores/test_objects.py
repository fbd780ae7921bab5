"""Average precision of boxes, masks and boundaries against pycocotools and by hand; differences by hand."""

import numpy as np
import pytest

from dysample.models.annotations import Objects
from dysample.scores.objects import (
    BOX_METRICS,
    MASK_METRICS,
    BoxScore,
    BoxScorer,
    MaskScore,
    MaskScorer,
    inner_band,
    liveliest_object_window,
    object_difference,
    object_pairs,
    regions,
)
from tests.scores.objects import CLASSES, Pair, average, boxes, by_pycocotools, made_set, masked, near_edge

EVERY = tuple(range(CLASSES))
EXACT = 1e-9


def scored_boxes(pairs: list[Pair], classes: int = CLASSES) -> BoxScore:
    scorer = BoxScorer(classes, range(classes))
    for pair in pairs:
        scorer.update(*pair)
    return scorer.score()


def scored_masks(pairs: list[Pair], classes: int = CLASSES) -> MaskScore:
    scorer = MaskScorer(classes, range(classes))
    for pair in pairs:
        scorer.update(*pair)
    return scorer.score()


def square(height: int, width: int, *sides: tuple[int, int, int, int]) -> np.ndarray:
    """Masks of rectangles: left, top, right, bottom."""
    masks = np.zeros((len(sides), height, width), bool)
    for mask, (left, top, right, bottom) in zip(masks, sides, strict=True):
        mask[top:bottom, left:right] = True
    return masks


# --- Against pycocotools ---


@pytest.mark.parametrize("seed", range(4))
def test_boxes_equal_pycocotools(seed: int):
    pairs = made_set(seed, 25, with_masks=False)
    assert max(len(found) for found, _ in pairs) > 100
    assert any(truth.crowd.any() for _, truth in pairs)
    score, expected = scored_boxes(pairs), by_pycocotools(pairs, "bbox")
    assert score.box_ap == pytest.approx(average(expected), abs=EXACT)
    assert score.box_ap50 == pytest.approx(average(expected, threshold=0), abs=EXACT)
    assert score.box_ap75 == pytest.approx(average(expected, threshold=5), abs=EXACT)
    assert score.box_ap_small == pytest.approx(average(expected, size=1), abs=EXACT)
    assert score.box_ap_medium == pytest.approx(average(expected, size=2), abs=EXACT)
    assert score.box_ap_large == pytest.approx(average(expected, size=3), abs=EXACT)
    each = [average(expected, category=index) for index in EVERY]
    assert score.per_class == pytest.approx(each, abs=EXACT)
    assert score.per_class[CLASSES - 1] is None  # no truth is of the last class
    assert 0.05 < (score.box_ap or 0) < 0.95


@pytest.mark.parametrize("seed", range(3))
def test_masks_equal_pycocotools(seed: int):
    pairs = made_set(seed, 18, with_masks=True)
    score, expected = scored_masks(pairs), by_pycocotools(pairs, "segm")
    assert score.mask_ap == pytest.approx(average(expected), abs=EXACT)
    assert score.mask_ap50 == pytest.approx(average(expected, threshold=0), abs=EXACT)
    assert score.mask_ap75 == pytest.approx(average(expected, threshold=5), abs=EXACT)
    assert score.mask_ap_small == pytest.approx(average(expected, size=1), abs=EXACT)
    assert score.mask_ap_medium == pytest.approx(average(expected, size=2), abs=EXACT)
    assert score.mask_ap_large == pytest.approx(average(expected, size=3), abs=EXACT)
    each = [average(expected, category=index) for index in EVERY]
    assert score.per_class == pytest.approx(each, abs=EXACT)
    near = by_pycocotools(pairs, "boundary")
    assert score.boundary_ap == pytest.approx(average(near), abs=EXACT)
    each = [average(near, category=index) for index in EVERY]
    assert score.per_class_boundary == pytest.approx(each, abs=EXACT)
    assert 0.05 < (score.boundary_ap or 0) < (score.mask_ap or 0) < 0.95


@pytest.mark.parametrize("seed", range(5))
def test_equal_scores_keep_their_order_as_in_pycocotools(seed: int):
    """All scores are one: the order of pictures and of predictions alone decides."""
    pairs = [
        (Objects(f.height, f.width, f.boxes, f.classes, np.ones_like(f.scores), None, f.crowd), truth)
        for f, truth in made_set(seed, 12, with_masks=False)
    ]
    assert scored_boxes(pairs).box_ap == pytest.approx(average(by_pycocotools(pairs, "bbox")), abs=EXACT)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (1, 1), (5, 90), (200, 150)])
def test_bands_equal_distances(height: int, width: int):
    rng = np.random.default_rng(height)
    for _ in range(6):
        mask = np.zeros((height, width), bool)
        for _ in range(3):
            y, x = rng.integers(0, height), rng.integers(0, width)
            mask[y : y + rng.integers(1, height + 1), x : x + rng.integers(1, width + 1)] ^= True
        assert np.array_equal(inner_band(mask), near_edge(mask))


# --- By hand ---


def test_a_wrong_prediction_before_the_right_one_halves_the_precision():
    truth = boxes(50, 50, [(0, 0, 10, 10)], [1])
    found = boxes(50, 50, [(30, 30, 40, 40), (0, 0, 10, 10)], [1, 1], [0.9, 0.8])
    score = scored_boxes([(found, truth)])
    assert (score.box_ap, score.box_ap50, score.box_ap75) == (0.5, 0.5, 0.5)
    assert score.box_ap_small == 0.5
    assert score.box_ap_medium is None
    assert score.per_class == (None, 0.5, None, None)


def test_one_of_two_objects_is_half_of_the_recalls():
    """Recalls from 0 to 0.5 are reached: 51 of 101."""
    truth = boxes(50, 50, [(0, 0, 10, 10), (20, 20, 30, 30)], [0, 0])
    found = boxes(50, 50, [(0, 0, 10, 10)], [0], [0.9])
    assert scored_boxes([(found, truth)]).box_ap == pytest.approx(51 / 101)


def test_thresholds_that_an_overlap_reaches():
    """9 of 12 rows are shared: an IoU of 0.75, which reaches 6 of 10 thresholds."""
    truth = boxes(50, 50, [(0, 0, 10, 12)], [0])
    found = boxes(50, 50, [(0, 3, 10, 12)], [0], [0.9])
    score = scored_boxes([(found, truth)])
    assert (score.box_ap, score.box_ap50, score.box_ap75) == (pytest.approx(0.6), 1, 1)


def test_an_object_is_found_once():
    truth = boxes(50, 50, [(0, 0, 10, 10), (20, 20, 30, 30)], [0, 0])
    found = boxes(50, 50, [(0, 0, 10, 10), (0, 0, 10, 10), (20, 20, 30, 30)], [0] * 3, [0.9, 0.8, 0.7])
    # Precision 1 up to a recall of one half, then 2 of 3.
    assert scored_boxes([(found, truth)]).box_ap == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_predictions_in_a_crowd_are_not_counted():
    truth = boxes(50, 50, [(0, 0, 30, 30), (40, 40, 50, 50)], [0, 0], crowd=[True, False])
    inside = [(0, 0, 10, 10), (5, 5, 20, 20)]
    found = boxes(50, 50, [*inside, (40, 40, 50, 50)], [0] * 3, [0.9, 0.8, 0.7])
    assert scored_boxes([(found, truth)]).box_ap == 1
    other = boxes(50, 50, [*inside, (40, 40, 50, 50)], [1, 1, 0], [0.9, 0.8, 0.7])
    score = scored_boxes([(other, truth), (found, truth)])
    assert score.per_class == (1, None, None, None)  # nothing of class 1 is to be found, so it has no AP


def test_the_boundary_tells_a_shifted_mask():
    """Squares of 40 in 100 by 100 pixels (a band of 3), one column apart."""
    truth = masked(square(100, 100, (30, 30, 70, 70)), [0])
    found = masked(square(100, 100, (31, 30, 71, 70)), [0], [0.9])
    score = scored_masks([(found, truth)])
    assert score.mask_ap == 1  # 39 of 41 columns: 0.951
    # Bands: 40^2 - 34^2 = 444 pixels each. They share 6 rows of 39, and of 34 rows 2 columns on each side.
    shared = 6 * 39 + 34 * (2 + 2)
    overlap = shared / (2 * 444 - shared)
    assert score.boundary_ap == pytest.approx(0.1 * sum(overlap >= 0.5 + 0.05 * step for step in range(10)))
    assert 0 < (score.boundary_ap or 0) < 1


def test_the_overlap_of_a_boundary_is_never_above_that_of_the_mask():
    """A ring has the band of the disc, but lacks its inside."""
    disc = square(100, 100, (20, 20, 60, 60))
    ring = disc & ~square(100, 100, (24, 24, 56, 56))
    score = scored_masks([(masked(ring, [0], [0.9]), masked(disc, [0]))])
    assert (score.mask_ap, score.boundary_ap) == (0, 0)  # 576 of 1600 pixels


# --- Edges ---


def test_no_prediction_scores_nothing():
    truth = boxes(50, 50, [(0, 0, 10, 10)], [1])
    score = scored_boxes([(boxes(50, 50, [], []), truth)])
    assert (score.box_ap, score.per_class) == (0, (None, 0, None, None))


@pytest.mark.parametrize("crowd", [False, True])
def test_no_object_has_no_score(crowd: bool):
    corners = [(0, 0, 10, 10)] if crowd else []
    truth = boxes(50, 50, corners, [1] * len(corners), crowd=[True] * len(corners))
    found = boxes(50, 50, [(0, 0, 10, 10)], [1], [0.5])
    score = scored_boxes([(found, truth)])
    assert (score.box_ap, score.box_ap50, score.per_class) == (None, None, (None,) * CLASSES)


def test_classes_that_are_not_scored_do_not_count():
    truth = boxes(50, 50, [(0, 0, 10, 10), (20, 20, 30, 30)], [0, 1])
    found = boxes(50, 50, [(0, 0, 10, 10)], [1], [0.9])
    scorer = BoxScorer(2, (1,))
    scorer.update(found, truth)
    scorer.update(boxes(50, 50, [(20, 20, 30, 30)], [1], [0.8]), truth)
    # Of class 1: a wrong one, then one of two objects.
    assert scorer.score().per_class == (None, pytest.approx(51 / 101 / 2))


def test_empty_masks_and_pictures_of_one_pixel():
    truth = masked(np.ones((1, 1, 1), bool), [0])
    for filled, value in ((True, 1), (False, 0)):
        score = scored_masks([(masked(np.full((1, 1, 1), filled), [0], [0.5]), truth)])
        assert (score.mask_ap, score.boundary_ap) == (value, value)
    nothing = masked(np.zeros((1, 4, 4), bool), [0])
    assert scored_masks([(nothing, nothing)]).mask_ap == 0


def test_no_pictures_have_no_score():
    with pytest.raises(ValueError, match="truths must be counts"):
        BoxScorer(3, (0, 1)).score()


def test_contributions_follow_the_headline():
    scorer, masks = BoxScorer(CLASSES, EVERY), MaskScorer(CLASSES, EVERY)
    for pair in made_set(5, 10, with_masks=True):
        scorer.update(*pair)
        masks.update(*pair)
    for names, each in ((BOX_METRICS, scorer), (MASK_METRICS, masks)):
        score, statistics = each.score(), each.statistics()
        assert [kept.score for kept in statistics] == pytest.approx([getattr(score, name) for name in names])


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("found", "message"),
    [
        (boxes(50, 51, [], []), r"one size, got \(50, 51\) and \(50, 50\)"),
        (
            boxes(50, 50, [(0, 0, 1, 1)], [CLASSES]),
            f"prediction must hold class indices below {CLASSES}, got 4",
        ),
        (boxes(50, 50, [(0, 0, np.nan, 1)], [0]), "boxes and scores of the prediction must be finite, got"),
        (boxes(50, 50, [(0, 0, 1, 1)], [0], [np.inf]), "must be finite, got .* with score inf"),
    ],
)
def test_bad_objects_are_refused(found: Objects, message: str):
    for scorer in (BoxScorer(CLASSES, EVERY), MaskScorer(CLASSES, EVERY)):
        with pytest.raises(ValueError, match=message):
            scorer.update(found, boxes(50, 50, [], []))


def test_boxes_alone_are_no_masks():
    with pytest.raises(ValueError, match="must have masks to be scored by them, got 1 boxes alone"):
        MaskScorer(CLASSES, EVERY).update(boxes(50, 50, [(0, 0, 1, 1)], [0]), boxes(50, 50, [], []))


# --- Differences ---


def test_a_difference_by_hand():
    reference = masked(
        square(20, 20, (0, 0, 4, 4), (10, 10, 20, 20), (0, 12, 4, 16)), [0, 1, 0], [0.9, 0.8, 0.7]
    )
    objects = masked(
        square(20, 20, (0, 0, 4, 3), (10, 10, 20, 20), (8, 0, 12, 2), (0, 12, 4, 16)),
        [0, 1, 0, 1],
        [0.9, 0.8, 0.7, 0.5],
    )
    found = object_difference(objects, reference)
    assert (found.matched, found.only_here, found.only_there) == (2, 2, 1)
    assert found.mean_iou == pytest.approx((12 / 16 + 1) / 2)
    # A row of 4 that the first lacks, 8 pixels of the third, and 16 that are of another class.
    assert found.share == pytest.approx((4 + 8 + 16) / 400)
    surer = object_difference(objects, reference, threshold=0.75)
    assert (surer.matched, surer.only_here, surer.only_there, surer.share) == (2, 0, 0, 4 / 400)


def test_the_best_pairs_come_first():
    """Both overlap the one, the second more."""
    reference = boxes(20, 20, [(0, 0, 10, 10)], [0])
    objects = boxes(20, 20, [(0, 0, 10, 7), (0, 0, 10, 9)], [0, 0], [0.9, 0.8])
    pairs = object_pairs(objects, reference)
    assert (pairs.here.tolist(), pairs.there.tolist()) == ([1], [0])
    assert pairs.ious.tolist() == pytest.approx([0.9])


def test_equal_answers_do_not_differ():
    for found, _ in made_set(3, 6, with_masks=True):
        same = object_difference(found, found, threshold=0.0)
        filled = int(found.masks.any((1, 2)).sum())
        assert (same.matched, same.share) == (filled, 0)
        assert same.only_here == same.only_there == len(found) - filled
        assert same.mean_iou is None if not filled else same.mean_iou == 1


def test_boxes_differ_by_the_pixels_in_them():
    found = boxes(10, 10, [(1, 2, 4.4, 5.6)], [0])
    (region,) = regions(found)
    expected = [[1 <= x + 0.5 < 4.4 and 2 <= y + 0.5 < 5.6 for x in range(10)] for y in range(10)]
    assert region.tolist() == expected
    nothing = boxes(10, 10, [], [])
    difference = object_difference(nothing, found)
    assert (difference.only_there, difference.mean_iou) == (1, None)
    assert difference.share == np.sum(expected) / 100
    assert object_difference(nothing, nothing).share == 0


def test_the_window_holds_what_differs():
    reference = masked(square(60, 80, (0, 0, 10, 10), (60, 40, 70, 50)), [0, 0], [0.9, 0.9])
    missing = masked(square(60, 80, (0, 0, 10, 10)), [0], [0.9])
    window = liveliest_object_window([reference, missing], 12, reference=reference)
    assert window.x <= 60 <= 70 <= window.x + 12
    assert window.y <= 40 <= 50 <= window.y + 12
    unsure = masked(
        square(60, 80, (0, 0, 10, 10), (60, 40, 70, 50), (5, 30, 15, 40)), [0] * 3, [0.9, 0.9, 0.1]
    )
    alike = liveliest_object_window([unsure], 12, reference=reference)
    edges = {(0, 0), (60, 40)}
    assert any(alike.x <= x and alike.y <= y <= alike.y + 12 for x, y in edges)
    empty = boxes(60, 80, [], [])
    middle = liveliest_object_window([empty], 12, reference=empty)
    assert (middle.x, middle.y, middle.size) == (34, 24, 12)
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        liveliest_object_window([], 0, reference=empty)


def test_differences_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match="one size"):
        object_difference(boxes(10, 10, [], []), boxes(10, 11, [], []))
