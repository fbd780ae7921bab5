"""Merging objects and stuff into a panoptic map: by hand, and against a loop over pixels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dysample.models.annotations import Labels, Objects, Panoptic, boxes_of
from dysample.models.merging import merge
from dysample.models.object_head import ObjectDetector, ObjectHead, Widths
from tests.models.hosts import picture, small_encoder


def objects(masks: list[list[str]], classes: list[int], scores: list[float]) -> Objects:
    """Objects drawn with a # for each of their pixels."""
    drawn = np.array([[[pixel == "#" for pixel in row] for row in mask] for mask in masks])
    return record(drawn, classes, scores)


def record(masks: np.ndarray, classes: list[int], scores: list[float]) -> Objects:
    return Objects(
        *masks.shape[1:],
        boxes=boxes_of(masks),
        classes=np.array(classes, np.uint8),
        scores=np.array(scores, np.float32),
        masks=masks,
        crowd=np.zeros(len(masks), bool),
    )


def stuff(*rows: list[int]) -> Labels:
    return Labels(np.array(rows, np.uint8))


TWO = [["##..", "##.."], [".##.", ".##."]]
LAWN = stuff([7, 7, 7, 255], [7, 7, 7, 255])


def test_the_better_object_keeps_the_pixels_that_two_share():
    """Half of the second object is taken, which is not more than half."""
    found = merge(objects(TWO, [3, 1], [0.6, 0.9]), LAWN, stuff_area=1)
    assert found.segments.tolist() == [[2, 1, 1, 0], [2, 1, 1, 0]]
    assert found.classes.tolist() == [1, 3]
    np.testing.assert_allclose(found.scores, [0.9, 0.6])
    assert not found.crowd.any()


def test_an_object_is_left_out_when_more_of_it_is_taken_than_the_limit():
    found = merge(objects(TWO, [3, 1], [0.6, 0.9]), LAWN, overlap=0.49, stuff_area=1)
    assert found.segments.tolist() == [[2, 1, 1, 0], [2, 1, 1, 0]]
    assert found.classes.tolist() == [1, 7]  # the lawn shows where the object was
    assert found.scores.tolist() == [np.float32(0.9), 1]


@pytest.mark.parametrize(("threshold", "kept"), [(0.625, [1, 3]), (0.63, [1]), (0.95, [])])
def test_an_object_whose_score_equals_the_threshold_is_kept(threshold: float, kept: list[int]):
    found = merge(objects(TWO, [3, 1], [0.625, 0.9]), LAWN, threshold=threshold, stuff_area=99)
    assert found.classes.tolist() == kept


@pytest.mark.parametrize(("area", "classes"), [(2, [1, 7, 8]), (3, [1, 7]), (4, [1, 7]), (5, [1])])
def test_area_counts_the_pixels_that_objects_leave(area: int, classes: list[int]):
    """Of the six pixels of class 7 an object covers two; class 8 has two."""
    lawn = stuff([7, 7, 7, 8], [7, 7, 7, 8])
    found = merge(objects([["#...", "#..."]], [1], [0.9]), lawn, stuff_area=area)
    assert found.classes.tolist() == classes
    assert found.segments[:, 0].tolist() == [1, 1]
    assert found.segments[0, 1:].tolist() == {3: [2, 2, 3], 2: [2, 2, 0], 1: [0, 0, 0]}[len(classes)]


def test_nothing_at_all():
    none = record(np.zeros((0, 2, 3), bool), [], [])
    found = merge(none, Labels(np.full((2, 3), 255, np.uint8)))
    assert not found.segments.any()
    assert len(found.classes) == len(found.scores) == len(found.crowd) == 0
    empty = merge(record(np.zeros((1, 2, 3), bool), [1], [0.9]), stuff([4, 4, 4], [4, 4, 4]), stuff_area=6)
    assert empty.classes.tolist() == [4]  # an empty mask is no segment
    assert (empty.segments == 1).all()


