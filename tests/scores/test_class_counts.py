"""Counts of pixels by class against hand-counted cases."""

import numpy as np

from dysample.scores.segmentation import BoundaryOverlap, ConfusionMatrix


def test_confusion_by_hand():
    target = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
    prediction = np.array([[0, 1, 1], [1, 1, 3]], np.uint8)
    matrix = ConfusionMatrix(4)
    matrix.update(prediction, target)
    matrix.update(prediction, target)
    assert matrix.counts.tolist() == [[2, 2, 0, 0], [0, 4, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0]]
    # Class 0: 1 of 2. Class 1: 2 of 4. Class 2: missed. Class 3: only predicted where ignored.
    assert matrix.iou == (0.5, 0.5, 0.0, None)


def test_boundary_by_hand():
    """Two 10x10 squares, moved by one column, in 40x30: the diagonal is 50, so d = 1."""
    target = np.zeros((40, 30), np.uint8)
    target[10:20, 10:20] = 1
    prediction = np.roll(target, 1, axis=1)
    overlap = BoundaryOverlap(2)
    overlap.update(prediction, target)
    # Rings of 36 pixels share 9 columns of the top and the bottom row, and nothing else.
    assert overlap.intersection[1] == 18
    assert overlap.union[1] == 36 + 36 - 18
    # Background: a frame of 136 pixels at the image's border and a ring of 44 around the square.
    assert overlap.intersection[0] == 136 + 2 * 11
    assert overlap.union[0] == 2 * (136 + 44) - overlap.intersection[0]


def test_image_border_is_boundary():
    overlap = BoundaryOverlap(1)
    overlap.update(np.zeros((300, 400), np.uint8), np.zeros((300, 400), np.uint8))
    assert overlap.union[0] == 300 * 400 - 280 * 380  # d = 0.02 * 500 = 10