def by_pixels(found: Objects, ground: Labels, threshold: float, overlap: float, area: int) -> Panoptic:
    """The same rules, pixel by pixel with Python's own sets."""
    owner = dict[tuple[int, int], int]()
    classes, scores = [], []
    order = sorted(range(len(found)), key=lambda row: -found.scores[row])
    for row in order:
        pixels = {(int(y), int(x)) for y, x in zip(*np.nonzero(found.masks[row]), strict=True)}
        taken = pixels & owner.keys()
        if found.scores[row] < threshold or pixels == taken or len(taken) / len(pixels) > overlap:
            continue
        classes.append(found.classes[row])
        scores.append(found.scores[row])
        owner |= dict.fromkeys(pixels - taken, len(classes))
    for label in range(255):
        pixels = {(int(y), int(x)) for y, x in zip(*np.nonzero(ground.classes == label), strict=True)}
        pixels -= owner.keys()
        if pixels and len(pixels) >= area:
            classes.append(label)
            scores.append(1)
            owner |= dict.fromkeys(pixels, len(classes))
    segments = np.zeros(ground.classes.shape, np.uint8)
    for (y, x), number in owner.items():
        segments[y, x] = number
    return Panoptic(
        segments, np.array(classes, np.uint8), np.array(scores, np.float32), np.zeros(len(classes), bool)
    )


@pytest.mark.parametrize("seed", range(8))
def test_against_a_loop_over_pixels(seed: int):
    random = np.random.default_rng(seed)
    masks = np.zeros((9, 12, 15), bool)
    for mask in masks:
        top, left = random.integers(0, 9, 2)
        mask[top : top + random.integers(1, 8), left : left + random.integers(1, 8)] = True
    many = record(masks, random.integers(1, 6, 9).tolist(), random.random(9).tolist())
    ground = Labels(random.choice(np.array([6, 7, 8, 255], np.uint8), (12, 15)))
    threshold, overlap, area = 0.3, random.choice([0.2, 0.5, 0.8]), int(random.integers(1, 40))
    found = merge(many, ground, threshold=threshold, overlap=overlap, stuff_area=area)
    expected = by_pixels(many, ground, threshold, overlap, area)
    for name in ("segments", "classes", "scores", "crowd"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_what_is_refused():
    boxes = replace(objects(TWO, [1, 1], [1, 1]), masks=None)
    with pytest.raises(ValueError, match="objects must have masks to be merged with stuff, got boxes only"):
        merge(boxes, LAWN)
    with pytest.raises(ValueError, match=r"stuff must have the size \(2, 4\) of the objects, got \(1, 2\)"):
        merge(objects(TWO, [1, 1], [1, 1]), stuff([1, 1]))
    many = record(np.eye(256, dtype=bool)[:, None], [1] * 256, [1.0] * 256)
    with pytest.raises(ValueError, match="at most 255 segments, got 256"):
        merge(many, Labels(np.full((1, 256), 255, np.uint8)))


def test_the_small_network_s_picture():
    """Its objects and its stuff are merged under the classes of its task."""
    encoder = small_encoder()
    head = ObjectHead(encoder.channels, widths=Widths(32, 32, 32, 16), things=3, stuff=2)
    with torch.no_grad():
        found = ObjectDetector(encoder, head.eval())(picture(64, 80, batch=2))
    objects, ground = found.objects(1, (2, 3, 4)), found.stuff(1, (0, 1))
    assert len(objects) == len(found.boxes[1]) > 0
    assert objects.classes.tolist() == [label + 1 for label in found.labels[1].tolist()]
    for row, classes in ((0, ground.classes[0]), (63, ground.classes[63])):
        logits = found.semantic[1, :, row].numpy()
        assert [[0, 1, 255][k] for k in logits.argmax(0)] == classes.tolist()
    panoptic = merge(objects, ground, threshold=0.3, stuff_area=1)
    expected = by_pixels(objects, ground, 0.3, 0.5, 1)
    np.testing.assert_array_equal(panoptic.segments, expected.segments)
    assert panoptic.classes.tolist() == expected.classes.tolist()
